//! What a picture has, and that two of them are equal where no change is said.

use proptest::prelude::*;

use super::*;
use crate::pieces::{is_inside, pieces};

/// A picture every so often: 60 a second.
const FRAME_US: u64 = 16_667;

/// A picture's pixels; none: nothing was painted there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raster {
    width: u16,
    height: u16,
    pixels: Vec<Option<Colour>>,
}

impl Raster {
    fn new(width: u16, height: u16) -> Self {
        Self {
            width,
            height,
            pixels: vec![None; usize::from(width) * usize::from(height)],
        }
    }

    fn fill(&mut self, one: Rect, colour: Colour) {
        let range = |at: i16, length: u16, end: u16| {
            let first = i32::from(at).clamp(0, end.into());
            let last = (i32::from(at) + i32::from(length)).clamp(0, end.into());
            first as usize..last as usize
        };
        for y in range(one.y, one.height, self.height) {
            for x in range(one.x, one.width, self.width) {
                self.pixels[y * usize::from(self.width) + x] = Some(colour);
            }
        }
    }

    fn paint(&mut self, layers: &[Layer]) {
        for (colour, rects) in layers {
            for &one in rects {
                self.fill(one, *colour);
            }
        }
    }

    fn of(moment: &Moment, layers: &[Layer]) -> Self {
        let mut raster = Self::new(moment.width, moment.height);
        raster.paint(layers);
        raster
    }

    /// What a change covers.
    fn covered(moment: &Moment, change: &Change) -> Self {
        let mut covered = Self::new(moment.width, moment.height);
        match change {
            Change::All => covered.pixels.fill(Some(WHITE)),
            Change::Only(rects) => {
                for &one in rects {
                    covered.fill(one, WHITE);
                }
            }
        }
        covered
    }

    fn painted(&self) -> usize {
        self.pixels.iter().flatten().count()
    }
}

fn at(unix_us: u64) -> Moment {
    Moment {
        unix_us,
        width: 1280,
        height: 720,
        busy: false,
    }
}

/// Any time, and often one near the beginning of a second or of a tenth, where the flash or the bands change.
fn times() -> impl Strategy<Value = u64> {
    let tenths = (0_u64..200, 0_u64..40_000)
        .prop_map(|(tenth, us)| 1_700_000_000_000_000 + tenth * 100_000 - 20_000 + us);
    prop_oneof![any::<u64>().prop_map(|us| us / 2), tenths]
}

/// From a picture to the next one, to one that is soon, to any.
fn gaps() -> impl Strategy<Value = u64> {
    prop_oneof![Just(FRAME_US), 0_u64..100_000, 0..u64::MAX / 2]
}

fn inputs(width: u16, height: u16) -> impl Strategy<Value = Inputs> {
    let at = prop_oneof![(0..=width, 0..=height), any::<(u16, u16)>()];
    (any::<u16>(), at, any::<bool>()).prop_map(|(count, at, pressed)| Inputs { count, at, pressed })
}

/// Two pictures of a window, the inputs the same or not.
fn pictures() -> impl Strategy<Value = [(Moment, Inputs); 2]> {
    let sizes = prop_oneof![(1_u16..400, 1_u16..250), Just((320, 180))];
    let pictures = sizes.prop_flat_map(|(width, height)| {
        let busy = prop_oneof![4 => Just([false; 2]), 1 => any::<[bool; 2]>()];
        let other = proptest::option::of(inputs(width, height));
        (times(), gaps(), busy, inputs(width, height), other).prop_map(
            move |(unix_us, gap, busy, inputs, other)| {
                let moment = |unix_us, busy| Moment {
                    unix_us,
                    width,
                    height,
                    busy,
                };
                let other = other.unwrap_or_else(|| inputs.clone());
                [
                    (moment(unix_us, busy[0]), inputs),
                    (moment(unix_us + gap, busy[1]), other),
                ]
            },
        )
    });
    // Time may also be set back.
    (pictures, any::<bool>()).prop_map(|(mut pictures, back)| {
        if back {
            pictures.reverse();
        }
        pictures
    })
}

