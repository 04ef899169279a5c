//! Everything that touches FFmpeg: reading films and live inputs, cutting them into chunks, decoding chunks.
//!
//! The only crate that uses `ffmpeg-next`. It must never know peers, sockets, signatures or schedules: it turns
//! media into bytes and bytes into frames and samples. All of it is blocking code, for threads of its own.

pub mod check;
#[cfg(target_os = "linux")]
mod clock;
pub mod compose;
pub mod cut;
pub mod decode;
#[cfg(target_os = "linux")]
pub mod hear;
pub mod live;
pub mod packets;
pub mod probe;
#[cfg(target_os = "linux")]
pub mod screen;

use std::sync::Once;

/// Readies FFmpeg for this process: registers devices and silences its own log, because what goes wrong is told
/// by our error values. Cheap and safe to call any number of times, from any thread.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // `init` fails only where FFmpeg's registration did, which never fails from FFmpeg 4 on.
        let _ = ffmpeg_next::init();
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    });
}
