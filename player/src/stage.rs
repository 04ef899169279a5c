//! What is being shown: chunks in their places, pictures and sound that wait for their times, the clock, and when
//! it must wait. Pure: decoded items and the time come in; pictures, sound and finished chunks come out. It must
//! never know files, devices or codecs; a picture is anything.
//!
//! Calls: any of `submitted`, `opened`, `frame`, `sound`, `closed` as they come; then [`Stage::step`], then
//! [`Stage::due`] until there is none, then [`Stage::finished`] until there is none.

use std::collections::VecDeque;

use media_ffmpeg::decode::{Closed, DecodeError, Opened, PICTURES_ALWAYS};
use media_store::PendingChunk;

use crate::clock::{Clock, Stalls};
use crate::screen::Screen;
use crate::sound::SoundQueue;
use crate::timeline::{Place, Timeline};

/// How much must be decoded ahead before the clock starts, at first and after a stall, unless the chunk ends
/// sooner or the decoder may give no more pictures: five pictures at 25 a second (a guess that covers a slow moment
/// of the decoder).
pub(crate) const PRIME_US: i64 = 200_000;

/// After a stall because no chunk was there, how long the next one is held back if nothing follows it yet: makes
/// one longer stall of many short ones when chunks come late by ever other amounts (a guess above usual jitter).
pub(crate) const STALL_HOLD_US: u64 = 500_000;

/// A chunk from its way into the decoder until it was shown.
#[derive(Debug)]
pub(crate) struct Chunk {
    job: u64,
    /// The chunk.
    pub(crate) pending: PendingChunk,
    place: Option<Place>,
    end_us: Option<i64>,
    /// Pictures that the decoder left out.
    pub(crate) skipped: u64,
    /// Whether any picture or sound came out of it.
    pub(crate) had_content: bool,
    /// What was wrong with it.
    pub(crate) problem: Option<DecodeError>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stage<P, T> {
    chunks: VecDeque<Chunk>,
    timeline: Timeline,
    clock: Clock,
    stalls: Stalls,
    screen: Screen<(u64, P)>,
    sound: SoundQueue<T>,
    /// Everything before this time has come.
    known_us: i64,
    started: bool,
    paused: bool,
    /// Where the clock started.
    start_us: i64,
    /// Whether the stall is for want of a chunk, not of decoding.
    starved: bool,
    ready_since_us: Option<u64>,
}

impl<P, T> Stage<P, T> {
    /// `late_limit_us`: see [`Screen::new`].
    pub(crate) fn new(late_limit_us: Option<i64>) -> Self {
        Self {
            chunks: VecDeque::new(),
            timeline: Timeline::default(),
            clock: Clock::default(),
            stalls: Stalls::default(),
            screen: Screen::new(late_limit_us),
            sound: SoundQueue::new(),
            known_us: 0,
            started: false,
            paused: false,
            start_us: 0,
            starved: false,
            ready_since_us: None,
        }
    }

    /// A chunk went to the decoder as job `job`; jobs come in rising order, and out of it in the same.
    pub(crate) fn submitted(&mut self, job: u64, pending: PendingChunk) {
        self.chunks.push_back(Chunk {
            job,
            pending,
            place: None,
            end_us: None,
            skipped: 0,
            had_content: false,
            problem: None,
        });
    }

    /// The decoder opened a chunk.
    pub(crate) fn opened(&mut self, opened: &Opened) {
        let place = self.timeline.open(opened);
        if !self.started && self.chunks.front().is_some_and(|c| c.job == opened.job) {
            let first = [opened.video_start_us, opened.sound_start_us];
            let first_us = first.into_iter().flatten().min().unwrap_or(0);
            self.start_us = place.start_us.min(first_us.saturating_add(place.offset_us));
            self.known_us = self.start_us;
        }
        if let Some(chunk) = self.chunk(opened.job) {
            chunk.place = Some(place);
            chunk.had_content = true;
        }
    }

