//! Whether packets take longer and longer: the delay gradient of draft-ietf-rmcat-gcc-02 section 5 with the trend line
//! that browsers use instead of its Kalman filter.
//!
//! It must never know a bit rate.

use std::collections::VecDeque;

/// Packets sent within this are one group, microseconds (section 5.2).
const GROUP_US: u64 = 5_000;

/// Points of the trend line. As libwebrtc's.
const WINDOW: usize = 20;

/// Weight of the past in the smoothed delay. As libwebrtc's.
const SMOOTHING: f64 = 0.9;

/// Makes the slope comparable with the threshold. As libwebrtc's.
const GAIN: f64 = 4.0;

/// The slope counts more the more groups it is made of, up to this many.
const MAX_DELTAS: f64 = 60.0;

/// Longer than this above the threshold is overuse, milliseconds (section 5.4).
const OVERUSE_MS: f64 = 10.0;

/// The threshold adapts (section 5.4): up at this rate ...
const THRESHOLD_UP: f64 = 0.0087;

/// ... down at this ...
const THRESHOLD_DOWN: f64 = 0.039;

/// ... between these, milliseconds.
const THRESHOLD: (f64, f64) = (6.0, 600.0);

/// Where the threshold starts, milliseconds.
const THRESHOLD_START: f64 = 12.5;

/// Slopes further above the threshold than this do not move it: a route changed.
const THRESHOLD_JUMP: f64 = 15.0;

/// Groups further apart than this say nothing about each other, microseconds: a still picture, a suspended computer.
const MAX_GAP_US: u64 = 3_000_000;

/// What the queues on the way do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// They stay as they are.
    Normal,
    /// They grow.
    Over,
    /// They empty.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent_us: u64,
    last_sent_us: u64,
    last_arrival_us: u64,
}

/// Watches the delay of packets.
#[derive(Debug)]
pub(crate) struct Trend {
    current: Option<Group>,
    previous: Option<Group>,
    points: VecDeque<(f64, f64)>,
    accumulated_ms: f64,
    smoothed_ms: f64,
    deltas: f64,
    threshold: f64,
    slope: f64,
    over_ms: f64,
    over_count: u32,
    usage: Usage,
}

impl Trend {
    /// Knows nothing yet.
    pub(crate) fn new() -> Trend {
        Trend {
            current: None,
            previous: None,
            points: VecDeque::with_capacity(WINDOW),
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            deltas: 0.0,
            threshold: THRESHOLD_START,
            slope: 0.0,
            over_ms: 0.0,
            over_count: 0,
            usage: Usage::Normal,
        }
    }

    /// What it looks like now.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet that was sent and arrived, on two clocks; in the order of sending.
    pub(crate) fn packet(&mut self, sent_us: u64, arrival_us: u64) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group {
                first_sent_us: sent_us,
                last_sent_us: sent_us,
                last_arrival_us: arrival_us,
            });
            return;
        };
        if sent_us < group.first_sent_us {
            return;
        }
        if sent_us - group.first_sent_us <= GROUP_US {
            group.last_sent_us = group.last_sent_us.max(sent_us);
            group.last_arrival_us = group.last_arrival_us.max(arrival_us);
            return;
        }
        let done = *group;
        self.current = Some(Group {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            last_arrival_us: arrival_us,
        });
        if let Some(before) = self.previous {
            let gap = done.last_sent_us.saturating_sub(before.last_sent_us);
            let arrival_gap = done.last_arrival_us.abs_diff(before.last_arrival_us);
            if gap > MAX_GAP_US || arrival_gap > MAX_GAP_US {
                self.restart();
            } else {
                let sent_ms = gap as f64 / 1e3;
                let arrived_ms =
                    (done.last_arrival_us as f64 - before.last_arrival_us as f64) / 1e3;
                self.delta(
                    arrived_ms - sent_ms,
                    sent_ms,
                    done.last_arrival_us as f64 / 1e3,
                );
            }
        }
        self.previous = Some(done);
    }

    fn restart(&mut self) {
        let threshold = self.threshold;
        let current = self.current;
        *self = Trend::new();
        self.threshold = threshold;
        self.current = current;
    }

    fn delta(&mut self, delta_ms: f64, sent_ms: f64, arrival_ms: f64) {
        self.deltas = (self.deltas + 1.0).min(MAX_DELTAS);
        self.accumulated_ms += delta_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back((arrival_ms, self.smoothed_ms));
        if self.points.len() < WINDOW {
            return;
        }
        let before = self.slope;
        self.slope = line_slope(&self.points).unwrap_or(before);
        let grade = self.slope * self.deltas * GAIN;
        if grade > self.threshold {
            self.over_ms += if self.over_count == 0 {
                sent_ms / 2.0
            } else {
                sent_ms
            };
            self.over_count += 1;
            if self.over_ms > OVERUSE_MS && self.over_count > 1 && self.slope >= before {
                self.over_ms = 0.0;
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_ms = 0.0;
            self.over_count = 0;
            self.usage = if grade < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.adapt(grade.abs(), sent_ms);
    }

    fn adapt(&mut self, grade: f64, elapsed_ms: f64) {
        if grade > self.threshold + THRESHOLD_JUMP {
            return;
        }
        let speed = if grade < self.threshold {
            THRESHOLD_DOWN
        } else {
            THRESHOLD_UP
        };
        self.threshold += speed * (grade - self.threshold) * elapsed_ms.min(100.0);
        self.threshold = self.threshold.clamp(THRESHOLD.0, THRESHOLD.1);
    }
}

/// Least squares; `None`: all points have the same time.
fn line_slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let middle_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let middle_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x - middle_x) * (y - middle_y);
        below += (x - middle_x) * (x - middle_x);
    }
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_grows_is_overuse_and_one_that_empties_is_not() {
        let mut trend = Trend::new();
        let mut delay = 20_000;
        for number in 0..100u64 {
            trend.packet(number * 20_000, number * 20_000 + delay);
        }
        assert_eq!(trend.usage(), Usage::Normal);
        let mut seen = false;
        for number in 100..140u64 {
            delay += 3_000;
            trend.packet(number * 20_000, number * 20_000 + delay);
            seen |= trend.usage() == Usage::Over;
        }
        assert!(seen, "3 ms more with every picture");
        for number in 140..200u64 {
            delay = delay.saturating_sub(4_000).max(20_000);
            trend.packet(number * 20_000, number * 20_000 + delay);
        }
        assert_ne!(trend.usage(), Usage::Over);
    }

    #[test]
    fn scatter_of_a_few_milliseconds_is_not_overuse() {
        let mut trend = Trend::new();
        for number in 0..2_000u64 {
            let scatter = (number * 7_919) % 4_000;
            trend.packet(number * 16_000, number * 16_000 + 20_000 + scatter);
            assert_ne!(trend.usage(), Usage::Over, "{number}");
        }
    }
}
