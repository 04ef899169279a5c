//! What the encoder for screens writes, decoded by another's decoder: the samples are the very ones that the encoder has itself,
//! picture after picture.

use ffmpeg_next::codec::{self, decoder};
use ffmpeg_next::{Packet, frame};
use media_h264::{Encoded, Encoder, FINEST_QP, Picture, Shape};
use proptest::prelude::*;

/// A picture that is painted, and its encoder and decoder.
struct Stage {
    width: usize,
    height: usize,
    planes: [Vec<u8>; 3],
    /// The picture that was shown last.
    shown: [Vec<u8>; 3],
    encoder: Encoder,
    decoder: decoder::Video,
    random: u32,
}

impl Stage {
    fn new(width: u32, height: u32) -> Self {
        media_ffmpeg::init();
        let found = decoder::find(codec::Id::H264).expect("a decoder");
        let mut context = codec::Context::new_with_codec(found);
        context.set_flags(codec::Flags::LOW_DELAY);
        let (wide, high) = (width as usize, height as usize);
        let chroma = || vec![128; wide * high / 4];
        Self {
            width: wide,
            height: high,
            planes: [vec![40; wide * high], chroma(), chroma()],
            shown: [vec![16; wide * high], chroma(), chroma()],
            encoder: Encoder::new(Shape {
                width,
                height,
                level: 31,
            }),
            decoder: context.decoder().video().expect("a decoder"),
            random: 1,
        }
    }