    /// A picture came.
    pub(crate) fn frame(&mut self, job: u64, file_us: i64, picture: P) {
        if let Some(time_us) = self.time_of(job, file_us) {
            self.screen.push(time_us, (job, picture));
            self.known_us = self.known_us.max(time_us);
        }
    }

    /// A piece of sound came.
    pub(crate) fn sound(&mut self, job: u64, file_us: i64, samples: Vec<f32>, token: T) {
        if let Some(time_us) = self.time_of(job, file_us) {
            self.sound.push(time_us, samples, token);
            self.known_us = self.known_us.max(time_us);
        }
    }

    /// A chunk came to its end.
    pub(crate) fn closed(&mut self, closed: Closed) {
        let (nothing, timeline) = (self.timeline.nothing(), &mut self.timeline);
        let Some(chunk) = self.chunks.iter_mut().find(|c| c.job == closed.job) else {
            return;
        };
        let place = *chunk.place.get_or_insert(nothing);
        let end_us = timeline.close(place, &closed, chunk.pending.duration_us);
        chunk.end_us = Some(end_us);
        chunk.skipped = closed.skipped;
        chunk.problem = closed.problem;
        self.known_us = self.known_us.max(end_us);
    }

    fn chunk(&mut self, job: u64) -> Option<&mut Chunk> {
        self.chunks.iter_mut().find(|c| c.job == job)
    }

    fn time_of(&mut self, job: u64, file_us: i64) -> Option<i64> {
        let place = self.chunk(job)?.place?;
        Some(file_us.saturating_add(place.offset_us))
    }

    /// Lets the clock start, stop and go on. `in_hand`: chunks that wait beyond those submitted.
    pub(crate) fn step(&mut self, now_us: u64, in_hand: usize) {
        if self.paused {
            return;
        }
        if self.clock.runs() {
            if self.clock.position_us(now_us) >= self.known_us {
                self.begin_stall(now_us);
            }
            return;
        }
        if !self.is_ready() {
            self.ready_since_us = None;
            return;
        }
        let since_us = *self.ready_since_us.get_or_insert(now_us);
        let more = in_hand > 0 || self.chunks.iter().filter(|c| !self.is_over(c)).count() > 1;
        let held = self.starved && !more && now_us.saturating_sub(since_us) < STALL_HOLD_US;
        if !held {
            self.stalls.end(now_us);
            if !self.started {
                self.started = true;
                self.clock.set(self.start_us);
            }
            self.clock.run(now_us);
        }
    }

    fn begin_stall(&mut self, now_us: u64) {
        // The stall began when the clock came to the limit, not when that was noticed.
        let over_us = self.clock.position_us(now_us).saturating_sub(self.known_us);
        let since_us = now_us.saturating_sub(over_us.unsigned_abs());
        self.clock.stop(now_us, self.known_us);
        self.stalls.begin(since_us);
        self.starved = self.chunks.iter().all(|c| c.end_us.is_some());
        self.ready_since_us = None;
    }

    /// Whether enough has come to let the standing clock run.
    fn is_ready(&self) -> bool {
        let position_us = if self.started {
            self.clock.position_us(0)
        } else {
            self.start_us
        };
        let primed = self.known_us >= position_us.saturating_add(PRIME_US);
        let whole =
            self.known_us > position_us && self.chunks.back().is_some_and(|c| c.end_us.is_some());
        primed || whole || self.screen.waiting() >= PICTURES_ALWAYS
    }

    fn is_over(&self, chunk: &Chunk) -> bool {
        chunk
            .end_us
            .is_some_and(|end_us| end_us <= self.clock.position_us(0).max(self.start_us))
    }

    /// The next picture to show now, if there is one.
    pub(crate) fn due(&mut self, now_us: u64) -> Option<(u64, P)> {
        if !self.started {
            return None;
        }
        self.screen.due(self.clock.position_us(now_us))
    }

