//! Packets decoded again, and the colours of the picture.

use ffmpeg_next::codec::{self, decoder};
use ffmpeg_next::util::color;
use ffmpeg_next::{Packet, frame};
use media_packet::{VideoCodec, VideoPacket};

use crate::painter::Colour;

pub(crate) struct Decoder {
    inner: decoder::Video,
    codec: VideoCodec,
    picture: frame::Video,
}

impl Decoder {
    pub(crate) fn new(codec: VideoCodec) -> Self {
        media_ffmpeg::init();
        let id = match codec {
            VideoCodec::H264 => codec::Id::H264,
            VideoCodec::Vp8 => codec::Id::VP8,
        };
        let found = decoder::find(id).expect("a decoder");
        let mut context = codec::Context::new_with_codec(found);
        context.set_flags(codec::Flags::LOW_DELAY);
        let inner = context.decoder().video().expect("a decoder");
        Self {
            inner,
            codec,
            picture: frame::Video::empty(),
        }
    }

    /// Every packet gives its picture at once.
    pub(crate) fn decode(&mut self, packet: &VideoPacket) {
        assert_eq!(packet.codec, self.codec);
        self.inner
            .send_packet(&Packet::copy(&packet.data))
            .expect("what was encoded can be decoded");
        self.inner
            .receive_frame(&mut self.picture)
            .expect("a packet is a picture");
        let size = (self.picture.width(), self.picture.height());
        assert_eq!(size, (packet.width, packet.height));
        if self.codec == VideoCodec::H264 {
            assert_eq!(self.picture.color_space(), color::Space::BT709);
            assert_eq!(self.picture.color_range(), color::Range::MPEG);
        }
    }

    /// The colour of a pixel.
    pub(crate) fn colour(&self, x: usize, y: usize) -> Colour {
        let sample = |plane: usize, x: usize, y: usize| {
            f32::from(self.picture.data(plane)[y * self.picture.stride(plane) + x])
        };
        let luma = (sample(0, x, y) - 16.0) * 255.0 / 219.0;
        let cb = (sample(1, x / 2, y / 2) - 128.0) * 255.0 / 224.0;
        let cr = (sample(2, x / 2, y / 2) - 128.0) * 255.0 / 224.0;
        let (kr, kb) = match self.codec {
            VideoCodec::H264 => (0.2126, 0.0722),
            VideoCodec::Vp8 => (0.299, 0.114),
        };
        let r = luma + cr * 2.0 * (1.0 - kr);
        let b = luma + cb * 2.0 * (1.0 - kb);
        let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
        [r, g, b].map(|c| c.round().clamp(0.0, 255.0) as u8)
    }

    /// Whether a pixel has about this colour.
    pub(crate) fn shows(&self, x: usize, y: usize, colour: Colour) -> bool {
        const NEAR: u8 = 12;
        let seen = self.colour(x, y);
        seen.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= NEAR)
    }
}

/// The types of the NAL units of an access unit in Annex B form.
pub(crate) fn nal_types(data: &[u8]) -> Vec<u8> {
    data.windows(4)
        .filter(|w| w[..3] == [0, 0, 1])
        .map(|w| w[3] & 0x1f)
        .collect()
}
