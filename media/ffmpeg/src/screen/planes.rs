//! The picture as the encoders take it: 4:2:0 planes that stay, of which only what changed is written again.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use media_packet::VideoCodec;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420,
};

use super::ScreenError;
use super::changes::{Changes, SIDE};
use super::display::{Grabbed, PIXEL_LEN};

/// Samples of black in limited range.
const BLACK: [u8; 3] = [16, 128, 128];

/// The matrix of a codec's colours. H.264 says in its headers that it is BT.709; VP8 has no such field and is BT.601 by
/// definition (RFC 6386 section 9.2).
fn matrix(codec: VideoCodec) -> YuvStandardMatrix {
    match codec {
        VideoCodec::H264 => YuvStandardMatrix::Bt709,
        VideoCodec::Vp8 => YuvStandardMatrix::Bt601,
    }
}

/// A black picture; both sides are even.
pub(super) fn black(width: u32, height: u32) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, width, height);
    for (plane, value) in BLACK.into_iter().enumerate() {
        picture.data_mut(plane).fill(value);
    }
    picture
}

/// Macroblocks that are converted at once: their pixels and samples stay in the processor's nearest cache until they are compared
/// with what was there, and most are the same and written nowhere else.
const BATCH: usize = 24;

/// Bytes of a row of a batch's pixels, and samples of luma.
const BATCH_ROW_LEN: usize = BATCH * SIDE as usize * PIXEL_LEN as usize;
const BATCH_WIDTH: usize = BATCH * SIDE as usize;

/// Converts pixels to samples, some macroblocks at a time, side by side, wherever they are in the picture.
pub(super) struct Converter {
    matrix: YuvStandardMatrix,
    pixels: Vec<u8>,
    planes: [Vec<u8>; 3],
    /// Columns and rows of the macroblocks that are there.
    places: Vec<(usize, usize)>,
}

impl Converter {
    pub(super) fn new(codec: VideoCodec) -> Self {
        let samples = BATCH_WIDTH * SIDE as usize;
        Self {
            matrix: matrix(codec),
            pixels: vec![0; BATCH_ROW_LEN * SIDE as usize],
            planes: [samples, samples / 4, samples / 4].map(|len| vec![0; len]),
            places: Vec::with_capacity(BATCH),
        }
    }

    /// Brings the pixels of what is marked in `grabbed` into the picture; marks in `changes` those macroblocks whose samples
    /// are not what they were.
    pub(super) fn convert(
        &mut self,
        picture: &mut frame::Video,
        damaged: &Changes,
        grabbed: Grabbed<'_>,
        changes: &mut Changes,
    ) -> Result<(), ScreenError> {
        let size = (picture.width(), picture.height());
        for place in damaged.places() {
            self.fetch(place, size, grabbed);
            if self.places.len() == BATCH {
                self.bring(picture, changes)?;
            }
        }
        self.bring(picture, changes)
    }

    /// Fetches a macroblock's pixels, or as much of it as a picture of this size has.
    fn fetch(&mut self, place: (usize, usize), size: (u32, u32), grabbed: Grabbed<'_>) {
        let (left, top) = (place.0 as u32 * SIDE, place.1 as u32 * SIDE);
        let len = (SIDE.min(size.0 - left) * PIXEL_LEN) as usize;
        let at = self.places.len() * (SIDE * PIXEL_LEN) as usize;
        let rows = self.pixels.chunks_exact_mut(BATCH_ROW_LEN);
        for (row, y) in rows.zip(top..size.1) {
            let begin = (y - grabbed.top) as usize * grabbed.stride;
            let begin = begin + ((left - grabbed.left) * PIXEL_LEN) as usize;
            row[at..at + len].copy_from_slice(&grabbed.pixels[begin..begin + len]);
        }
        self.places.push(place);
    }

