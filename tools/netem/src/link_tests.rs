//! What holds for every path, whatever its settings and its traffic.

use proptest::prelude::*;

use super::*;

const QUIET: Settings = Settings {
    delay_us: 0,
    jitter_us: 0,
    loss: 0.0,
    reorder: 0.0,
    rate_bit_per_s: None,
    queue_bytes: 100_000,
};

/// Packets as (microseconds after the one before, bytes).
type Traffic = Vec<(u64, usize)>;

fn traffic() -> impl Strategy<Value = Traffic> {
    prop::collection::vec((0_u64..5_000, 1_usize..1_500), 1..300)
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let rate = prop::option::of(1_000_u64..100_000_000);
    (
        0_u64..200_000,
        0_u64..50_000,
        0.0..1.0,
        0.0..1.0,
        rate,
        1_u64..200_000,
    )
        .prop_map(
            |(delay_us, jitter_us, loss, reorder, rate_bit_per_s, queue_bytes)| Settings {
                delay_us,
                jitter_us,
                loss,
                reorder,
                rate_bit_per_s,
                queue_bytes,
            },
        )
}

/// A packet's number and when it was sent and arrived, in microseconds.
#[derive(Clone, Debug, PartialEq)]
struct Arrival {
    number: usize,
    sent_us: u64,
    arrived_us: u64,
    bytes: usize,
}

/// Sends the traffic and takes every packet at the very time it is due.
fn run(link: &mut Link<(usize, u64, usize)>, traffic: &Traffic) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let mut now_us = 0;
    for (number, &(gap_us, bytes)) in traffic.iter().enumerate() {
        now_us += gap_us;
        drain(link, now_us, &mut arrivals);
        link.offer(now_us, bytes, (number, now_us, bytes));
    }
    drain(link, u64::MAX, &mut arrivals);
    arrivals
}

fn drain(link: &mut Link<(usize, u64, usize)>, until_us: u64, arrivals: &mut Vec<Arrival>) {
    while let Some(arrived_us) = link.next_arrival_us().filter(|&due| due <= until_us) {
        let (number, sent_us, bytes) = link.take(arrived_us).expect("it is due");
        arrivals.push(Arrival {
            number,
            sent_us,
            arrived_us,
            bytes,
        });
    }
}

