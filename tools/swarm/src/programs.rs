//! Where the programs are: beside this one, of the same build.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::error::SwarmError;

/// The folder of the programs.
#[derive(Debug, Clone)]
pub struct Programs(PathBuf);

impl Programs {
    /// Those beside the running program.
    ///
    /// # Errors
    /// When it is not known where that is.
    pub fn beside() -> io::Result<Self> {
        let mut dir = std::env::current_exe()?;
        dir.pop();
        Ok(Self(dir))
    }

    /// A command that starts one of them.
    ///
    /// # Errors
    /// When it is not there.
    pub fn command(&self, name: &'static str) -> Result<Command, SwarmError> {
        let path = self.0.join(name);
        if path.is_file() {
            Ok(Command::new(path))
        } else {
            Err(SwarmError::NoProgram {
                name,
                dir: self.0.clone(),
            })
        }
    }
}