    fn random(&mut self) -> u32 {
        // Xorshift (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }

    /// A plain rectangle, which may reach beyond the edges; chroma has it too.
    fn fill(&mut self, (x, y): (usize, usize), (wide, high): (usize, usize), colour: [u8; 3]) {
        for (plane, value) in colour.into_iter().enumerate() {
            let shift = usize::from(plane > 0);
            let (all_wide, all_high) = (self.width >> shift, self.height >> shift);
            let left = (x >> shift).min(all_wide);
            let right = ((x + wide) >> shift).min(all_wide);
            for row in (y >> shift)..((y + high) >> shift).min(all_high) {
                self.planes[plane][row * all_wide..][left..right].fill(value);
            }
        }
    }

    fn noise(&mut self) {
        for plane in 0..3 {
            for at in 0..self.planes[plane].len() {
                self.planes[plane][at] = self.random() as u8;
            }
        }
    }

    /// All of it moves; what comes in at the edges is random.
    fn scroll(&mut self, (right, down): (usize, usize)) {
        for plane in 0..3 {
            let shift = usize::from(plane > 0);
            let stride = self.width >> shift;
            let by = (down >> shift) * stride + (right >> shift);
            let by = by.min(self.planes[plane].len());
            self.planes[plane].rotate_right(by);
            for at in 0..by {
                self.planes[plane][at] = self.random() as u8;
            }
        }
    }

    /// Encodes and decodes the picture as it is; both must agree.
    fn show(&mut self, keyframe: bool, share: u32) -> Encoded {
        let strides = [self.width, self.width / 2, self.width / 2];
        let size = (self.width as u32, self.height as u32);
        let [picture, before] = [&self.planes, &self.shown]
            .map(|[y, u, v]| Picture::new(size, [y, u, v], strides).expect("a whole picture"));
        let changes = picture.changes(&before);
        let encoded = self.encoder.encode(&picture, &changes, keyframe, share);
        self.shown.clone_from(&self.planes);
        let mut decoded = frame::Video::empty();
        let packet = Packet::copy(&encoded.data);
        self.decoder.send_packet(&packet).expect("it is a stream");
        self.decoder
            .receive_frame(&mut decoded)
            .expect("a packet is a picture at once");
        assert_eq!((decoded.width(), decoded.height()), size);
        for (plane, own) in self.encoder.decoded().into_iter().enumerate() {
            let shift = usize::from(plane > 0);
            let own_stride = self.width.div_ceil(16) * (16 >> shift);
            for row in 0..self.height >> shift {
                let wide = self.width >> shift;
                assert_eq!(
                    &decoded.data(plane)[row * decoded.stride(plane)..][..wide],
                    &own[row * own_stride..][..wide],
                    "row {row} of plane {plane}"
                );
            }
        }
        encoded
    }

    /// The mean difference of what a decoder has and what was painted, levels.
    fn apart(&self) -> f64 {
        let [own, ..] = self.encoder.decoded();
        let stride = self.width.div_ceil(16) * 16;
        let rows = self.planes[0].chunks(self.width).zip(own.chunks(stride));
        let sum: u64 = rows
            .flat_map(|(one, other)| one.iter().zip(other))
            .map(|(one, other)| u64::from(one.abs_diff(*other)))
            .sum();
        sum as f64 / self.planes[0].len() as f64
    }
}

#[derive(Clone, Debug)]
enum Change {
    Fill((usize, usize), (usize, usize), [u8; 3]),
    Scroll((usize, usize)),
    Noise,
    Nothing,
    Keyframe,
}

fn change() -> impl Strategy<Value = Change> {
    let at = || (0usize..100, 0usize..80);
    prop_oneof![
        4 => (at(), at(), any::<[u8; 3]>()).prop_map(|(at, size, colour)| Change::Fill(at, size, colour)),
        2 => (0usize..20, 0usize..20).prop_map(Change::Scroll),
        1 => Just(Change::Noise),
        2 => Just(Change::Nothing),
        1 => Just(Change::Keyframe),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is shown at whatever bitrate, in whatever size.
    #[test]
    fn a_decoder_has_what_the_encoder_has(
        (columns, rows) in (8u32..60, 8u32..50),
        pictures in prop::collection::vec((change(), 200u32..200_000), 1..24),
    ) {
        let mut stage = Stage::new(columns * 2, rows * 2);
        for (change, share) in pictures {
            match change {
                Change::Fill(at, size, colour) => stage.fill(at, size, colour),
                Change::Scroll(by) => stage.scroll(by),
                Change::Noise => stage.noise(),
                Change::Nothing | Change::Keyframe => {}
            }
            stage.show(matches!(change, Change::Keyframe), share);
        }
    }
}

#[test]
fn a_still_picture_becomes_as_fine_as_can_be_and_then_costs_nothing() {
    let mut stage = Stage::new(320, 240);
    stage.noise();
    let first = stage.show(false, 20_000);
    assert!(
        first.keyframe && first.coarsest_qp > 40,
        "{}",
        first.coarsest_qp
    );
    let mut count = 0;
    while stage.show(false, 20_000).coarsest_qp > FINEST_QP {
        count += 1;
        assert!(count < 400, "it never ends");
    }
    assert!(stage.apart() < 2.0, "{}", stage.apart());
    let still = stage.show(false, 20_000);
    assert!(still.data.len() < 40, "{}", still.data.len());
}

#[test]
fn what_changes_in_a_corner_costs_no_more_than_the_corner() {
    let mut stage = Stage::new(640, 480);
    stage.fill((0, 0), (640, 240), [200, 90, 120]);
    for _ in 0..60 {
        stage.show(false, 60_000);
    }
    stage.fill((600, 440), (24, 24), [90, 20, 220]);
    let small = stage.show(false, 60_000);
    assert!(
        !small.keyframe && small.data.len() < 400,
        "{}",
        small.data.len()
    );
    assert!(stage.apart() < 0.5, "{}", stage.apart());
}

#[test]
fn a_page_that_scrolls_is_followed() {
    let mut stage = Stage::new(640, 480);
    for _ in 0..40 {
        let at = (stage.random() as usize % 600, stage.random() as usize % 440);
        stage.fill(at, (60, 9), [220, 128, 128]);
    }
    for _ in 0..40 {
        stage.show(false, 100_000);
    }
    let mut bits = 0;
    for _ in 0..10 {
        stage.scroll((0, 4));
        stage.fill((0, 0), (640, 4), [40, 128, 128]);
        bits += stage.show(false, 100_000).data.len() * 8;
    }
    assert!(bits < 10 * 20_000, "{bits}");
    assert!(stage.apart() < 2.0, "{}", stage.apart());
}

#[test]
fn no_picture_exceeds_its_share_by_much_and_no_part_waits_for_ever() {
    let mut stage = Stage::new(640, 480);
    stage.show(false, 60_000);
    let mut newest = stage.apart();
    for _ in 0..40 {
        stage.noise();
        let encoded = stage.show(false, 60_000);
        assert!(
            encoded.data.len() * 8 < 80_000,
            "{}",
            encoded.data.len() * 8
        );
        newest = stage.apart();
    }
    for _ in 0..30 {
        stage.show(false, 60_000);
    }
    assert!(stage.apart() < newest / 2.0, "{} {newest}", stage.apart());
}
