//! The folder of a file, whose entry must be as durable as the file itself.
//!
//! It must never know what the file holds.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes a file's name durable after it was created or renamed (fsync(2): a file's own does not do that).
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    // Elsewhere folders cannot be opened, and need not be.
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
