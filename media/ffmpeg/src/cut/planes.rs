//! Turning a yuv420p picture by quarters of a circle. Pure.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use super::tracks::Turn;

/// The picture turned clockwise; width and height are even.
pub(crate) fn turned(source: &frame::Video, turn: Turn) -> frame::Video {
    let (width, height) = match turn {
        Turn::Cw90 | Turn::Ccw90 => (source.height(), source.width()),
        Turn::None | Turn::Half => (source.width(), source.height()),
    };
    let mut out = frame::Video::new(Pixel::YUV420P, width, height);
    for plane in 0..3 {
        let (w, h) = (
            source.plane_width(plane) as usize,
            source.plane_height(plane) as usize,
        );
        let from_stride = source.stride(plane);
        let to_stride = out.stride(plane);
        let from = source.data(plane);
        let to = out.data_mut(plane);
        for y in 0..h {
            for x in 0..w {
                let (tx, ty) = place(turn, x, y, w, h);
                to[ty * to_stride + tx] = from[y * from_stride + x];
            }
        }
    }
    out
}

/// Where the sample at (x, y) of a plane of w x h goes.
fn place(turn: Turn, x: usize, y: usize, w: usize, h: usize) -> (usize, usize) {
    match turn {
        Turn::None => (x, y),
        Turn::Cw90 => (h - 1 - y, x),
        Turn::Half => (w - 1 - x, h - 1 - y),
        Turn::Ccw90 => (y, w - 1 - x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_left_corner_goes_where_a_clock_takes_it() {
        assert_eq!(place(Turn::Cw90, 0, 0, 4, 2), (1, 0));
        assert_eq!(place(Turn::Half, 0, 0, 4, 2), (3, 1));
        assert_eq!(place(Turn::Ccw90, 0, 0, 4, 2), (0, 3));
    }
}
