//! Finds out quickly how much more a way carries: a few packets sent faster than it is believed to carry, and how fast
//! they arrive. Without it an estimate grows by 8 % a second only.
//!
//! It must never know what the packets are.

/// A probe lasts at least this, microseconds. As libwebrtc's.
const PROBE_US: u64 = 15_000;

/// And has at least this many packets. As libwebrtc's.
pub(crate) const MIN_PACKETS: usize = 5;

/// And at most this many: 15 ms at 10 Mb/s have 16.
pub(crate) const MAX_PACKETS: usize = 40;

/// A probe asks for this much more than is believed. Two of them find 2.7 Mb/s from 300 kb/s.
const STEP: f64 = 3.0;

/// After a probe that found more, microseconds: there may be more still.
const NEXT_US: u64 = 20_000;

/// After one that did not, where little is believed: a way that widens is used within 3 s, and a narrow one has to carry
/// 20 kb/s of probes.
const RETRY_US: u64 = 800_000;

/// And where much is: a probe is large there, and the picture is good already.
const RETRY_WIDE_US: u64 = 2_500_000;

/// Much, bits per second.
const WIDE_BPS: f64 = 1_500_000.0;

/// News for the worse puts a probe off by this ...
const POSTPONE_US: u64 = 400_000;

/// ... but not further than this after the one before: scatter looks like bad news again and again.
const POSTPONE_MOST_US: u64 = 2_500_000;

/// A probe that the way did not carry leaves a queue behind, which is no news for this long.
const ECHO_US: u64 = 250_000;

/// What is not acknowledged by then is lost.
const PATIENCE_US: u64 = 600_000;

/// Arrived at this share of the speed it was sent with: the way carries it.
const CARRIED: f64 = 0.85;

/// A probe that arrived slower than it was sent, but this much faster than is believed, found more.
const MORE: f64 = 1.3;

/// A probe to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Names it; never 0.
    pub(crate) id: u32,
    /// How fast, bits per second.
    pub(crate) bps: f64,
    /// How much, bytes (in at least [`MIN_PACKETS`] packets).
    pub(crate) bytes: usize,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The way carries at least this, bits per second.
    Carries(f64),
    /// The way is full at about this.
    Full(f64),
    /// Too little of it arrived to say.
    Unknown,
}

#[derive(Debug)]
struct Running {
    id: u32,
    believed: f64,
    started_us: u64,
    sent: Vec<(u64, usize)>,
    arrived: Vec<(u64, usize)>,
    lost: usize,
    complete: bool,
}

/// The probes of one viewer, one at a time.
#[derive(Debug)]
pub(crate) struct Probes {
    last_id: u32,
    running: Option<Running>,
    next_us: u64,
    ended_us: u64,
    echo_us: u64,
}

impl Probes {
    /// The first may come after `first_us`.
    pub(crate) fn new(first_us: u64) -> Probes {
        Probes {
            last_id: 0,
            running: None,
            next_us: first_us,
            ended_us: first_us,
            echo_us: 0,
        }
    }

    /// The way changed for the worse: not so soon.
    pub(crate) fn postpone(&mut self, now_us: u64) {
        let until_us = (now_us + POSTPONE_US).min(self.ended_us + POSTPONE_MOST_US);
        self.next_us = self.next_us.max(until_us);
    }

    /// This is no time for one.
    pub(crate) fn wait(&mut self, now_us: u64) {
        self.next_us = self.next_us.max(now_us + POSTPONE_US);
    }

    /// When to look for a probe, or for what became of the running one.
    pub(crate) fn look_us(&self) -> u64 {
        match &self.running {
            Some(running) => running.started_us + PATIENCE_US,
            None => self.next_us,
        }
    }

    /// A probe, if one is due: from `believed` towards `wanted` bits per second.
    pub(crate) fn plan(&mut self, believed: f64, wanted: f64, now_us: u64) -> Option<Plan> {
        if self.running.is_some() || now_us < self.next_us || believed >= wanted {
            return None;
        }
        let bps = (believed * STEP).min(wanted * 1.1);
        self.last_id = self.last_id.wrapping_add(1).max(1);
        self.running = Some(Running {
            id: self.last_id,
            believed,
            started_us: now_us,
            sent: Vec::new(),
            arrived: Vec::new(),
            lost: 0,
            complete: false,
        });
        Some(Plan {
            id: self.last_id,
            bps,
            bytes: (bps * PROBE_US as f64 / 8e6) as usize,
        })
    }

    /// The probe that is being sent, or 0. Everything that leaves meanwhile counts for it.
    pub(crate) fn current(&self) -> u32 {
        self.running
            .as_ref()
            .filter(|running| !running.complete)
            .map_or(0, |running| running.id)
    }

    /// The queue on the way may be a probe's.
    pub(crate) fn echoes(&self, now_us: u64) -> bool {
        self.running.is_some() || now_us < self.echo_us
    }

