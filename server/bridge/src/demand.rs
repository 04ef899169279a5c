//! What the encoders are asked for, and who gets which encoding: pure rules over what is known of all viewers.
//!
//! The full rendition follows the best half: with one or two viewers the best one, with ten the fifth best. So up to half
//! of the viewers can be slow without costing the others anything, and one very fast viewer does not take the full
//! rendition from the many. Who falls behind it for a while gets the low rendition, which follows the slowest of those.
//!
//! It must never know how anything is sent.

use media_packet::Rendition;

/// A way that carries less than this share of the full rendition is too slow for it ...
const TOO_SLOW: f64 = 0.8;

/// ... if it stays so for this, microseconds.
const SLOW_US: u64 = 1_500_000;

/// A way that carries this share of it is good enough again ...
const GOOD_ENOUGH: f64 = 1.05;

/// ... if it stays so for this, microseconds.
const GOOD_US: u64 = 3_000_000;

/// The low rendition has a quarter of the pixels; more than this share of the full one's rate is wasted on it.
const LOW_SHARE: f64 = 0.5;

/// One viewer, as far as the rules need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// What its way leaves for the picture, bits per second.
    pub(crate) room_bps: u32,
    /// What it is to get.
    pub(crate) wanted: Rendition,
    /// Since when that is in doubt.
    pub(crate) doubt_us: Option<u64>,
    /// Its queue ran over: no more waiting.
    pub(crate) overflowed: bool,
}

/// What an encoder may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Of the full rendition.
    pub(crate) full_bps: u32,
    /// Of the low one, if somebody needs it.
    pub(crate) low_bps: Option<u32>,
}

/// Decides, and writes into each view what it is to get. `least` and `most` bound the full rendition.
pub(crate) fn decide(views: &mut [View], start: u32, least: u32, most: u32, now_us: u64) -> Rates {
    let most = most.max(least);
    if views.is_empty() {
        return Rates {
            full_bps: start.clamp(least, most),
            low_bps: None,
        };
    }
    let mut ways: Vec<f64> = views.iter().map(|view| f64::from(view.room_bps)).collect();
    ways.sort_by(|one, other| other.total_cmp(one));
    let follows = ways[views.len().div_ceil(2) - 1];
    let full = follows.clamp(f64::from(least), f64::from(most));
    for view in views.iter_mut() {
        settle(view, full, least, now_us);
    }
    let slowest = views
        .iter()
        .filter(|view| view.wanted == Rendition::Low)
        .map(|view| f64::from(view.room_bps))
        .min_by(f64::total_cmp);
    let low_bps = slowest.map(|bps| {
        let highest = (full * LOW_SHARE).max(f64::from(least));
        bps.clamp(f64::from(least) * LOW_SHARE, highest) as u32
    });
    Rates {
        full_bps: full as u32,
        low_bps,
    }
}

fn settle(view: &mut View, full: f64, least: u32, now_us: u64) {
    let way = f64::from(view.room_bps);
    let (doubtful, patience_us, other) = match view.wanted {
        // At the least rate the low rendition would not be lower.
        Rendition::Full => (
            way < full * TOO_SLOW && full > f64::from(least),
            SLOW_US,
            Rendition::Low,
        ),
        Rendition::Low => (way >= full * GOOD_ENOUGH, GOOD_US, Rendition::Full),
    };
    let overflowed = std::mem::take(&mut view.overflowed);
    if !doubtful {
        view.doubt_us = None;
        return;
    }
    let since = *view.doubt_us.get_or_insert(now_us);
    if now_us.saturating_sub(since) >= patience_us || (overflowed && view.wanted == Rendition::Full)
    {
        view.wanted = other;
        view.doubt_us = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(room_bps: u32) -> View {
        View {
            room_bps,
            wanted: Rendition::Full,
            doubt_us: None,
            overflowed: false,
        }
    }

    fn run(views: &mut [View], seconds: u64, from_us: u64) -> Rates {
        let mut rates = None;
        for step in 0..=seconds * 10 {
            rates = Some(decide(
                views,
                2_000_000,
                200_000,
                4_000_000,
                from_us + step * 100_000,
            ));
        }
        rates.expect("decided")
    }

    #[test]
    fn nobody_watches() {
        assert_eq!(
            run(&mut [], 1, 0),
            Rates {
                full_bps: 2_000_000,
                low_bps: None
            }
        );
    }

    #[test]
    fn one_viewer_alone_gets_a_full_rendition_that_fits() {
        let mut views = [view(1_000_000)];
        let rates = run(&mut views, 5, 0);
        assert_eq!(views[0].wanted, Rendition::Full);
        assert_eq!(
            rates,
            Rates {
                full_bps: 1_000_000,
                low_bps: None
            }
        );
    }

    #[test]
    fn a_slow_viewer_costs_only_itself_and_comes_back() {
        let mut views = [view(5_000_000), view(600_000), view(5_000_000)];
        let rates = run(&mut views, 1, 0);
        assert_eq!(
            (views[1].wanted, rates.low_bps),
            (Rendition::Full, None),
            "not at once"
        );
        let rates = run(&mut views, 3, 1_000_000);
        assert_eq!(views[1].wanted, Rendition::Low);
        assert_eq!(
            rates,
            Rates {
                full_bps: 4_000_000,
                low_bps: Some(600_000)
            }
        );
        assert_eq!(views[0].wanted, Rendition::Full);
        views[1].room_bps = 5_500_000;
        assert_eq!(
            run(&mut views, 2, 4_100_000).low_bps,
            Some(2_000_000),
            "not at once"
        );
        assert_eq!(run(&mut views, 2, 6_200_000).low_bps, None);
    }

    #[test]
    fn one_fast_viewer_does_not_take_the_picture_from_the_many() {
        let mut views = [
            view(9_000_000),
            view(2_000_000),
            view(2_000_000),
            view(2_000_000),
        ];
        let rates = run(&mut views, 5, 0);
        assert_eq!(
            rates,
            Rates {
                full_bps: 2_000_000,
                low_bps: None
            }
        );
    }

    #[test]
    fn a_queue_that_runs_over_does_not_wait() {
        let mut views = [
            view(5_000_000),
            View {
                overflowed: true,
                ..view(300_000)
            },
        ];
        decide(&mut views, 2_000_000, 200_000, 4_000_000, 0);
        assert_eq!(views[1].wanted, Rendition::Low);
    }
}
