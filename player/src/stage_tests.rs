//! Scenarios of the stage in virtual time: chunks arrive when the test says, frames are numbers.

use std::path::PathBuf;

use media_ffmpeg::decode::Span;
use proptest::prelude::*;

use super::*;

const S: u64 = 1_000_000;
const FRAME_US: u64 = 40_000;

fn pending(seq: u64) -> PendingChunk {
    let name = format!("film_{seq:05}.mkv");
    PendingChunk {
        path: PathBuf::from(&name),
        name,
        seq,
        epoch: 0,
        bytes: 1,
        duration_us: 2 * S,
        wall_us: seq * 2 * S,
        stored_us: 0,
    }
}

fn closed(job: u64, problem: Option<DecodeError>) -> Closed {
    Closed {
        job,
        video_end_us: None,
        sound_end_us: None,
        pictures: 0,
        skipped: 0,
        problem,
    }
}

/// A stage and what was seen of it.
struct World {
    stage: Stage<u64, ()>,
    now_us: u64,
    next_job: u64,
    shown: Vec<(u64, u64)>,
    finished: Vec<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            stage: Stage::new(None),
            now_us: 5 * S,
            next_job: 0,
            shown: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// A chunk of two seconds at 25 pictures a second arrives and is decoded at once.
    fn arrive(&mut self) {
        let job = self.submit();
        self.open(job);
        for frame in 0..50 {
            self.frame(job, frame);
        }
        self.stage.closed(closed(job, None));
    }

    fn submit(&mut self) -> u64 {
        let job = self.next_job;
        self.next_job += 1;
        self.stage.submitted(job, pending(job));
        job
    }

    fn open(&mut self, job: u64) {
        let span = Span {
            start_us: (job * 2 * S).cast_signed(),
            duration_us: (2 * S).cast_signed(),
        };
        self.stage.opened(&Opened {
            job,
            span: Some(span),
            video_start_us: Some(0),
            sound_start_us: None,
        });
    }

    fn frame(&mut self, job: u64, frame: u64) {
        let file_us = (frame * FRAME_US).cast_signed();
        self.stage.frame(job, file_us, job * 50 + frame);
    }

    fn run_for(&mut self, us: u64, in_hand: usize) {
        let end_us = self.now_us + us;
        while self.now_us < end_us {
            self.now_us = (self.now_us + 5_000).min(end_us);
            self.tick(in_hand);
        }
    }

    fn tick(&mut self, in_hand: usize) {
        self.stage.step(self.now_us, in_hand);
        while let Some((_, picture)) = self.stage.due(self.now_us) {
            self.shown.push((self.now_us, picture));
        }
        while let Some(chunk) = self.stage.finished(self.now_us) {
            let shown = self.shown.last().map(|(_, p)| *p);
            assert!(chunk.problem.is_some() || shown >= Some(chunk.job * 50 + 49));
            self.finished.push(chunk.job);
        }
    }

    fn pictures(&self) -> Vec<u64> {
        self.shown.iter().map(|(_, p)| *p).collect()
    }

    fn stalls(&self) -> (u64, u64) {
        (self.stage.stalls().count(), self.stage.stalls().total_ms())
    }
}

#[test]
fn chunks_in_time_are_shown_without_a_stall_every_picture_at_its_time() {
    let mut world = World::new();
    world.arrive();
    for _ in 0..5 {
        world.arrive();
        world.run_for(2 * S, 1);
    }
    world.run_for(2 * S, 0);
    assert_eq!(world.pictures(), (0..300).collect::<Vec<_>>());
    assert_eq!(world.stalls(), (0, 0));
    let start_us = world.shown[0].0;
    for (at_us, picture) in &world.shown {
        let late_us = (at_us - start_us).abs_diff(picture * FRAME_US);
        assert!(late_us <= 5_000, "{picture} came {late_us} us off");
    }
}

#[test]
fn a_chunk_is_finished_when_its_last_picture_had_its_time_and_not_before() {
    let mut world = World::new();
    world.arrive();
    world.run_for(2 * S - 20_000, 0);
    assert_eq!(world.pictures().len(), 50);
    assert!(world.finished.is_empty());
    world.run_for(40_000, 0);
    assert_eq!(world.finished, [0]);
}

#[test]
fn a_late_chunk_is_one_stall_of_the_time_that_was_waited() {
    let mut world = World::new();
    world.arrive();
    world.run_for(2 * S + 5_000, 0);
    assert!(world.stage.waits_for_chunk());
    world.run_for(S, 0);
    world.arrive();
    world.run_for(2 * S, 1);
    assert_eq!(world.pictures(), (0..100).collect::<Vec<_>>());
    assert_eq!(world.stalls().0, 1);
    assert!(
        world.stalls().1.abs_diff(1_005) <= 10,
        "{:?}",
        world.stalls()
    );
}

