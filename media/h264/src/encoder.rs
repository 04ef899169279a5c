//! Pictures, one after the other: what changed is coded, and what of the rest is coarse is made finer.

use crate::bits::{Bits, append_unit};
use crate::budget::{Costs, Pass};
use crate::headers;
use crate::macroblock::{Slice, Tools};
use crate::motion::{Field, Found, search};
use crate::planes::{Picture, Place, Planes, Samples, Vector};
use crate::transform::MAX_QP;

/// Finest quantiser: below it nobody sees a difference, and a simple picture would fill the line.
pub const FINEST_QP: u8 = 16;

/// A macroblock that is coarser gets this quantiser first: between it and the coarsest each step costs bits that a
/// later one has to spend again, and beyond it each doubles its bits for less and less.
const READABLE_QP: u8 = 38;

/// How much finer a macroblock becomes at a time from there on.
const REFINED_BY: u8 = 5;

/// Of which size pictures are, and how many come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Luma samples, even, 16..=4096.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// Ten times the level of ITU-T H.264 table A-1 that the stream names.
    pub level: u8,
}

impl Shape {
    /// Macroblocks in a row, and rows of them.
    pub(crate) fn macroblocks(&self) -> (usize, usize) {
        let count = |samples: u32| samples.div_ceil(16) as usize;
        (count(self.width), count(self.height))
    }
}

/// An encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// NAL units with start codes (annex B), parameter sets before each keyframe.
    pub data: Vec<u8>,
    /// It needs no picture before it.
    pub keyframe: bool,
    /// Quantiser of the coarsest macroblock that a decoder has now, 16..=51. Above [`FINEST_QP`] the same picture again makes it
    /// finer.
    pub coarsest_qp: u8,
}

/// An encoder of one stream.
pub struct Encoder {
    shape: Shape,
    tools: Tools,
    costs: Costs,
    field: Field,
    /// What a decoder had two pictures ago and has now, which take turns.
    decoded: [Planes; 2],
    /// Which of the two is the last one.
    last: usize,
    /// Macroblocks that both of the two have alike.
    alike: Vec<bool>,
    /// Those that changed since a decoder got them.
    stale: Vec<bool>,
    vectors: Vec<Vector>,
    /// Where refining goes on.
    refine_from: usize,
    /// Where the last picture had no room left for what changed: this one goes on there, so that no part waits for ever.
    resume_at: usize,
    pictures: u32,
    keyframes: u32,
}