    /// One of its packets left.
    pub(crate) fn sent(&mut self, id: u32, len: usize, now_us: u64) {
        if let Some(running) = self.running.as_mut().filter(|running| running.id == id) {
            running.sent.push((now_us, len));
        }
    }

    /// All of them left (or none could).
    pub(crate) fn complete(&mut self, id: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.id == id) {
            running.complete = true;
        }
    }

    /// One of its packets arrived.
    pub(crate) fn arrived(&mut self, id: u32, len: usize, arrival_us: u64) {
        if let Some(running) = self.running.as_mut().filter(|running| running.id == id) {
            running.arrived.push((arrival_us, len));
        }
    }

    /// One of its packets did not.
    pub(crate) fn lost(&mut self, id: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.id == id) {
            running.lost += 1;
        }
    }

    /// What became of the running one, when all of it is reported or time is over.
    pub(crate) fn outcome(&mut self, now_us: u64) -> Option<Outcome> {
        let running = self.running.as_ref()?;
        let all = running.complete && running.arrived.len() + running.lost >= running.sent.len();
        if !all && now_us < running.started_us + PATIENCE_US {
            return None;
        }
        let running = self.running.take()?;
        let outcome = judge(&running);
        self.ended_us = now_us;
        let more = match outcome {
            Outcome::Carries(_) => true,
            Outcome::Full(bps) => bps > running.believed * MORE,
            Outcome::Unknown => false,
        };
        if !matches!(outcome, Outcome::Carries(_)) {
            self.echo_us = now_us + ECHO_US;
        }
        self.next_us = now_us
            + match more {
                true => NEXT_US,
                false if running.believed < WIDE_BPS => RETRY_US,
                false => RETRY_WIDE_US,
            };
        Some(outcome)
    }
}

fn judge(running: &Running) -> Outcome {
    // Of the first packet only its end is known, so its bytes do not count; on the sending side the last one's.
    if running.arrived.len() < 3 || running.arrived.len() * 5 < running.sent.len() * 4 {
        return Outcome::Unknown;
    }
    let rate = |times: &[(u64, usize)], leave_out_last: bool| {
        let first = times.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let last = times.iter().map(|(at, _)| *at).max().unwrap_or(0);
        let all: usize = times.iter().map(|(_, len)| len).sum();
        let edge = if leave_out_last {
            times.last()
        } else {
            times.first()
        };
        let bytes = all.saturating_sub(edge.map_or(0, |(_, len)| *len));
        bytes as f64 * 8e6 / last.saturating_sub(first).max(500) as f64
    };
    let (sent, arrived) = (rate(&running.sent, true), rate(&running.arrived, false));
    if arrived >= sent * CARRIED {
        Outcome::Carries(sent.min(arrived))
    } else {
        Outcome::Full(arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(probes: &mut Probes, believed: f64, link_bps: f64, now_us: u64) -> Outcome {
        let plan = probes.plan(believed, 3e6, now_us).expect("a probe is due");
        let (mut at, mut free, mut bytes) = (now_us, now_us as f64, 0);
        while bytes < plan.bytes || bytes < 5 * 400 {
            probes.sent(plan.id, 400, at);
            free = free.max(at as f64) + 400.0 * 8e6 / link_bps;
            probes.arrived(plan.id, 400, free as u64 + 10_000);
            at += (400.0 * 8e6 / plan.bps) as u64;
            bytes += 400;
        }
        probes.complete(plan.id);
        probes.outcome(at).expect("all has arrived")
    }

    #[test]
    fn a_wide_way_is_found_in_three_steps_and_a_narrow_one_is_left_alone() {
        let mut probes = Probes::new(0);
        let (mut believed, mut now_us, mut steps) = (300_000.0, 0, 0);
        while believed < 3e6 {
            match run(&mut probes, believed, 10e6, now_us) {
                Outcome::Carries(bps) => believed = bps,
                other => panic!("{other:?}"),
            }
            now_us += 300_000;
            steps += 1;
            assert!(steps <= 3, "{believed}");
        }
        let mut probes = Probes::new(0);
        match run(&mut probes, 300_000.0, 330_000.0, 0) {
            Outcome::Full(bps) => assert!((250_000.0..400_000.0).contains(&bps), "{bps}"),
            other => panic!("{other:?}"),
        }
        assert!(
            probes.plan(300_000.0, 3e6, 500_000).is_none(),
            "not again so soon"
        );
    }

    #[test]
    fn a_probe_that_is_lost_ends() {
        let mut probes = Probes::new(0);
        let plan = probes.plan(1e6, 3e6, 0).expect("due");
        probes.sent(plan.id, 1000, 0);
        probes.complete(plan.id);
        assert_eq!(probes.outcome(100_000), None);
        assert_eq!(probes.outcome(600_000), Some(Outcome::Unknown));
    }
}
