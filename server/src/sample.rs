//! The channel that `server run` broadcasts when nothing else is said: a film of eight seconds, kept in the program.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use server_origin::{ChannelConfig, Coding, DEFAULT_DIRECT_PEERS, OriginConfig, Source};

use crate::args::DEFAULT_PORT;
use crate::legacy::{Door, LegacySettings};
use crate::{Failure, ServerConfig};

/// The film: a test picture and a beep, H.264 and AAC, a keyframe every two seconds, so that it is cut without an encoder.
const FILM: &[u8] = include_bytes!("../assets/sample.mkv");
/// Its file in the broadcast's folder.
const FILE: &str = "sample.mkv";
/// The sample on channel 0, its film written into `dir`. Listens where it is said; else at the usual port, or at a free one
/// if that is taken.
///
/// # Errors
/// When the film cannot be written.
pub(crate) fn channel(
    dir: &Path,
    listen: Option<SocketAddr>,
    door: Option<Door>,
) -> Result<ServerConfig, Failure> {
    let film = dir.join(FILE);
    write(dir, &film).map_err(|why| Failure::System("write the sample film", why))?;
    let origin = OriginConfig {
        listen: listen.unwrap_or_else(usual_or_free),
        advertise: None,
        data_dir: dir.to_owned(),
        channels: vec![ChannelConfig {
            channel: 0,
            source: Source::Film(film),
            name: None,
            coding: Coding::default(),
            max_direct_peers: DEFAULT_DIRECT_PEERS,
            invite_valid: None,
        }],
    };
    let legacy = LegacySettings {
        door: door.unwrap_or_default(),
        ..LegacySettings::default()
    };
    Ok(ServerConfig { origin, legacy })
}

/// Writes the film unless it is there: a film that changes begins anew.
fn write(dir: &Path, film: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if fs::read(film).is_ok_and(|there| there == FILM) {
        return Ok(());
    }
    let fresh = dir.join("sample.new");
    fs::write(&fresh, FILM)?;
    fs::rename(fresh, film)
}

fn usual_or_free() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
    match UdpSocket::bind(usual) {
        Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(
                "UDP {usual} is taken: the broadcast is at a free port (--broadcast ADDR: elsewhere, --broadcast off: none)"
            );
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        }
        // What else is wrong is said by whoever listens there.
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_film_is_written_once_and_is_mended() {
        let dir = tempfile::tempdir().expect("a folder");
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = channel(dir.path(), listen, Some(Door::Closed)).expect("written");
        config.origin.check().expect("sound");
        let film = dir.path().join(FILE);
        let written = fs::metadata(&film).and_then(|it| it.modified());
        channel(dir.path(), listen, None).expect("there");
        let again = fs::metadata(&film).and_then(|it| it.modified());
        assert_eq!(written.expect("a file"), again.expect("a file"));
        fs::write(&film, "half").expect("writable");
        channel(dir.path(), listen, None).expect("mended");
        assert_eq!(fs::read(&film).expect("a file"), FILM);
    }
}