proptest! {
    #[test]
    fn every_packet_arrives_once_or_is_counted_as_dropped(
        settings in any_settings(), traffic in traffic(), seed: u64
    ) {
        let mut link = Link::new(settings, seed);
        let mut numbers: Vec<_> = run(&mut link, &traffic).iter().map(|a| a.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let counters = link.counters();
        prop_assert_eq!(numbers.len() as u64, counters.forwarded);
        prop_assert_eq!(
            counters.forwarded + counters.lost + counters.queue_full + counters.cut,
            traffic.len() as u64
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_fates(
        settings in any_settings(), traffic in traffic(), seed: u64
    ) {
        let once = run(&mut Link::new(settings.clone(), seed), &traffic);
        let again = run(&mut Link::new(settings, seed), &traffic);
        prop_assert_eq!(once, again);
    }

    #[test]
    fn without_reordering_packets_keep_their_order(
        settings in any_settings(), traffic in traffic(), seed: u64
    ) {
        let settings = Settings { reorder: 0.0, ..settings };
        let arrivals = run(&mut Link::new(settings, seed), &traffic);
        prop_assert!(arrivals.windows(2).all(|pair| pair[0].number < pair[1].number));
    }

    #[test]
    fn no_packet_is_faster_than_the_delay(
        settings in any_settings(), traffic in traffic(), seed: u64
    ) {
        let delay_us = settings.delay_us;
        for arrival in run(&mut Link::new(settings, seed), &traffic) {
            prop_assert!(arrival.arrived_us >= arrival.sent_us + delay_us);
        }
    }

    #[test]
    fn a_packet_is_late_by_jitter_and_queue_at_most(
        settings in any_settings(), traffic in traffic(), seed: u64
    ) {
        let settings = Settings { reorder: 0.0, ..settings };
        let queue_us = settings.rate_bit_per_s.map_or(0, |rate| {
            (settings.queue_bytes + 2 * 1_500) * 8 * 1_000_000 / rate + traffic.len() as u64
        });
        let most_us = settings.delay_us + settings.jitter_us + queue_us;
        for arrival in run(&mut Link::new(settings, seed), &traffic) {
            prop_assert!(arrival.arrived_us <= arrival.sent_us + most_us, "{arrival:?}");
        }
    }

    #[test]
    fn the_line_never_carries_more_than_its_rate(
        traffic in traffic(), rate in 10_000_u64..10_000_000, seed: u64
    ) {
        let settings = Settings { rate_bit_per_s: Some(rate), ..QUIET };
        let mut bits = 0;
        let mut start_us = None;
        for arrival in run(&mut Link::new(settings, seed), &traffic) {
            let start_us = *start_us.get_or_insert(arrival.sent_us);
            bits += arrival.bytes as u64 * 8;
            let elapsed_us = arrival.arrived_us - start_us;
            prop_assert!(bits * 1_000_000 <= rate * elapsed_us, "{bits} bits in {elapsed_us} us");
        }
    }

    #[test]
    fn a_change_of_the_delay_does_not_change_which_packets_are_lost(
        traffic in traffic(), seed: u64
    ) {
        let lossy = Settings { loss: 0.3, ..QUIET };
        let slow = Settings { delay_us: 50_000, ..lossy.clone() };
        let numbers = |settings| -> Vec<usize> {
            run(&mut Link::new(settings, seed), &traffic).iter().map(|a| a.number).collect()
        };
        prop_assert_eq!(numbers(lossy), numbers(slow));
    }
}

#[test]
fn about_the_asked_share_is_lost() {
    let mut link = Link::new(
        Settings {
            loss: 0.05,
            ..QUIET
        },
        7,
    );
    run(&mut link, &vec![(10, 100); 20_000]);
    let share = link.counters().lost as f64 / 20_000.0;
    assert!((0.045..0.055).contains(&share), "{share}");
}

#[test]
fn a_reordered_packet_is_overtaken() {
    let settings = Settings {
        reorder: 0.1,
        ..QUIET
    };
    let arrivals = run(&mut Link::new(settings, 7), &vec![(100, 100); 1_000]);
    let overtaken = arrivals
        .windows(2)
        .filter(|pair| pair[0].number > pair[1].number)
        .count();
    assert_eq!(arrivals.len(), 1_000);
    assert!((50..150).contains(&overtaken), "{overtaken}");
}

#[test]
fn a_full_queue_drops_at_the_tail() {
    let settings = Settings {
        rate_bit_per_s: Some(8_000_000),
        queue_bytes: 3_000,
        ..QUIET
    };
    let mut link = Link::new(settings, 1);
    let arrivals = run(&mut link, &vec![(0, 1_000); 10]);
    let numbers: Vec<_> = arrivals.iter().map(|arrival| arrival.number).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(link.counters().queue_full, 7);
    assert_eq!(arrivals[2].arrived_us, 3_000);
}

#[test]
fn a_cut_takes_what_is_on_its_way_and_what_comes_until_it_is_mended() {
    let settings = Settings {
        delay_us: 1_000,
        ..QUIET
    };
    let mut link = Link::new(settings, 1);
    link.offer(0, 100, 'a');
    link.change(500, Change::Down);
    link.offer(600, 100, 'b');
    link.change(700, Change::Up);
    link.offer(800, 100, 'c');
    assert_eq!(link.take(5_000), Some('c'));
    assert_eq!(link.take(5_000), None);
    assert_eq!(link.counters().cut, 2);
}

#[test]
fn memory_for_packets_on_their_way_is_bounded() {
    let settings = Settings {
        delay_us: 60_000_000,
        ..QUIET
    };
    let mut link = Link::new(settings, 1);
    let packet = 65_000;
    let room = MAX_IN_FLIGHT_BYTES / packet;
    for _ in 0..room + 5 {
        link.offer(0, packet as usize, ());
    }
    assert_eq!(link.counters().queue_full, 5);
}

#[test]
fn changes_apply_to_what_comes_after_them() {
    let mut link = Link::new(QUIET, 1);
    link.change(0, Change::Loss(1.0));
    link.offer(0, 100, 'a');
    link.change(1, Change::Loss(0.0));
    link.change(1, Change::Delay(2_000));
    link.offer(1, 100, 'b');
    assert_eq!(link.next_arrival_us(), Some(2_001));
    link.change(2, Change::Rate(Some(8_000)));
    link.offer(2, 100, 'c');
    assert_eq!(link.counters().lost, 1);
    assert_eq!(link.take(102_002), Some('b'));
    assert_eq!(link.take(102_001), None);
    assert_eq!(link.take(102_002), Some('c'));
}