fn rects() -> impl Strategy<Value = Vec<Rect>> {
    let one = (-9_i32..30, -9_i32..30, 0..20, 0..20);
    let one = one.prop_map(|(x, y, width, height)| rect(x, y, width, height));
    proptest::collection::vec(one, 0..4)
}

/// Layers of few colours anywhere, unlike those of the application.
fn any_layers() -> impl Strategy<Value = Vec<Layer>> {
    proptest::collection::vec((1_u32..3, rects()), 0..4)
}

/// That painting what changed makes one picture of the other.
fn repaint(moment: &Moment, before: &[Layer], now: &[Layer]) -> Result<Change, TestCaseError> {
    let change = change(before, now);
    let mut picture = Raster::of(moment, before);
    // Whoever paints all paints a ground; nothing of the picture before is seen.
    if change == Change::All {
        picture.pixels.fill(None);
    }
    match &change {
        Change::All => picture.paint(now),
        Change::Only(parts) => {
            for (colour, one) in pieces(parts, now) {
                let inside = parts.iter().any(|&part| is_inside(one, part));
                prop_assert!(inside, "{one:?} of {parts:?}");
                picture.fill(one, colour);
            }
        }
    }
    prop_assert!(
        picture == Raster::of(moment, now),
        "{change:?} from {before:?} to {now:?}"
    );
    Ok(change)
}

proptest! {
    #[test]
    fn painting_what_changed_makes_the_picture([before, now] in pictures()) {
        let layers = |(moment, inputs): &(Moment, Inputs)| layers(moment, inputs);
        repaint(&now.0, &layers(&before), &layers(&now))?;
    }

    #[test]
    fn painting_what_changed_of_any_layers_makes_the_picture(before in any_layers(), now in any_layers()) {
        let ground = |layers| [vec![(0, vec![rect(0, 0, 30, 30)])], layers].concat();
        let moment = Moment { unix_us: 0, width: 30, height: 30, busy: false };
        repaint(&moment, &ground(before), &ground(now))?;
    }
}

#[test]
fn the_next_picture_needs_less_than_a_tenth_of_its_pixels() {
    let inputs = Inputs::default();
    let start = 1_700_000_000_000_000;
    for frame in 0..8 * 60 {
        let now = start + frame * FRAME_US;
        // The bands begin again, all at once.
        if (now + FRAME_US) % 2_000_000 < FRAME_US {
            continue;
        }
        let now = [at(now), at(now + FRAME_US)];
        let change = change(&layers(&now[0], &inputs), &layers(&now[1], &inputs));
        assert!(matches!(change, Change::Only(_)), "all at frame {frame}");
        let painted = Raster::covered(&now[1], &change).painted();
        assert!(painted < 1280 * 720 / 10, "{painted} at frame {frame}");
    }
}

#[test]
fn no_picture_of_the_clock_is_painted_as_a_whole() {
    // The largest of a minute, among them those in which the flash comes and goes and the bands begin again.
    let rects = |frame: u64| {
        let layers = |frame| layers(&at(frame * FRAME_US), &Inputs::default());
        match change(&layers(frame), &layers(frame + 1)) {
            Change::All => panic!("all at frame {frame}"),
            Change::Only(rects) => rects.len(),
        }
    };
    let most = (0..60 * 60).map(rects).max();
    assert!(most.is_some_and(|most| most <= MAX_CHANGED / 2), "{most:?}");
}

#[test]
fn a_band_that_moves_leaves_two_slivers() {
    let band = |x| [(BAND, vec![rect(x, 61, 160, 61)])];
    let slivers = vec![rect(100, 61, 3, 61), rect(260, 61, 3, 61)];
    assert_eq!(change(&band(100), &band(103)), Change::Only(slivers));
}