impl Encoder {
    /// Its first picture is a keyframe.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let size = shape.macroblocks();
        let count = size.0 * size.1;
        Self {
            shape,
            tools: Tools::new(),
            costs: Costs::new(),
            field: Field::new(size),
            decoded: [Planes::new(size), Planes::new(size)],
            last: 0,
            alike: vec![false; count],
            stale: vec![true; count],
            vectors: vec![[0; 2]; count],
            refine_from: 0,
            resume_at: 0,
            pictures: 0,
            keyframes: 0,
        }
    }

    /// Encodes a picture of the encoder's size into about `share` bits; a simple one takes less. The first one is a keyframe.
    ///
    /// `changed` has the macroblocks that differ from the picture of the call before, in rows from the top; what differs and is
    /// not said stays with viewers as it was, until a keyframe. [`Picture::changes`] finds them where nobody knows them.
    ///
    /// A picture that cannot be told in 1.1 shares at the coarsest quantiser leaves what is below to the next one, which begins
    /// there. A keyframe cannot.
    ///
    /// # Panics
    ///
    /// The picture has another size, or `changed` another number of macroblocks.
    pub fn encode(
        &mut self,
        picture: &Picture<'_>,
        changed: &[bool],
        keyframe: bool,
        share: u32,
    ) -> Encoded {
        let size = (self.shape.width as usize, self.shape.height as usize);
        assert_eq!((picture.width, picture.height), size, "of another size");
        let keyframe = keyframe || self.keyframes == 0;
        assert_eq!(changed.len(), self.stale.len(), "of another size");
        for (stale, changed) in self.stale.iter_mut().zip(changed) {
            *stale |= changed;
        }
        let mut data = Vec::new();
        if keyframe {
            self.stale.fill(true);
            self.resume_at = 0;
            self.pictures = 0;
            self.keyframes += 1;
            headers::append_parameters(&mut data, &self.shape);
        }
        let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as u32;
        let to_code = count(&self.stale[self.resume_at..]);
        let all = self.stale.len() as u32;
        let pass = self.costs.begin(keyframe, to_code, all, share);
        let header = headers::Slice {
            keyframe,
            number: self.pictures,
            keyframe_id: self.keyframes % 2,
            qp: pass.qp(),
        };
        let payload = self.slice(picture, &header, pass);
        append_unit(&mut data, header.unit(), &payload);
        self.last = 1 - self.last;
        self.pictures += 1;
        let is_stale = self.stale.contains(&true);
        let coarsest = self.field.all.iter().map(|coded| coded.qp).max();
        Encoded {
            data,
            keyframe,
            coarsest_qp: match (is_stale, coarsest) {
                (false, Some(qp)) => qp,
                _ => MAX_QP,
            },
        }
    }

    fn slice(&mut self, source: &Picture<'_>, header: &headers::Slice, mut pass: Pass) -> Vec<u8> {
        let mut bits = Bits::new();
        header.write(&mut bits);
        let [one, other] = &mut self.decoded;
        let (before, now) = match self.last {
            0 => (&*one, other),
            _ => (&*other, one),
        };
        let mut slice = Slice {
            tools: &self.tools,
            bits,
            field: &mut self.field,
            before,
            now,
            is_keyframe: header.keyframe,
            told_qp: header.qp,
            skipped: 0,
        };
        let mut stopped_at = 0;
        let resume_at = std::mem::take(&mut self.resume_at);
        for place in slice.field.places() {
            let at = place.index;
            let begin = slice.bits.len();
            let bits_since = |slice: &Slice<'_>| (slice.bits.len() - begin) as u32;
            let is_full = pass.is_full();
            if self.stale[at] && is_full && self.resume_at == 0 {
                self.resume_at = at;
            }
            if self.stale[at] && !is_full && at >= resume_at {
                let source = source.samples(place);
                let last = self.vectors[at];
                self.vectors[at] = code(&mut slice, place, &source, last, pass.qp());
                self.stale[at] = false;
                self.alike[at] = false;
                pass.coded(bits_since(&slice));
                continue;
            }
            let qp = slice.field.all[at].qp;
            let is_coarse = qp > FINEST_QP && !self.stale[at];
            if is_coarse && at >= self.refine_from && pass.has_spare() {
                let source = source.samples(place);
                slice.refine(place, &source, finer(qp));
                self.alike[at] = false;
                pass.refined(bits_since(&slice));
                if !pass.has_spare() {
                    stopped_at = at + 1;
                }
            } else {
                slice.keep(place, self.alike[at]);
                self.alike[at] = true;
            }
        }
        self.refine_from = stopped_at % self.stale.len();
        self.costs.end(&pass);
        slice.finish()
    }

    /// What a decoder has after the last picture: luma, Cb and Cr, each row as long as whole macroblocks are.
    #[must_use]
    pub fn decoded(&self) -> [&[u8]; 3] {
        self.decoded[self.last].all()
    }
}

/// The next quantiser of a macroblock that has this one.
fn finer(qp: u8) -> u8 {
    match qp {
        _ if qp > READABLE_QP + REFINED_BY => READABLE_QP,
        _ => qp.saturating_sub(REFINED_BY).max(FINEST_QP),
    }
}

/// Codes a macroblock that changed; where it came from.
fn code(slice: &mut Slice<'_>, place: Place, source: &Samples, last: Vector, qp: u8) -> Vector {
    if slice.is_keyframe {
        slice.intra_below(place, source, qp, u32::MAX);
        return [0; 2];
    }
    let bit = slice.tools.bit_worth(qp);
    let Found {
        vector,
        cost,
        is_near,
        ..
    } = search(slice.field, slice.before, place, &source.luma, last, bit);
    if is_near || !slice.intra_below(place, source, qp, cost) {
        let predicted = slice.before.moved(place, vector);
        slice.inter(place, source, vector, predicted, qp);
    }
    vector
}
