//! Rectangles of a picture. Pure.

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

    /// What of a rectangle at (x, y) is inside a picture whose sides are even, grown to even coordinates, so that it
    /// covers whole samples of colour. `None`: nothing.
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
            (from < to).then(|| (from & !1, to.next_multiple_of(2)))
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

    /// The same rectangle in a picture of half the size, again on even coordinates and inside `picture`.
    pub(super) fn halved(self, picture: (u32, u32)) -> Option<Self> {
        let left = (self.left / 2) & !1;
        let top = (self.top / 2) & !1;
        let right = self.right.div_ceil(2).next_multiple_of(2).min(picture.0);
        let bottom = self.bottom.div_ceil(2).next_multiple_of(2).min(picture.1);
        (left < right && top < bottom).then_some(Self {
            left,
            top,
            right,
            bottom,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PICTURE: (u32, u32) = (1280, 720);

    proptest! {
        #[test]
        fn whatever_a_server_says_the_area_is_inside_even_and_covers_what_was_visible(
            x in i32::from(i16::MIN)..=i32::from(i16::MAX), y in i32::from(i16::MIN)..=i32::from(i16::MAX),
            width in 0u32..=65535, height in 0u32..=65535,
            px in 0u32..1280, py in 0u32..720,
        ) {
            let visible = |p: u32, from: i32, length: u32| i64::from(p) >= i64::from(from) && i64::from(p) < i64::from(from) + i64::from(length);
            let point_is_damaged = visible(px, x, width) && visible(py, y, height);
            let area = Area::inside(x, y, width, height, PICTURE);
            if let Some(a) = area {
                prop_assert!(a.left < a.right && a.right <= 1280 && a.top < a.bottom && a.bottom <= 720);
                prop_assert!([a.left, a.top, a.right, a.bottom].iter().all(|n| n % 2 == 0));
                let half = a.halved((640, 360)).expect("half of something is something");
                prop_assert!(half.right <= 640 && half.bottom <= 360);
                prop_assert!([half.left, half.top, half.right, half.bottom].iter().all(|n| n % 2 == 0));
                prop_assert!(half.left * 2 <= a.left && half.right * 2 >= a.right);
                prop_assert!(half.top * 2 <= a.top && half.bottom * 2 >= a.bottom);
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
            (2, 2, 102, 52)
        );
        assert_eq!(Area::inside(1280, 0, 10, 10, PICTURE), None);
        assert_eq!(Area::inside(-5, 0, 5, 10, PICTURE), None);
    }
}