#[test]
fn a_part_begins_with_what_covers_it_and_has_above_only_what_is_there() {
    let layers = [
        (GROUND, vec![rect(0, 0, 90, 90)]),
        (BAND, vec![rect(0, 0, 50, 50)]),
        (BALL, vec![rect(40, 40, 20, 20)]),
    ];
    let parts = [rect(10, 10, 5, 5), rect(30, 30, 15, 5), rect(30, 45, 30, 3)];
    let painted = [
        (GROUND, parts[2]),
        (BAND, parts[0]),
        (BAND, parts[1]),
        (BAND, rect(30, 45, 20, 3)),
        (BALL, rect(40, 45, 20, 3)),
    ];
    assert_eq!(pieces(&parts, &layers), painted);
}

#[test]
fn a_picture_has_hardly_more_pieces_than_parts() {
    let inputs = Inputs::default();
    let count = |frame: u64| {
        let [before, now] = [frame, frame + 1].map(|frame| layers(&at(frame * FRAME_US), &inputs));
        let Change::Only(parts) = change(&before, &now) else {
            panic!("all at frame {frame}");
        };
        (parts.len(), pieces(&parts, &now).len())
    };
    let counts: Vec<_> = (0..60 * 60).map(count).collect();
    // The bands begin again every two seconds, and each of them is cut by digits.
    for (parts, pieces) in &counts {
        assert!(*pieces <= parts * 3, "{pieces} of {parts}");
    }
    let parts: usize = counts.iter().map(|count| count.0).sum();
    let pieces: usize = counts.iter().map(|count| count.1).sum();
    assert!(pieces * 4 <= parts * 5, "{pieces} of {parts}");
}

#[test]
fn what_stays_is_not_painted() {
    let layers = layers(&at(1_700_000_000_123_000), &Inputs::default());
    assert_eq!(change(&layers, &layers), Change::Only(Vec::new()));
}

#[test]
fn a_layer_of_another_colour_is_painted_as_before_and_now() {
    let cross = |colour, x| [(colour, vec![rect(x, 0, 9, 9), rect(x, 20, 0, 9)])];
    let both = vec![rect(5, 0, 9, 9), rect(6, 0, 9, 9)];
    assert_eq!(
        change(&cross(POINTER, 5), &cross(PRESSED, 6)),
        Change::Only(both)
    );
}

#[test]
fn a_busy_picture_is_painted_as_a_whole() {
    let busy = |unix_us| Moment {
        busy: true,
        ..at(unix_us)
    };
    let inputs = Inputs::default();
    let now = layers(&busy(FRAME_US), &inputs);
    assert_eq!(change(&layers(&busy(0), &inputs), &now), Change::All);
    assert_eq!(change(&layers(&at(0), &inputs), &now), Change::All);
}

#[test]
fn the_clock_changes_every_millisecond_and_stays_inside() {
    let moment = |unix_us| Moment {
        unix_us,
        width: 1280,
        height: 720,
        busy: true,
    };
    let now = 1_700_000_000_123_000;
    assert_ne!(clock(&moment(now)), clock(&moment(now + 1000)));
    for one in clock(&moment(now)) {
        assert!(
            one.x >= 0 && i32::from(one.x) + i32::from(one.width) <= 1280,
            "{one:?}"
        );
        assert!(
            one.y >= 0 && i32::from(one.y) + i32::from(one.height) <= 720,
            "{one:?}"
        );
    }
}

#[test]
fn the_marks_are_above_everything_and_tiny_windows_are_painted_too() {
    let inputs = Inputs {
        count: 3,
        at: (5, 6),
        pressed: true,
    };
    for (width, height) in [(1, 1), (64, 40), (1281, 719), (8192, 8192)] {
        let moment = Moment {
            unix_us: u64::MAX / 2,
            width,
            height,
            busy: width % 2 == 0,
        };
        let layers = layers(&moment, &inputs);
        assert_eq!(layers.last().map(|layer| layer.0), Some(WHITE));
        assert_eq!(layers[0].1[0].width, width);
    }
}

#[test]
fn the_beep_is_the_first_tenth_of_a_second() {
    assert!(is_beep(5_000_000) && is_beep(5_099_999));
    assert!(!is_beep(5_100_000) && !is_beep(5_999_999));
}