    /// Converts what was fetched and brings it to its places.
    fn bring(
        &mut self,
        picture: &mut frame::Video,
        changes: &mut Changes,
    ) -> Result<(), ScreenError> {
        if self.places.is_empty() {
            return Ok(());
        }
        self.convert_batch()?;
        let size = [picture.width() as usize, picture.height() as usize];
        let strides = [0, 1, 2].map(|plane| picture.stride(plane));
        let planes = planes_mut(picture);
        for (at, (column, row)) in self.places.drain(..).enumerate() {
            let mut differs = false;
            for (plane, samples) in self.planes.iter().enumerate() {
                let shift = usize::from(plane > 0);
                let side = SIDE as usize >> shift;
                let [width, height] = size.map(|samples| samples >> shift);
                let (left, top) = (column * side, row * side);
                let wide = side.min(width - left);
                let old = planes[plane].chunks_mut(strides[plane]);
                let old = old.skip(top).take(side.min(height - top));
                let new = samples.chunks_exact(BATCH_WIDTH >> shift);
                for (old, new) in old.zip(new) {
                    let (old, new) = (&mut old[left..left + wide], &new[at * side..][..wide]);
                    differs |= match side {
                        16 => renew::<16>(old, new),
                        _ => renew::<8>(old, new),
                    };
                }
            }
            changes.row_mut(row)[column] |= differs;
        }
        Ok(())
    }

    fn convert_batch(&mut self) -> Result<(), ScreenError> {
        let [y, u, v] = &mut self.planes;
        let (stride, chroma_stride) = (BATCH_WIDTH as u32, BATCH_WIDTH as u32 / 2);
        let mut target = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(y),
            y_stride: stride,
            u_plane: BufferStoreMut::Borrowed(u),
            u_stride: chroma_stride,
            v_plane: BufferStoreMut::Borrowed(v),
            v_stride: chroma_stride,
            width: self.places.len() as u32 * SIDE,
            height: SIDE,
        };
        let (pixels, stride) = (&self.pixels, BATCH_ROW_LEN as u32);
        let (range, mode) = (YuvRange::Limited, YuvConversionMode::Balanced);
        bgra_to_yuv420(&mut target, pixels, stride, range, self.matrix, mode)
            .map_err(|error| ScreenError::Encoder(format!("converting the picture: {error}")))
    }
}

/// Brings a macroblock's row of new samples, `N` or at the right edge fewer, into the place of old ones; whether they differ.
/// With their number known a row is one vector, which is compared without a call.
#[inline(always)]
fn renew<const N: usize>(old: &mut [u8], new: &[u8]) -> bool {
    if let (Some(old), Some(new)) = (old.first_chunk_mut::<N>(), new.first_chunk::<N>()) {
        let differs = old != new;
        if differs {
            *old = *new;
        }
        return differs;
    }
    let differs = old != new;
    if differs {
        old.copy_from_slice(new);
    }
    differs
}

/// Renews what is marked of `half` from the picture of twice the size: each sample is the mean of four.
pub(super) fn halve(full: &frame::Video, half: &mut frame::Video, changes: &Changes) {
    for plane in 0..3 {
        let shift = usize::from(plane > 0);
        let side = SIDE as usize >> shift;
        let (width, height) = (
            half.plane_width(plane) as usize,
            half.plane_height(plane) as usize,
        );
        let (from_stride, to_stride) = (full.stride(plane), half.stride(plane));
        let from = full.data(plane);
        let to = half.data_mut(plane);
        for (column, row) in changes.places() {
            let (left, right) = (column * side, width.min((column + 1) * side));
            for row in row * side..height.min((row + 1) * side) {
                let above = &from[2 * row * from_stride..][2 * left..2 * right];
                let below = &from[(2 * row + 1) * from_stride..][2 * left..2 * right];
                let out = &mut to[row * to_stride..][left..right];
                let (above, below) = (above.as_chunks::<2>().0, below.as_chunks::<2>().0);
                for (sample, (a, b)) in out.iter_mut().zip(above.iter().zip(below)) {
                    let sum = [a[0], a[1], b[0], b[1]].map(u16::from).iter().sum::<u16>();
                    *sample = ((sum + 2) >> 2) as u8;
                }
            }
        }
    }
}

