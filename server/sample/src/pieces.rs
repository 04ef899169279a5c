//! How a change is painted: rectangles of one colour each, none larger than the part of the change that it is in, so that whoever
//! follows what changes on the display is told of no more than that.
//!
//! Pure. This file must never know X11, nor what the layers mean.

use crate::scene::{Colour, Layer, Rect, corners, rect};

/// What to fill, in this order, so that the parts of a picture show its layers.
///
/// A part begins with the uppermost layer of which one rectangle covers all of it: nobody sees what is below. All those
/// are first, whatever their layer, then what is above them, from the lowest layer on. So a pixel in several parts ends with its
/// uppermost layer: one of them has that above its beginning, or all begin with it.
pub(crate) fn pieces(parts: &[Rect], layers: &[Layer]) -> Vec<(Colour, Rect)> {
    let mut ranked = Vec::with_capacity(parts.len());
    for &part in parts {
        let covers = |(_, rects): &Layer| rects.iter().any(|&one| is_inside(part, one));
        let first = layers.iter().rposition(covers);
        if let Some(first) = first {
            ranked.push(((false, first), part));
        }
        let above = first.map_or(0, |first| first + 1);
        for (level, (_, rects)) in layers.iter().enumerate().skip(above) {
            let seen = rects.iter().filter(|&&one| touches(one, part));
            ranked.extend(seen.map(|&one| ((true, level), both(one, part))));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let coloured = |((_, level), one): ((bool, usize), Rect)| (layers[level].0, one);
    ranked.into_iter().map(coloured).collect()
}

/// Whether one rectangle is inside of another one.
pub(crate) fn is_inside(one: Rect, other: Rect) -> bool {
    let ([left, top], [right, bottom]) = corners(one);
    let (from, to) = corners(other);
    from[0] <= left && right <= to[0] && from[1] <= top && bottom <= to[1]
}

/// Whether two rectangles have something in common.
pub(crate) fn touches(one: Rect, other: Rect) -> bool {
    let ([left, top], [right, bottom]) = corners(one);
    let (from, to) = corners(other);
    left.max(from[0]) < right.min(to[0]) && top.max(from[1]) < bottom.min(to[1])
}

/// What two rectangles that touch have in common.
fn both(one: Rect, other: Rect) -> Rect {
    let ([left, top], [right, bottom]) = corners(one);
    let (from, to) = corners(other);
    let (x, y) = (left.max(from[0]), top.max(from[1]));
    rect(x, y, right.min(to[0]) - x, bottom.min(to[1]) - y)
}
