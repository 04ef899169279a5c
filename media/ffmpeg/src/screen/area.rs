//! Rectangles of a picture. Pure.

use super::changes::SIDE;

/// Pixels from (`left`, `top`) up to but not including (`right`, `bottom`); never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
}

impl Area {
    /// A whole picture; both sides are at least 1.
    pub(super) fn whole(width: u32, height: u32) -> Self {
        Self {
            left: 0,
            top: 0,
            right: width,
            bottom: height,
        }
    }

    /// What of a rectangle at (x, y) is inside a picture, grown to whole macroblocks as far as the picture has them.
    /// `None`: nothing.
    pub(super) fn inside(
        x: i32,
        y: i32,
        width: u32,
        height: u32,
        picture: (u32, u32),
    ) -> Option<Self> {
        let clip = |from: i32, length: u32, limit: u32| {
            let from = i64::from(from);
            let to = from + i64::from(length);
            let limit = i64::from(limit);
            let (from, to) = (from.clamp(0, limit) as u32, to.clamp(0, limit) as u32);
            (from < to).then(|| {
                let to = to.next_multiple_of(SIDE).min(limit as u32);
                (from / SIDE * SIDE, to)
            })
        };
        let (left, right) = clip(x, width, picture.0)?;
        let (top, bottom) = clip(y, height, picture.1)?;
        Some(Self {
            left,
            top,
            right,
            bottom,
        })
    }

    pub(super) fn width(&self) -> u32 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// The smallest rectangle around both.
    pub(super) fn around(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PICTURE: (u32, u32) = (1280, 700);

    proptest! {
        #[test]
        fn whatever_a_server_says_the_area_is_of_whole_macroblocks_inside_and_covers_what_was_visible(
            x in i32::from(i16::MIN)..=i32::from(i16::MAX), y in i32::from(i16::MIN)..=i32::from(i16::MAX),
            width in 0u32..=65535, height in 0u32..=65535,
            px in 0u32..1280, py in 0u32..700,
        ) {
            let visible = |p: u32, from: i32, length: u32| i64::from(p) >= i64::from(from) && i64::from(p) < i64::from(from) + i64::from(length);
            let point_is_damaged = visible(px, x, width) && visible(py, y, height);
            let area = Area::inside(x, y, width, height, PICTURE);
            if let Some(a) = area {
                prop_assert!(a.left < a.right && a.right <= 1280 && a.top < a.bottom && a.bottom <= 700);
                let on_grid = |at: u32, end: u32| at.is_multiple_of(SIDE) || at == end;
                prop_assert!(on_grid(a.left, 0) && on_grid(a.right, 1280) && on_grid(a.top, 0) && on_grid(a.bottom, 700));
            }
            if point_is_damaged {
                let a = area.expect("a visible point makes an area");
                prop_assert!(px >= a.left && px < a.right && py >= a.top && py < a.bottom);
            }
        }
    }

    #[test]
    fn two_areas_make_the_rectangle_around_both() {
        let a = Area::inside(3, 3, 2, 2, PICTURE).expect("visible");
        let b = Area::inside(100, 50, 1, 1, PICTURE).expect("visible");
        let both = a.around(b);
        assert_eq!(
            (both.left, both.top, both.right, both.bottom),
            (0, 0, 112, 64)
        );
        assert_eq!(Area::inside(1280, 0, 10, 10, PICTURE), None);
        assert_eq!(Area::inside(-5, 0, 5, 10, PICTURE), None);
    }
}
