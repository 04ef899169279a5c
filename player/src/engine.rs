//! The loop that ties spool, decoder, stage, sound device and output together. All decisions are elsewhere; here
//! is I/O and the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use media_ffmpeg::decode::{ChunkDecoder, DecodeOptions, Item, Job, Permit, Picture};
use media_store::PendingChunk;

use crate::output::{Command, Output, OutputError, Status};
use crate::playlist::{Next, Playlist, name_of};
use crate::speaker::{AHEAD_US, Speaker};
use crate::spool::{Spool, SpoolError};
use crate::stage::{Chunk, Stage};
use crate::summary::Summary;

/// How often the spool is looked at. A chunk may thus be noticed this much late, a twentieth of its duration.
const SCAN: Duration = Duration::from_millis(100);

/// Chunks in the decoder at once: the one on show and the next, which is opened while the first is shown.
const IN_DECODER: usize = 2;

/// How long the decoder leaves out what it can after it fell behind (a guess).
const HURRY: Duration = Duration::from_secs(2);

/// Missing chunks of one gap that are named one by one.
const NAMED_MISSING: u64 = 3;

/// How long to play.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// See `--buffer`.
    pub(crate) buffer: usize,
    /// See `--until-idle`.
    pub(crate) until_idle: Option<Duration>,
    /// See `--chunks`.
    pub(crate) chunks: Option<u64>,
    /// See `--no-wait`.
    pub(crate) wait: bool,
}

/// Why playing had to end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The output.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The decoder.
    #[error(transparent)]
    Decoder(#[from] media_ffmpeg::decode::DecodeError),
    /// The decoder's thread ended by itself.
    #[error("the decoder has failed: this is a fault of the player")]
    DecoderGone,
}

/// See the module.
pub(crate) struct Engine {
    spool: Spool,
    output: Box<dyn Output>,
    speaker: Option<Speaker>,
    limits: Limits,
    decoder: ChunkDecoder,
    playlist: Playlist,
    stage: Stage<Picture, Permit>,
    summary: Summary,
    epoch: Instant,
    pending: Vec<PendingChunk>,
    submitted: u64,
    /// The job that found no place in the decoder's queue.
    held: Option<Job>,
    scan_at: Instant,
    busy_at: Instant,
    hurry_until: Option<Instant>,
    status: Status,
    samples: Vec<f32>,
}

impl Engine {
    /// # Errors
    /// If the decoder cannot be started.
    pub(crate) fn new(
        spool: Spool,
        output: Box<dyn Output>,
        speaker: Option<Speaker>,
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let decoder = ChunkDecoder::start(DecodeOptions {
            pictures: output.pictures(),
            sound: true,
        })?;
        let now = Instant::now();
        Ok(Self {
            stage: Stage::new(output.late_limit_us()),
            playlist: Playlist::new(limits.buffer),
            summary: Summary {
                sound: speaker.is_some(),
                ..Summary::default()
            },
            spool,
            output,
            speaker,
            limits,
            decoder,
            epoch: now,
            pending: Vec::new(),
            submitted: 0,
            held: None,
            scan_at: now,
            busy_at: now,
            hurry_until: None,
            status: Status::default(),
            samples: Vec::new(),
        })
    }