#[test]
fn after_a_stall_a_chunk_that_comes_alone_is_held_back_a_little() {
    let mut world = World::new();
    world.arrive();
    world.run_for(3 * S, 0);
    world.arrive();
    world.run_for(STALL_HOLD_US - 10_000, 0);
    assert!(!world.stage.runs());
    world.run_for(20_000, 0);
    assert!(world.stage.runs());
}

#[test]
fn the_end_of_a_broadcast_is_no_stall() {
    let mut world = World::new();
    world.arrive();
    world.run_for(60 * S, 0);
    assert_eq!(world.stalls(), (0, 0));
    assert_eq!(world.finished, [0]);
    assert_eq!(world.stage.played_us(world.now_us), 2 * S);
}

#[test]
fn a_slow_decoder_is_a_stall_of_its_own_kind() {
    let mut world = World::new();
    let job = world.submit();
    world.open(job);
    for frame in 0..10 {
        world.frame(job, frame);
    }
    world.run_for(S, 0);
    assert!(world.stage.waits_for_decoder());
    for frame in 10..50 {
        world.frame(job, frame);
    }
    world.stage.closed(closed(job, None));
    world.run_for(2 * S, 0);
    assert_eq!(world.pictures(), (0..50).collect::<Vec<_>>());
    assert_eq!(world.stalls().0, 1);
}

#[test]
fn pictures_so_large_that_only_a_few_may_wait_start_the_clock_too() {
    let mut world = World::new();
    let job = world.submit();
    world.open(job);
    for frame in 0..PICTURES_ALWAYS as u64 {
        world.frame(job, frame);
    }
    world.run_for(10_000, 0);
    assert!(world.stage.runs());
}

#[test]
fn a_pause_is_no_stall_and_loses_nothing() {
    let mut world = World::new();
    world.arrive();
    world.arrive();
    world.run_for(S, 0);
    let shown = world.shown.len();
    world.stage.pause(true, world.now_us);
    world.run_for(100 * S, 0);
    assert_eq!(world.shown.len(), shown);
    world.stage.pause(false, world.now_us);
    world.run_for(4 * S, 0);
    assert_eq!(world.pictures(), (0..100).collect::<Vec<_>>());
    assert_eq!(world.stalls(), (0, 0));
}

#[test]
fn a_chunk_of_which_nothing_comes_out_takes_no_time_and_is_finished_in_its_turn() {
    let mut world = World::new();
    world.arrive();
    let bad = world.submit();
    world.stage.closed(closed(bad, Some(DecodeError::Empty)));
    world.arrive();
    world.run_for(S, 0);
    assert!(world.finished.is_empty());
    world.run_for(4 * S, 0);
    assert_eq!(world.finished, [0, 1, 2]);
    assert_eq!(world.pictures().len(), 100);
    assert_eq!(world.stalls(), (0, 0));
}

#[test]
fn a_first_chunk_of_which_nothing_comes_out_is_finished_at_once() {
    let mut world = World::new();
    let bad = world.submit();
    world.stage.closed(closed(bad, Some(DecodeError::Empty)));
    world.run_for(10_000, 0);
    assert_eq!(world.finished, [0]);
    world.arrive();
    world.run_for(3 * S, 0);
    assert_eq!(world.pictures().len(), 50);
}

proptest! {
    #[test]
    fn whenever_chunks_arrive_every_picture_is_shown_once_and_stalls_are_what_was_waited(
        delays in prop::collection::vec(0u64..5_000_000, 1..12),
    ) {
        let mut world = World::new();
        for delay in &delays {
            world.run_for(*delay, 0);
            world.arrive();
        }
        world.run_for(2 * S * delays.len() as u64 + S, 0);
        let expected: Vec<u64> = (0..50 * delays.len() as u64).collect();
        prop_assert_eq!(world.pictures(), expected);
        let all: Vec<u64> = (0..delays.len() as u64).collect();
        prop_assert_eq!(&world.finished, &all);
        let first_us = world.shown[0].0;
        let last_us = world.shown[world.shown.len() - 1].0;
        let ideal_us = (50 * delays.len() as u64 - 1) * FRAME_US;
        let waited_ms = (last_us - first_us).saturating_sub(ideal_us) / 1_000;
        prop_assert!(world.stalls().1.abs_diff(waited_ms) <= 10 * (1 + world.stalls().0));
    }
}
