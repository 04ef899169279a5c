//! The picture as the encoders take it: 4:2:0 planes that stay, of which only what changed is converted again.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use media_packet::VideoCodec;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420,
};

use super::ScreenError;
use super::area::Area;
use super::display::PIXEL_LEN;

/// Samples of black in limited range.
const BLACK: [u8; 3] = [16, 128, 128];

/// The matrix of a codec's colours. H.264 says in its headers that it is BT.709; VP8 has no such field and is BT.601 by
/// definition (RFC 6386 section 9.2).
pub(super) fn matrix(codec: VideoCodec) -> YuvStandardMatrix {
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

/// Converts `pixels` (of `area` alone, B G R x, without gaps) into that area of the picture.
pub(super) fn convert(
    picture: &mut frame::Video,
    area: Area,
    pixels: &[u8],
    matrix: YuvStandardMatrix,
) -> Result<(), ScreenError> {
    let strides = [0, 1, 2].map(|plane| picture.stride(plane));
    let [y, u, v] = planes_mut(picture);
    let at = |stride: usize, shift: u32| {
        (area.top >> shift) as usize * stride + (area.left >> shift) as usize
    };
    let mut target = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(&mut y[at(strides[0], 0)..]),
        y_stride: strides[0] as u32,
        u_plane: BufferStoreMut::Borrowed(&mut u[at(strides[1], 1)..]),
        u_stride: strides[1] as u32,
        v_plane: BufferStoreMut::Borrowed(&mut v[at(strides[2], 1)..]),
        v_stride: strides[2] as u32,
        width: area.width(),
        height: area.height(),
    };
    let stride = area.width() * PIXEL_LEN;
    let pixels = &pixels[..(stride * area.height()) as usize];
    let mode = YuvConversionMode::Balanced;
    bgra_to_yuv420(&mut target, pixels, stride, YuvRange::Limited, matrix, mode)
        .map_err(|error| ScreenError::Encoder(format!("converting the picture: {error}")))
}

/// Renews an area (of `half`) from the picture of twice the size: each sample is the mean of four.
pub(super) fn halve(full: &frame::Video, half: &mut frame::Video, area: Area) {
    for plane in 0..3 {
        let shift = u32::from(plane > 0);
        let from_stride = full.stride(plane);
        let to_stride = half.stride(plane);
        let (left, right) = (
            (area.left >> shift) as usize,
            (area.right >> shift) as usize,
        );
        let from = full.data(plane);
        let to = half.data_mut(plane);
        for row in (area.top >> shift) as usize..(area.bottom >> shift) as usize {
            let above = &from[2 * row * from_stride..][2 * left..2 * right];
            let below = &from[(2 * row + 1) * from_stride..][2 * left..2 * right];
            let out = &mut to[row * to_stride..][left..right];
            let pairs = above
                .as_chunks::<2>()
                .0
                .iter()
                .zip(below.as_chunks::<2>().0);
            for (sample, (a, b)) in out.iter_mut().zip(pairs) {
                let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
                *sample = ((sum + 2) >> 2) as u8;
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

    #[test]
    fn only_the_area_changes_and_its_colours_are_bt709() {
        crate::init();
        let mut picture = black(64, 48);
        let area = Area::inside(10, 20, 16, 8, (64, 48)).expect("inside");
        let red = paint(16, 8, [0, 0, 255]);
        convert(&mut picture, area, &red, matrix(VideoCodec::H264)).expect("converts");
        // BT.709 limited: Y 63, Cb 102, Cr 240.
        let stride = picture.stride(0);
        for y in 0..48usize {
            for x in 0..64usize {
                let inside = (10..26).contains(&x) && (20..28).contains(&y);
                let luma = i32::from(picture.data(0)[y * stride + x]);
                let expected = if inside { 63 } else { 16 };
                assert!((luma - expected).abs() <= 1, "({x},{y}): {luma}");
            }
        }
        let u = picture.data(1)[10 * picture.stride(1) + 5];
        let v = picture.data(2)[10 * picture.stride(2) + 5];
        assert!(u.abs_diff(102) <= 1 && v.abs_diff(240) <= 1, "{u} {v}");
        assert_eq!(picture.data(2)[9 * picture.stride(2) + 5], 128);
        assert_eq!(picture.data(2)[10 * picture.stride(2) + 13], 128);
    }

    #[test]
    fn a_halved_area_has_the_mean_colours_and_the_rest_stays() {
        crate::init();
        let mut full = black(64, 48);
        let area = Area::inside(16, 8, 16, 16, (64, 48)).expect("inside");
        let white = paint(16, 16, [255; 3]);
        convert(&mut full, area, &white, matrix(VideoCodec::H264)).expect("converts");
        let mut half = black(32, 24);
        halve(&full, &mut half, area.halved((32, 24)).expect("inside"));
        let stride = half.stride(0);
        for y in 0..24usize {
            for x in 0..32usize {
                let inside = (8..16).contains(&x) && (4..12).contains(&y);
                let expected = if inside { 235 } else { 16 };
                assert!(
                    half.data(0)[y * stride + x].abs_diff(expected) <= 1,
                    "({x},{y})"
                );
            }
        }
    }
}