/// All three planes at once.
fn planes_mut(picture: &mut frame::Video) -> [&mut [u8]; 3] {
    let [y, u, v] = [0, 1, 2].map(|plane| {
        let data = picture.data_mut(plane);
        (data.as_mut_ptr(), data.len())
    });
    // SAFETY: three planes of one yuv420p frame, each with its own rows of the frame's buffer; they do not overlap
    // (av_frame_get_buffer), and the exclusive borrow of the frame lasts as long as the three slices.
    unsafe {
        [
            std::slice::from_raw_parts_mut(y.0, y.1),
            std::slice::from_raw_parts_mut(u.0, u.1),
            std::slice::from_raw_parts_mut(v.0, v.1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::area::Area;

    fn paint(width: u32, height: u32, bgr: [u8; 3]) -> Vec<u8> {
        [bgr[0], bgr[1], bgr[2], 0].repeat((width * height) as usize)
    }

    fn converted(picture: &mut frame::Video, area: Area, pixels: &[u8]) -> Changes {
        let mut changes = Changes::none(picture.width(), picture.height());
        let mut damaged = changes.clone();
        damaged.mark(area);
        let grabbed = Grabbed {
            pixels,
            stride: (area.width() * PIXEL_LEN) as usize,
            left: area.left,
            top: area.top,
        };
        let mut converter = Converter::new(VideoCodec::H264);
        let done = converter.convert(picture, &damaged, grabbed, &mut changes);
        done.expect("converts");
        changes
    }

    #[test]
    fn only_the_area_changes_and_its_colours_are_bt709() {
        crate::init();
        let mut picture = black(70, 54);
        let area = Area::inside(20, 20, 50, 34, (70, 54)).expect("inside");
        let mut red = paint(54, 38, [0, 0, 255]);
        let changes = converted(&mut picture, area, &red);
        let places: Vec<_> = (1..4)
            .flat_map(|row| (1..5).map(move |column| (column, row)))
            .collect();
        assert_eq!(changes.places().collect::<Vec<_>>(), places);
        // BT.709 limited: Y 63, Cb 102, Cr 240.
        let expected = [[16, 128, 128], [63, 102, 240]];
        for (plane, shift) in [0, 1, 1].into_iter().enumerate() {
            let stride = picture.stride(plane);
            for y in 0..54usize >> shift {
                for x in 0..70usize >> shift {
                    let inside = x << shift >= 16 && y << shift >= 16;
                    let sample = picture.data(plane)[y * stride + x];
                    let expected = expected[usize::from(inside)][plane];
                    assert!(
                        sample.abs_diff(expected) <= 1,
                        "({x},{y}) of {plane}: {sample}"
                    );
                }
            }
        }
        assert!(!converted(&mut picture, area, &red).is_any());
        let last = red.len() - 4;
        red[last] = 255;
        let changes = converted(&mut picture, area, &red);
        assert_eq!(changes.places().collect::<Vec<_>>(), [(4, 3)]);
    }

    #[test]
    fn an_area_within_a_larger_picture_is_the_same_as_alone() {
        crate::init();
        let (width, height) = (70usize, 54usize);
        let screen: Vec<u8> = (0..width * height * 4)
            .map(|at| (at * 31 % 251) as u8)
            .collect();
        for area in [(16, 16, 17, 20), (40, 40, 30, 14), (0, 0, 70, 54)] {
            let (x, y, wide, high) = area;
            let area = Area::inside(x, y, wide, high, (70, 54)).expect("inside");
            let there = Grabbed {
                pixels: &screen,
                stride: width * 4,
                left: 0,
                top: 0,
            };
            let rows = screen.chunks(width * 4);
            let rows = rows.skip(area.top as usize).take(area.height() as usize);
            let alone: Vec<u8> = rows
                .flat_map(|row| &row[area.left as usize * 4..area.right as usize * 4])
                .copied()
                .collect();
            let mut pictures = [black(70, 54), black(70, 54)];
            let mut changes = Changes::none(70, 54);
            let mut damaged = changes.clone();
            damaged.mark(area);
            let mut converter = Converter::new(VideoCodec::H264);
            converter
                .convert(&mut pictures[0], &damaged, there, &mut changes)
                .expect("converts");
            converted(&mut pictures[1], area, &alone);
            for plane in 0..3 {
                assert_eq!(pictures[0].data(plane), pictures[1].data(plane), "{area:?}");
            }
        }
    }

    #[test]
    fn a_halved_area_has_the_mean_colours_and_the_rest_stays() {
        crate::init();
        let mut full = black(72, 56);
        let area = Area::inside(16, 16, 32, 16, (72, 56)).expect("inside");
        let changes = converted(&mut full, area, &paint(32, 16, [255; 3]));
        let mut half = black(36, 28);
        let mut halved = Changes::none(36, 28);
        halved.add_halved(&changes);
        halve(&full, &mut half, &halved);
        let stride = half.stride(0);
        for y in 0..28usize {
            for x in 0..36usize {
                let inside = (8..24).contains(&x) && (8..16).contains(&y);
                let expected = if inside { 235 } else { 16 };
                let sample = half.data(0)[y * stride + x];
                assert!(sample.abs_diff(expected) <= 1, "({x},{y}): {sample}");
            }
        }
    }
}
