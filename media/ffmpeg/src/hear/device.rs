//! FFmpeg's PulseAudio input: fragments of samples as they come. Knows nothing of time or of Opus.

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next::{Dictionary, Error, Packet, ffi};

use super::{CHANNELS, HearConfig, HearError, PACKET_SAMPLES, SAMPLE_RATE};

/// Bytes of one sample of all channels: 16 bits each, little-endian.
pub(super) const FRAME_LEN: usize = 2 * CHANNELS;

/// Bytes that the server is asked to hand over at once: one packet. The server then also makes the monitor's own block
/// this short.
const FRAGMENT_LEN: usize = PACKET_SAMPLES * FRAME_LEN;

/// FFmpeg's name of its PulseAudio input.
const FORMAT: &CStr = c"pulse";

/// A source that is being recorded.
pub(super) struct Device {
    /// Open; freed on drop.
    context: *mut ffi::AVFormatContext,
    packet: Packet,
}

impl Device {
    /// Connects. Blocks until the server answered.
    pub(super) fn open(config: &HearConfig) -> Result<Self, HearError> {
        let refused = |reason: String| HearError::Open {
            server: config.server.clone(),
            source_name: config.source.clone(),
            reason,
        };
        let source = CString::new(config.source.as_str())
            .map_err(|_| refused("its name has a byte of 0".to_owned()))?;
        let mut options = Dictionary::new();
        options.set("server", &config.server);
        options.set("name", "treecast");
        options.set("stream_name", "session");
        options.set("sample_rate", &SAMPLE_RATE.to_string());
        options.set("channels", &CHANNELS.to_string());
        options.set("fragment_size", &FRAGMENT_LEN.to_string());
        // SAFETY: a C string that outlives the call; the answer is null or static.
        let format = unsafe { ffi::av_find_input_format(FORMAT.as_ptr()) };
        if format.is_null() {
            return Err(refused("this FFmpeg has no PulseAudio input".to_owned()));
        }
        let mut context = ptr::null_mut();
        // SAFETY: the dictionary is given up to the call and taken back below; FFmpeg allocates the context, and frees it
        // itself if it fails.
        let result = unsafe {
            let mut options = options.disown();
            let result =
                ffi::avformat_open_input(&mut context, source.as_ptr(), format, &mut options);
            drop(Dictionary::own(options));
            result
        };
        if result < 0 {
            return Err(refused(Error::from(result).to_string()));
        }
        Ok(Self {
            context,
            packet: Packet::empty(),
        })
    }

    /// Waits for the next fragment; whole frames of samples.
    pub(super) fn read(&mut self) -> Result<&[u8], HearError> {
        use ffmpeg_next::packet::Mut;
        // SAFETY: the context is open and the packet ours; what it had is released first.
        let result = unsafe {
            ffi::av_packet_unref(self.packet.as_mut_ptr());
            ffi::av_read_frame(self.context, self.packet.as_mut_ptr())
        };
        if result < 0 {
            return Err(HearError::Gone(Error::from(result).to_string()));
        }
        let bytes = self.packet.data().unwrap_or_default();
        Ok(&bytes[..bytes.len() - bytes.len() % FRAME_LEN])
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: open until here, and nobody else has it.
        unsafe { ffi::avformat_close_input(&mut self.context) };
    }
}