    /// Plays until `stop` is set, the user quits or a limit is reached.
    ///
    /// # Errors
    /// See [`EngineError`]; what was shown until then is in [`Engine::summary`].
    pub(crate) fn run(&mut self, stop: &Arc<AtomicBool>) -> Result<(), EngineError> {
        while !stop.load(Ordering::SeqCst) {
            self.scan()?;
            self.submit();
            self.receive()?;
            let now_us = self.now_us();
            self.stage
                .step(now_us, self.playlist.in_hand(&self.pending));
            self.play_sound(now_us);
            while let Some((_, picture)) = self.stage.due(now_us) {
                self.output.show(&picture)?;
            }
            while let Some(chunk) = self.stage.finished(now_us) {
                self.finish(chunk);
            }
            self.hurry();
            self.tell_status();
            for command in self.output.commands() {
                match command {
                    Command::Quit => return Ok(()),
                    Command::TogglePause => {
                        let paused = self.stage.paused();
                        self.stage.pause(!paused, now_us);
                    }
                }
            }
            if self.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The counts so far.
    pub(crate) fn summary(&self) -> Summary {
        let (shown, dropped) = self.stage.pictures();
        let stalls = self.stage.stalls();
        Summary {
            frames_shown: shown,
            frames_dropped: dropped + self.summary.frames_dropped,
            stalls: stalls.count(),
            stall_ms: stalls.total_ms(),
            played_ms: self.stage.played_us(self.now_us()) / 1_000,
            ..self.summary.clone()
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn scan(&mut self) -> Result<(), EngineError> {
        let now = Instant::now();
        if now < self.scan_at {
            return Ok(());
        }
        self.scan_at = now + SCAN;
        self.pending = self.spool.pending()?;
        if !self.spool.is_open() && !self.limits.wait {
            return Err(self.spool.not_there().into());
        }
        if let Some(late) = self.playlist.late(&self.pending) {
            self.summary.chunks_late += 1;
            self.output.notice(&format!(
                "{} has come after its turn: it stays in the spool",
                late.name
            ));
        }
        Ok(())
    }

    /// Gives the decoder the next chunk while it has room.
    fn submit(&mut self) {
        if let Some(job) = self.held.take() {
            self.held = self.decoder.try_submit(job).err();
        }
        while self.held.is_none()
            && self.stage.in_decoder() < IN_DECODER
            && self.limits.chunks.is_none_or(|n| self.submitted < n)
        {
            let Next::Play { chunk, gap } = self.playlist.next(&self.pending, self.now_us()) else {
                return;
            };
            if let Some(gap) = gap {
                self.summary.chunks_missing += gap.chunks();
                let names: Vec<String> = (gap.first..=gap.last)
                    .take(NAMED_MISSING as usize)
                    .map(|seq| name_of(seq, &chunk.name))
                    .collect();
                let more = match gap.chunks().saturating_sub(NAMED_MISSING) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let names = names.join(", ");
                self.output.notice(&format!(
                    "missing: {names}{more}; going on with {}",
                    chunk.name
                ));
            }
            let job = Job {
                id: self.submitted,
                path: chunk.path.clone(),
            };
            self.stage.submitted(self.submitted, chunk);
            self.submitted += 1;
            self.held = self.decoder.try_submit(job).err();
        }
    }

    /// Takes what the decoder has, waiting for it until something else is to be done.
    fn receive(&mut self) -> Result<(), EngineError> {
        let now_us = self.now_us();
        let mut wait = self
            .output
            .patience()
            .min(self.scan_at.saturating_duration_since(Instant::now()));
        if let Some(us) = self.stage.idle_us(now_us) {
            wait = wait.min(Duration::from_micros(us));
        }
        let mut item = self.decoder.next(wait);
        while let Some(came) = item {
            match came {
                Item::Opened(opened) => self.stage.opened(&opened),
                Item::Frame(frame) => {
                    self.stage.frame(frame.job, frame.time_us, frame.picture);
                }
                Item::Sound(sound) => {
                    self.stage
                        .sound(sound.job, sound.time_us, sound.samples, sound.permit);
                }
                Item::Closed(closed) => {
                    self.summary.frames_dropped += closed.skipped;
                    self.stage.closed(closed);
                }
            }
            item = self.decoder.next(Duration::ZERO);
        }
        if self.decoder.is_alive() {
            Ok(())
        } else {
            Err(EngineError::DecoderGone)
        }
    }

    fn play_sound(&mut self, now_us: u64) {
        let Some(speaker) = &mut self.speaker else {
            self.stage.pass_sound(now_us);
            return;
        };
        let mut lost = None;
        if self.stage.runs() {
            self.samples.clear();
            let start_us = self.stage.take_sound(now_us, AHEAD_US, &mut self.samples);
            if !self.samples.is_empty() {
                lost = speaker.give(&self.samples).err();
            }
            speaker.run(true);
            if let Some(heard_us) = speaker.heard_us() {
                self.stage.heard(now_us, start_us.saturating_add(heard_us));
            }
        } else if self.stage.paused() {
            speaker.run(false);
        }
        if speaker.is_dead(now_us) {
            lost = Some("it takes no sound any more".into());
        }
        if let Some(why) = lost {
            self.speaker = None;
            self.output.notice(&format!(
                "the sound device is lost ({why}): going on without sound"
            ));
        }
    }

    /// A chunk's turn is over.
    fn finish(&mut self, chunk: Chunk) {
        let name = &chunk.pending.name;
        let mut delete = true;
        match &chunk.problem {
            Some(problem) if !problem.is_content() => {
                delete = false;
                self.summary.chunks_missing += 1;
                self.output
                    .notice(&format!("{name} is not shown: {problem}"));
            }
            Some(problem) if !chunk.had_content => {
                self.summary.chunks_bad += 1;
                self.output
                    .notice(&format!("{name} cannot be shown: {problem}"));
            }
            Some(problem) => {
                self.summary.chunks_damaged += 1;
                self.output.notice(&format!("{name}: {problem}"));
            }
            None => {}
        }
        if chunk.had_content {
            self.summary.chunks_shown += 1;
            self.summary.first_seq.get_or_insert(chunk.pending.seq);
            self.summary.last_seq = Some(chunk.pending.seq);
        }
        if delete && let Err(error) = self.spool.done(&chunk.pending) {
            self.output.notice(&error.to_string());
        }
    }

    /// Lets the decoder leave out what it can, for a while after it was too slow. Not where nothing is gained by
    /// leaving pictures out.
    fn hurry(&mut self) {
        let now = Instant::now();
        if self.stage.waits_for_decoder() && self.output.late_limit_us().is_some() {
            self.hurry_until = Some(now + HURRY);
        }
        if let Some(until) = self.hurry_until {
            let on = now < until;
            self.decoder.set_hurry(on);
            if !on {
                self.hurry_until = None;
            }
        }
    }

    fn tell_status(&mut self) {
        let stalls = self.stage.stalls();
        let state = if self.stage.paused() {
            "paused"
        } else if self.stage.runs() {
            "playing"
        } else if self.stage.waits_for_chunk() || self.stage.is_empty() {
            "waiting for a chunk"
        } else {
            "buffering"
        };
        let status = Status {
            chunk: self
                .stage
                .current()
                .map_or_else(|| self.status.chunk.clone(), |c| c.name.clone()),
            state,
            waiting: self.playlist.in_hand(&self.pending),
            missing: self.summary.chunks_missing,
            dropped: self.stage.pictures().1 + self.summary.frames_dropped,
            stalls: stalls.count(),
        };
        if status != self.status {
            self.output.status(&status);
            self.status = status;
        }
    }

    /// Whether a limit is reached.
    fn is_over(&mut self) -> bool {
        if !self.stage.is_empty() || self.playlist.in_hand(&self.pending) > 0 {
            self.busy_at = Instant::now();
        }
        let all_shown =
            self.limits.chunks.is_some_and(|n| self.submitted >= n) && self.stage.is_empty();
        let idle = self
            .limits
            .until_idle
            .is_some_and(|limit| self.busy_at.elapsed() >= limit);
        all_shown || idle
    }
}
