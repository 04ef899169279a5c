//! The picture as the encoders take it: 4:2:0 planes that stay, of which only what changed is written again.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use media_packet::VideoCodec;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420,
};

use super::ScreenError;
use super::area::Area;
use super::changes::{Changes, SIDE};
use super::display::PIXEL_LEN;

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

/// Converts pixels to samples, a row of macroblocks at a time: so much stays in the processor's nearest cache until it is
/// compared with what was there, and most is the same and written nowhere else.
pub(super) struct Converter {
    matrix: YuvStandardMatrix,
    strip: [Vec<u8>; 3],
}

impl Converter {
    /// For pictures that are so wide at most, even.
    pub(super) fn new(codec: VideoCodec, width: u32) -> Self {
        let samples = (width * SIDE) as usize;
        Self {
            matrix: matrix(codec),
            strip: [samples, samples / 4, samples / 4].map(|len| vec![0; len]),
        }
    }

    /// Brings `pixels` (of `area` alone, B G R x, without gaps) into that area of the picture, which is bounded by
    /// macroblocks; marks those whose samples are not what they were.
    pub(super) fn convert(
        &mut self,
        picture: &mut frame::Video,
        area: Area,
        pixels: &[u8],
        changes: &mut Changes,
    ) -> Result<(), ScreenError> {
        let strides = [0, 1, 2].map(|plane| picture.stride(plane));
        let planes = planes_mut(picture);
        let (wide, left) = (area.width() as usize, area.left as usize);
        let rows = pixels.chunks((area.width() * PIXEL_LEN * SIDE) as usize);
        for (top, pixels) in (area.top..area.bottom).step_by(SIDE as usize).zip(rows) {
            let high = SIDE.min(area.bottom - top);
            self.convert_strip(area.width(), high, pixels)?;
            let marks = &mut changes.row_mut((top / SIDE) as usize)[left / SIDE as usize..];
            for (plane, strip) in self.strip.iter().enumerate() {
                let shift = usize::from(plane > 0);
                let begin = (top as usize >> shift) * strides[plane] + (left >> shift);
                let old = planes[plane][begin..].chunks_mut(strides[plane]);
                let new = strip.chunks_exact(wide >> shift);
                for (old, new) in old.zip(new).take(high as usize >> shift) {
                    match shift {
                        0 => renew::<{ SIDE as usize }>(old, new, marks),
                        _ => renew::<{ SIDE as usize / 2 }>(old, new, marks),
                    }
                }
            }
        }
        Ok(())
    }

    fn convert_strip(&mut self, width: u32, height: u32, pixels: &[u8]) -> Result<(), ScreenError> {
        let [y, u, v] = &mut self.strip;
        let mut target = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(y),
            y_stride: width,
            u_plane: BufferStoreMut::Borrowed(u),
            u_stride: width / 2,
            v_plane: BufferStoreMut::Borrowed(v),
            v_stride: width / 2,
            width,
            height,
        };
        let stride = width * PIXEL_LEN;
        let pixels = &pixels[..(stride * height) as usize];
        let (range, mode) = (YuvRange::Limited, YuvConversionMode::Balanced);
        bgra_to_yuv420(&mut target, pixels, stride, range, self.matrix, mode)
            .map_err(|error| ScreenError::Encoder(format!("converting the picture: {error}")))
    }
}

/// Brings a row of new samples into the place of old ones, and marks the macroblocks, each `N` samples wide, that differ.
fn renew<const N: usize>(old: &mut [u8], new: &[u8], marks: &mut [bool]) {
    let old = &mut old[..new.len()];
    let (old, old_edge) = old.as_chunks_mut::<N>();
    let (new, new_edge) = new.as_chunks::<N>();
    for ((old, new), mark) in old.iter_mut().zip(new).zip(&mut *marks) {
        if old != new {
            *old = *new;
            *mark = true;
        }
    }
    if old_edge != new_edge {
        old_edge.copy_from_slice(new_edge);
        marks[new.len()] = true;
    }
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

    fn paint(width: u32, height: u32, bgr: [u8; 3]) -> Vec<u8> {
        [bgr[0], bgr[1], bgr[2], 0].repeat((width * height) as usize)
    }

    fn converted(picture: &mut frame::Video, area: Area, pixels: &[u8]) -> Changes {
        let mut changes = Changes::none(picture.width(), picture.height());
        let mut converter = Converter::new(VideoCodec::H264, picture.width());
        let done = converter.convert(picture, area, pixels, &mut changes);
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
