//! Fitting a picture into a space that has another shape. Pure.

/// A rectangle inside the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From the left.
    pub(crate) x: u32,
    /// From the top.
    pub(crate) y: u32,
    /// At least 1.
    pub(crate) width: u32,
    /// At least 1.
    pub(crate) height: u32,
}

/// The largest place of shape `aspect` (width : height) in the middle of `width` x `height`.
pub(crate) fn fit(aspect: f64, width: u32, height: u32) -> Place {
    let (space_w, space_h) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let (w, h) = if space_w / space_h > aspect {
        (space_h * aspect, space_h)
    } else {
        (space_w, space_w / aspect)
    };
    // `as` saturates; the sizes are at least 1 and at most the space's.
    let w = (w.round() as u32).clamp(1, width.max(1));
    let h = (h.round() as u32).clamp(1, height.max(1));
    Place {
        x: (width.max(1) - w) / 2,
        y: (height.max(1) - h) / 2,
        width: w,
        height: h,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wide_picture_in_a_square_has_bars_above_and_below() {
        let place = fit(2.0, 100, 100);
        assert_eq!((place.x, place.y), (0, 25));
        assert_eq!((place.width, place.height), (100, 50));
    }

    #[test]
    fn a_tall_picture_in_a_square_has_bars_at_its_sides() {
        let place = fit(0.5, 100, 100);
        assert_eq!((place.x, place.y), (25, 0));
        assert_eq!((place.width, place.height), (50, 100));
    }

    proptest! {
        #[test]
        fn it_always_lies_inside(aspect in 0.05f64..20.0, width in 0u32..10_000, height in 0u32..10_000) {
            let place = fit(aspect, width, height);
            prop_assert!(place.width >= 1 && place.height >= 1);
            prop_assert!(place.x + place.width <= width.max(1));
            prop_assert!(place.y + place.height <= height.max(1));
        }
    }
}
