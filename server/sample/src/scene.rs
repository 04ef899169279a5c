//! What is to be seen: the clock's digits, the ball, the flash, the pointer, the marks; rectangles in colours. And where two
//! such pictures differ, so that no more than that is painted.
//!
//! Pure: time and input are arguments. This file must never know X11.

use crate::marks;

/// A colour, `0xRRGGBB`.
pub(crate) type Colour = u32;

/// A filled rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: i16,
    pub(crate) y: i16,
    pub(crate) width: u16,
    pub(crate) height: u16,
}

impl Rect {
    fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// What is painted at once, in one colour: rectangles.
pub(crate) type Layer = (Colour, Vec<Rect>);

/// What has to be painted of a picture, where the one before is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// All of it.
    All,
    /// What is inside of these, which may overlap and leave the picture; outside of them both pictures are equal.
    Only(Vec<Rect>),
}

/// Rectangles of a change at most: twice what a picture 16.7 ms after another one has. Each is a request or two.
const MAX_CHANGED: usize = 512;

const GROUND: Colour = 0x10_1c_2c;
const BAND: Colour = 0x16_2a_42;
const DIGITS: Colour = 0xf2_c1_4e;
const BALL: Colour = 0x4f_b4_77;
const POINTER: Colour = 0xe8_59_5a;
const PRESSED: Colour = 0xff_ff_ff;
const BLACK: Colour = 0;
const WHITE: Colour = 0xff_ff_ff;

/// What was done to the application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    /// How many there were; starts again after 65,535.
    pub(crate) count: u16,
    /// Where the pointer is.
    pub(crate) at: (u16, u16),
    /// A button is held.
    pub(crate) pressed: bool,
}

/// A moment of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Since 1970.
    pub(crate) unix_us: u64,
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Everything flickers.
    pub(crate) busy: bool,
}

/// The layers of the picture, from below to above: as many at each moment, unless it begins or ends to be busy.
pub(crate) fn layers(moment: &Moment, inputs: &Inputs) -> Vec<Layer> {
    let (width, height) = (moment.width, moment.height);
    let whole = |colour| (colour, vec![rect(0, 0, width.into(), height.into())]);
    let mut layers = vec![whole(GROUND)];
    layers.push((BAND, bands(moment)));
    if moment.busy {
        layers.extend(flicker(moment));
    }
    layers.push((DIGITS, clock(moment)));
    layers.push((BALL, vec![ball(moment)]));
    // A layer that is there without it too: so the layers keep their places.
    let flash = is_beep(moment.unix_us).then(|| flash(moment));
    layers.push((WHITE, flash.into_iter().collect()));
    let (x, y) = (i32::from(inputs.at.0), i32::from(inputs.at.1));
    let colour = if inputs.pressed { PRESSED } else { POINTER };
    layers.push((
        colour,
        vec![rect(x - 12, y - 1, 25, 3), rect(x - 1, y - 12, 3, 25)],
    ));
    let edge = (marks::ROWS * marks::CELL_HEIGHT) as i32;
    layers.push((BLACK, vec![rect(0, 0, width.into(), edge)]));
    let cells = |at: u32, row: u64| {
        let y = (at * marks::CELL_HEIGHT) as i32;
        let runs = marks::white(row, width.into());
        let each = runs.into_iter();
        let white =
            each.map(move |(x, len)| rect(x as i32, y, len as i32, marks::CELL_HEIGHT as i32));
        (WHITE, white.collect())
    };
    // A layer each: how many white runs the clock's row has does not move the other row's.
    layers.push(cells(0, marks::row(moment.unix_us)));
    let input = marks::input(inputs.count, inputs.at.0, inputs.at.1);
    layers.push(cells(1, input));
    layers
}

