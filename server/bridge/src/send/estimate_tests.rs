//! The estimate on a link with a queue, in virtual time.

use super::*;
use std::collections::BTreeMap;

/// A link of some width with an unbounded queue, 20 ms long, that loses every n-th packet; a report every 50 ms.
struct Link {
    bps: f64,
    lose_every: usize,
    free_us: f64,
    number: usize,
    fate: BTreeMap<u64, Vec<Ack>>,
}

struct World {
    estimate: Estimate,
    link: Link,
    now_us: u64,
    probe: Option<(Plan, usize, f64)>,
}

impl World {
    fn new(start: u32, link_bps: f64) -> World {
        World {
            estimate: Estimate::new(start, 100_000, 4_000_000, 0),
            link: Link {
                bps: link_bps,
                lose_every: 0,
                free_us: 0.0,
                number: 0,
                fate: BTreeMap::new(),
            },
            now_us: 0,
            probe: None,
        }
    }

    fn send(&mut self, len: usize) {
        let sequence = self.estimate.departed(0, len, self.now_us);
        self.link.number += 1;
        self.link.free_us =
            self.link.free_us.max(self.now_us as f64) + len as f64 * 8e6 / self.link.bps;
        let arrival_us = self.link.free_us as u64 + 20_000;
        let lost =
            self.link.lose_every > 0 && self.link.number.is_multiple_of(self.link.lose_every);
        let report_us = (arrival_us / 50_000 + 1) * 50_000 + 20_000;
        let ack = Ack {
            sequence,
            arrival_us: (!lost).then_some(arrival_us),
        };
        self.link.fate.entry(report_us).or_default().push(ack);
    }

    /// 30 pictures a second of `share` of the estimate, for a while.
    fn run(&mut self, seconds: f64, share: f64) {
        let end = self.now_us + (seconds * 1e6) as u64;
        let mut next_picture = self.now_us;
        while self.now_us < end {
            if self.now_us >= next_picture {
                next_picture += 33_333;
                let bytes = f64::from(self.estimate.bps()) * share / 30.0 / 8.0;
                for _ in 0..(bytes / 1200.0).ceil() as usize {
                    self.send((bytes / (bytes / 1200.0).ceil()) as usize);
                }
            }
            if self.probe.is_none() {
                self.probe = self
                    .estimate
                    .probe(self.now_us)
                    .map(|plan| (plan, 0, self.now_us as f64));
            }
            if let Some((plan, mut sent, mut next)) = self.probe.take() {
                while next <= self.now_us as f64 && (sent < plan.bytes || sent < 5 * 600) {
                    self.send(600);
                    sent += 600;
                    next += 600.0 * 8e6 / plan.bps;
                }
                if sent >= plan.bytes.max(5 * 600) {
                    self.estimate.probe_sent(plan.id);
                } else {
                    self.probe = Some((plan, sent, next));
                }
            }
            while let Some(entry) = self
                .link
                .fate
                .first_entry()
                .filter(|entry| *entry.key() <= self.now_us)
            {
                let acks = entry.remove();
                self.estimate.report(&acks, self.now_us, &mut |_| {});
            }
            self.now_us += 1_000;
        }
    }

    fn queue_ms(&self) -> f64 {
        (self.link.free_us - self.now_us as f64).max(0.0) / 1e3
    }
}

#[test]
fn a_way_that_widens_from_300_kb_to_3_mb_is_used_within_three_seconds() {
    let mut world = World::new(300_000, 330_000.0);
    world.run(5.0, 0.9);
    let before = world.estimate.bps();
    assert!((150_000..400_000).contains(&before), "{before}");
    world.link.bps = 4_500_000.0;
    world.run(3.0, 0.9);
    let after = world.estimate.bps();
    assert!(after >= 3_000_000, "{after}");
}

#[test]
fn a_good_way_is_found_at_once() {
    let mut world = World::new(500_000, 20e6);
    world.run(3.0, 0.9);
    assert!(
        world.estimate.bps() >= 3_500_000,
        "{}",
        world.estimate.bps()
    );
}

#[test]
fn a_way_that_narrows_is_followed_and_its_queue_empties() {
    let mut world = World::new(3_000_000, 5e6);
    world.run(3.0, 0.9);
    world.link.bps = 700_000.0;
    world.run(10.0, 0.9);
    let after = world.estimate.bps();
    // Nine tenths of it are sent.
    assert!((300_000..900_000).contains(&after), "{after}");
    assert!(world.queue_ms() < 400.0, "{}", world.queue_ms());
}

#[test]
fn one_lost_packet_in_twenty_changes_nothing() {
    let mut world = World::new(2_000_000, 20e6);
    world.link.lose_every = 20;
    world.run(10.0, 0.9);
    assert!(
        world.estimate.bps() >= 2_000_000,
        "{}",
        world.estimate.bps()
    );
}

#[test]
fn a_still_picture_keeps_the_estimate() {
    let mut world = World::new(2_000_000, 20e6);
    world.run(3.0, 0.9);
    let before = world.estimate.bps();
    world.run(10.0, 0.02);
    assert!(
        world.estimate.bps() >= before * 9 / 10,
        "{} {before}",
        world.estimate.bps()
    );
}

#[test]
fn reports_of_packets_that_were_never_sent_are_ignored() {
    let mut estimate = Estimate::new(1_000_000, 100_000, 4_000_000, 0);
    let acks: Vec<Ack> = (0..=u16::MAX)
        .map(|sequence| Ack {
            sequence,
            arrival_us: None,
        })
        .collect();
    estimate.report(&acks, 1_000_000, &mut |_| {});
    estimate.departed(0, 1000, 1_000_000);
    estimate.report(&acks, 2_000_000, &mut |_| {});
    assert_eq!(estimate.bps(), 1_000_000);
}