    /// The next chunk that was shown to its end, or of which nothing could be shown and whose turn is over.
    pub(crate) fn finished(&mut self, now_us: u64) -> Option<Chunk> {
        let front = self.chunks.front()?;
        let end_us = front.end_us?;
        let waits = self
            .screen
            .front()
            .is_some_and(|(job, _)| *job == front.job);
        let over = if self.started {
            end_us <= self.clock.position_us(now_us)
        } else {
            !front.had_content
        };
        if over && !waits {
            self.chunks.pop_front()
        } else {
            None
        }
    }

    /// The name of the chunk on show.
    pub(crate) fn current(&self) -> Option<&PendingChunk> {
        self.chunks.front().map(|c| &c.pending)
    }

    /// Whether no chunk is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Chunks of which the decoder has still to say the end.
    pub(crate) fn in_decoder(&self) -> usize {
        self.chunks.iter().filter(|c| c.end_us.is_none()).count()
    }

    /// Holds the clock, or lets it go on.
    pub(crate) fn pause(&mut self, on: bool, now_us: u64) {
        if on == self.paused {
            return;
        }
        self.paused = on;
        if on {
            // Waiting for data counts up to here.
            self.stalls.end(now_us);
            self.clock.stop(now_us, self.known_us);
        }
    }

    /// Whether the clock is held.
    pub(crate) fn paused(&self) -> bool {
        self.paused
    }

    /// Whether the clock runs.
    pub(crate) fn runs(&self) -> bool {
        self.clock.runs()
    }

    /// Whether it waits for the decoder, which has data: the computer is too slow.
    pub(crate) fn waits_for_decoder(&self) -> bool {
        self.stalls.waiting() && !self.starved
    }

    /// Whether it waits for a chunk.
    pub(crate) fn waits_for_chunk(&self) -> bool {
        self.stalls.waiting() && self.starved
    }

    /// Bends the clock to where the sound device is.
    pub(crate) fn heard(&mut self, now_us: u64, position_us: i64) {
        self.clock.follow(now_us, position_us);
    }

    /// Appends to `out` the sound up to `ahead_us` from now; gives the time at which all sound began.
    pub(crate) fn take_sound(&mut self, now_us: u64, ahead_us: i64, out: &mut Vec<f32>) -> i64 {
        let until_us = self.clock.position_us(now_us).saturating_add(ahead_us);
        self.sound.take(self.start_us, until_us, self.known_us, out);
        self.start_us
    }

    /// Throws sound away as its time passes: for who cannot hear.
    pub(crate) fn pass_sound(&mut self, now_us: u64) {
        if self.started {
            self.sound.pass(self.clock.position_us(now_us));
        }
    }

    /// How long nothing will happen unless something comes; `None`: until something comes.
    pub(crate) fn idle_us(&self, now_us: u64) -> Option<u64> {
        if !self.clock.runs() {
            return self.ready_since_us.map(|_| 10_000);
        }
        let position_us = self.clock.position_us(now_us);
        let end_us = self.chunks.front().and_then(|c| c.end_us);
        [self.screen.next_us(), end_us, Some(self.known_us)]
            .into_iter()
            .flatten()
            .map(|t| t.saturating_sub(position_us))
            .filter(|us| *us > 0)
            .min()
            .map(i64::unsigned_abs)
    }

    /// Pictures shown, pictures too late.
    pub(crate) fn pictures(&self) -> (u64, u64) {
        (self.screen.shown(), self.screen.dropped())
    }

    /// The stalls so far.
    pub(crate) fn stalls(&self) -> Stalls {
        self.stalls
    }

    /// How much of the time line was played, microseconds.
    pub(crate) fn played_us(&self, now_us: u64) -> u64 {
        if !self.started {
            return 0;
        }
        let played_us = self.clock.position_us(now_us).saturating_sub(self.start_us);
        played_us.max(0).unsigned_abs()
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