/// What has to be painted to come from one picture to another one.
///
/// A pixel has the colour of the uppermost layer with a rectangle there. So it stays as it is where each layer covers as it
/// did, in its colour; rectangles are compared with the one of the same index, which moves little from picture to picture.
pub(crate) fn change(before: &[Layer], now: &[Layer]) -> Change {
    if before.len() != now.len() {
        return Change::All;
    }
    let mut changed = Vec::new();
    for ((old_colour, old), (new_colour, new)) in before.iter().zip(now) {
        let pairs = if old_colour == new_colour {
            old.len().min(new.len())
        } else {
            0
        };
        for (&old, &new) in old.iter().zip(new).take(pairs) {
            without(old, new, &mut changed);
            without(new, old, &mut changed);
        }
        let alone = old[pairs..].iter().chain(&new[pairs..]);
        changed.extend(alone.filter(|one| !one.is_empty()));
        if changed.len() > MAX_CHANGED {
            return Change::All;
        }
    }
    Change::Only(changed)
}

/// Adds what another rectangle leaves of one: all, or above and below the other one in its own width, then at the sides.
fn without(one: Rect, other: Rect, parts: &mut Vec<Rect>) {
    let ([left, top], [right, bottom]) = corners(one);
    let (from, to) = corners(other);
    let (x, end_x) = (from[0].clamp(left, right), to[0].clamp(left, right));
    let (y, end_y) = (from[1].clamp(top, bottom), to[1].clamp(top, bottom));
    if x == end_x || y == end_y {
        parts.extend((!one.is_empty()).then_some(one));
        return;
    }
    let each = [
        (left, top, right, y),
        (left, end_y, right, bottom),
        (left, y, x, end_y),
        (end_x, y, right, end_y),
    ];
    // No window reaches to where `rect` would have to move a part.
    let each = each.map(|(left, top, right, bottom)| rect(left, top, right - left, bottom - top));
    parts.extend(each.iter().filter(|part| !part.is_empty()));
}

/// The upper left corner, and the lower right one, which is outside.
pub(crate) fn corners(one: Rect) -> ([i32; 2], [i32; 2]) {
    let (x, y) = (i32::from(one.x), i32::from(one.y));
    let (width, height) = (i32::from(one.width), i32::from(one.height));
    ([x, y], [x + width, y + height])
}

/// Whether the beep sounds at a moment: the first tenth of each second. The flash is white for as long.
pub(crate) fn is_beep(unix_us: u64) -> bool {
    unix_us % 1_000_000 < 100_000
}

/// Keeps to what X11 has numbers for; a negative length is none.
pub(crate) fn rect(x: i32, y: i32, width: i32, height: i32) -> Rect {
    Rect {
        x: x.clamp(i16::MIN.into(), i16::MAX.into()) as i16,
        y: y.clamp(i16::MIN.into(), i16::MAX.into()) as i16,
        width: width.clamp(0, u16::MAX.into()) as u16,
        height: height.clamp(0, u16::MAX.into()) as u16,
    }
}

/// The square that is white while the beep sounds: in the lower right corner, a twelfth of the height.
fn flash(moment: &Moment) -> Rect {
    let size = i32::from(moment.height) / 12;
    let (right, bottom) = (i32::from(moment.width), i32::from(moment.height));
    rect(right - size, bottom - size, size, size)
}

/// Slanting bands that go slowly to the right, a width in eight seconds: an encoder has something to do.
fn bands(moment: &Moment) -> Vec<Rect> {
    const STEPS: i32 = 12;
    let (width, height) = (i32::from(moment.width), i32::from(moment.height));
    let shift = (moment.unix_us % 8_000_000) as i64 * i64::from(width) / 8_000_000;
    let tall = height / STEPS + 1;
    let each = (0..STEPS).flat_map(|step| {
        (-1..4).map(move |band| {
            let x = band * width / 4 + step * tall / 2 + (shift as i32 % (width / 4).max(1));
            rect(x, step * tall, width / 8, tall)
        })
    });
    each.collect()
}

/// Squares of any colour anywhere, other ones in each picture: nothing that an encoder could foresee.
fn flicker(moment: &Moment) -> Vec<Layer> {
    const COLOURS: usize = 32;
    const SQUARES: usize = 24;
    const SIDE: u16 = 16;
    let mut state = moment.unix_us | 1;
    // xorshift64 (Marsaglia 2003).
    let mut next = |bound: u16| -> i32 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as i32 % i32::from(bound.max(1))
    };
    let mut colours = Vec::with_capacity(COLOURS);
    for _ in 0..COLOURS {
        let colour = (next(u16::MAX).unsigned_abs() << 8) ^ next(u16::MAX).unsigned_abs();
        let squares = (0..SQUARES).map(|_| {
            let (x, y) = (next(moment.width), next(moment.height));
            rect(x, y, SIDE.into(), SIDE.into())
        });
        colours.push((colour & 0xff_ff_ff, squares.collect()));
    }
    colours
}

/// A ball on its way from side to side, up and down.
fn ball(moment: &Moment) -> Rect {
    let size = i32::from(moment.height) / 12;
    let swing = |period_us: u64, length: i32| {
        let at =
            (moment.unix_us % period_us) as i64 * 2 * i64::from(length.max(1)) / period_us as i64;
        let at = at as i32;
        if at < length { at } else { 2 * length - at }
    };
    let top = (marks::ROWS * marks::CELL_HEIGHT) as i32;
    let x = swing(3_000_000, i32::from(moment.width) - size);
    let y = top + swing(1_900_000, i32::from(moment.height) - size - top);
    rect(x, y, size, size)
}

/// Which of a digit's seven segments are lit, by bits: top, upper left, upper right, middle, lower left, lower right, bottom.
const SEGMENTS: [u8; 10] = [
    0b1110111, 0b0010010, 0b1011101, 0b1011011, 0b0111010, 0b1101011, 0b1101111, 0b1010010,
    0b1111111, 0b1111011,
];

/// Hours to milliseconds of the day, UTC, in segments.
fn clock(moment: &Moment) -> Vec<Rect> {
    let ms = moment.unix_us / 1000;
    let (seconds, of_second) = (ms / 1000, ms % 1000);
    let text = format!(
        "{:02}:{:02}:{:02}.{of_second:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    let unit = (i32::from(moment.width) / 90).max(1);
    let (wide, tall) = (4 * unit, 8 * unit);
    let length: i32 = text.chars().map(|sign| advance(sign, unit)).sum();
    let mut x = (i32::from(moment.width) - length) / 2;
    let y = (i32::from(moment.height) - tall) / 2;
    let mut rects = Vec::new();
    for sign in text.chars() {
        match sign.to_digit(10) {
            Some(digit) => {
                let lit = SEGMENTS[digit as usize];
                let segments = [
                    rect(x, y, wide, unit),
                    rect(x, y, unit, tall / 2),
                    rect(x + wide - unit, y, unit, tall / 2),
                    rect(x, y + (tall - unit) / 2, wide, unit),
                    rect(x, y + tall / 2, unit, tall / 2),
                    rect(x + wide - unit, y + tall / 2, unit, tall / 2),
                    rect(x, y + tall - unit, wide, unit),
                ];
                let each = segments.into_iter().enumerate();
                rects
                    .extend(each.filter_map(|(at, one)| (lit >> (6 - at) & 1 == 1).then_some(one)));
            }
            None => {
                rects.push(rect(x, y + tall - unit, unit, unit));
                if sign == ':' {
                    rects.push(rect(x, y + tall / 3, unit, unit));
                }
            }
        }
        x += advance(sign, unit);
    }
    rects
}

fn advance(sign: char, unit: i32) -> i32 {
    if sign.is_ascii_digit() {
        6 * unit
    } else {
        2 * unit
    }
}

#[cfg(test)]
mod tests;
