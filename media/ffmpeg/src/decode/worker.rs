//! The decoding thread: takes jobs in turn, merges pictures and sound of each by their times, and hands them out
//! within the bounds. Must never decide when or whether anything is shown.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender};

use super::budget::Budget;
use super::error::DecodeError;
use super::picture::{Layout, Picture, Scaler};
use super::source::Source;
use super::track_sound::{self, Kept, Resampler, SoundTrack};
use super::track_video::{self, VideoTrack};
use super::{Closed, DecodeOptions, Frame, Item, Job, Opened, Pictures, Sound, Span};

/// How far the end of one chunk and the start of the next in a film may be apart and be the same place still: the
/// containers' millisecond.
const SAME_PLACE_US: u64 = 1_000;

/// The consumer is gone: the thread ends.
struct Gone;

/// Everything that outlives one chunk.
pub(super) struct Worker {
    options: DecodeOptions,
    budget: Arc<Budget>,
    hurry: Arc<AtomicBool>,
    items: SyncSender<Item>,
    resampler: Resampler,
    scaler: Scaler,
    /// Where the last chunk ended in its film, and its sound's decoder.
    last_end_us: Option<i64>,
    kept: Option<Kept>,
}

/// A chunk in work: both tracks, and the head of each.
struct Open {
    span: Option<Span>,
    video: Option<VideoTrack>,
    sound: Option<SoundTrack>,
    next_frame: Option<track_video::Pulled>,
    next_sound: Option<track_sound::Pulled>,
}

impl Worker {
    pub(super) fn new(
        options: DecodeOptions,
        budget: Arc<Budget>,
        hurry: Arc<AtomicBool>,
        items: SyncSender<Item>,
    ) -> Self {
        Self {
            options,
            budget,
            hurry,
            items,
            resampler: Resampler::default(),
            scaler: Scaler::default(),
            last_end_us: None,
            kept: None,
        }
    }

    /// Works until the consumer is gone.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            if self.budget.is_closed() {
                return;
            }
            let mut closed = Closed {
                job: job.id,
                video_end_us: None,
                sound_end_us: None,
                pictures: 0,
                skipped: 0,
                problem: None,
            };
            match self.chunk(&job, &mut closed) {
                Ok(()) => {}
                Err(Gone) => return,
            }
            if self.items.send(Item::Closed(closed)).is_err() {
                return;
            }
        }
    }

    fn chunk(&mut self, job: &Job, closed: &mut Closed) -> Result<(), Gone> {
        let mut open = match self.open(job, closed) {
            Ok(open) => open,
            Err(problem) => {
                closed.problem.get_or_insert(problem);
                return Ok(());
            }
        };
        open.next_frame = open.video.as_mut().and_then(VideoTrack::pull);
        open.next_sound = open
            .sound
            .as_mut()
            .and_then(|s| s.pull(&mut self.resampler));
        let opened = Opened {
            job: job.id,
            span: open.span,
            video_start_us: open.next_frame.as_ref().map(|f| f.time_us),
            sound_start_us: open.next_sound.as_ref().map(|s| s.time_us),
        };
        let start_us = match (opened.video_start_us, opened.sound_start_us) {
            (Some(video), Some(sound)) => video.min(sound),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => {
                let problem = open.damage().unwrap_or(DecodeError::Empty);
                closed.problem.get_or_insert(problem);
                return Ok(());
            }
        };
        self.send(Item::Opened(opened))?;
        let limit_us = start_us.saturating_add_unsigned(media_model::MAX_DURATION_US);
        loop {
            let frame_us = open.next_frame.as_ref().map(|f| f.time_us);
            let sound_us = open.next_sound.as_ref().map(|s| s.time_us);
            match (frame_us, sound_us) {
                (None, None) => break,
                (Some(frame), sound) if sound.is_none_or(|sound| frame < sound) => {
                    let Some(pulled) = open.next_frame.take() else {
                        break;
                    };
                    if frame > limit_us {
                        closed.problem.get_or_insert(DecodeError::Times);
                        open.video = None;
                    } else {
                        self.frame(job.id, pulled, closed)?;
                        open.next_frame = open.video.as_mut().and_then(VideoTrack::pull);
                    }
                }
                (_, Some(sound)) => {
                    let Some(pulled) = open.next_sound.take() else {
                        break;
                    };
                    if sound > limit_us {
                        closed.problem.get_or_insert(DecodeError::Times);
                        open.sound = None;
                    } else {
                        self.sound(job.id, pulled, closed)?;
                        open.next_sound = open
                            .sound
                            .as_mut()
                            .and_then(|s| s.pull(&mut self.resampler));
                    }
                }
                (Some(_), None) => break,
            }
        }
        closed.skipped = open.video.as_ref().map_or(0, VideoTrack::skipped);
        if let Some(problem) = open.damage() {
            closed.problem.get_or_insert(problem);
        }
        if let Some(sound) = open.sound {
            self.kept = Some(sound.into_kept());
        }
        Ok(())
    }

    fn open(&mut self, job: &Job, closed: &mut Closed) -> Result<Open, DecodeError> {
        let source = Source::read(&job.path, self.options.sound)?;
        let follows = match (source.span, self.last_end_us) {
            (Some(span), Some(end_us)) => span.start_us.abs_diff(end_us) <= SAME_PLACE_US,
            _ => false,
        };
        if !follows {
            self.kept = None;
        }
        self.last_end_us = source.span.map(Span::end_us);
        let mut video = None;
        if let Some(track) = source.video {
            match VideoTrack::open(track, Arc::clone(&self.hurry)) {
                Ok(track) => video = Some(track),
                // The other track may still be worth something.
                Err(problem) => closed.problem = Some(problem),
            }
        }
        let mut sound = None;
        if let Some(track) = source.sound {
            match SoundTrack::open(track, self.kept.take()) {
                Ok(track) => sound = Some(track),
                Err(problem) => {
                    closed.problem.get_or_insert(problem);
                }
            }
        }
        Ok(Open {
            span: source.span,
            video,
            sound,
            next_frame: None,
            next_sound: None,
        })
    }

    fn frame(
        &mut self,
        job: u64,
        pulled: track_video::Pulled,
        closed: &mut Closed,
    ) -> Result<(), Gone> {
        let permit = self.budget.picture(pulled.bytes).ok_or(Gone)?;
        let mut picture = Picture::new(pulled.frame, permit);
        if self.options.pictures == Pictures::Yuv420 && picture.layout() == Layout::Other {
            match picture.into_yuv420(&mut self.scaler) {
                Ok(converted) => picture = converted,
                Err(problem) => {
                    closed.problem.get_or_insert(problem);
                    return Ok(());
                }
            }
        }
        closed.pictures += 1;
        closed.video_end_us = Some(pulled.time_us.saturating_add(pulled.duration_us));
        self.send(Item::Frame(Frame {
            job,
            time_us: pulled.time_us,
            duration_us: pulled.duration_us,
            picture,
        }))
    }

    fn sound(
        &mut self,
        job: u64,
        pulled: track_sound::Pulled,
        closed: &mut Closed,
    ) -> Result<(), Gone> {
        let permit = self.budget.sound(pulled.duration_us()).ok_or(Gone)?;
        closed.sound_end_us = Some(pulled.end_us());
        self.send(Item::Sound(Sound {
            job,
            time_us: pulled.time_us,
            samples: pulled.samples,
            permit,
        }))
    }

    fn send(&self, item: Item) -> Result<(), Gone> {
        self.items.send(item).map_err(|_| Gone)
    }
}

impl Open {
    /// What could not be decoded, of both tracks together.
    fn damage(&self) -> Option<DecodeError> {
        let video = self.video.as_ref().map_or((0, None), |v| v.damaged);
        let sound = self.sound.as_ref().map_or((0, None), |s| s.damaged);
        let what = video.1.or(sound.1)?;
        Some(DecodeError::Damaged {
            packets: video.0 + sound.0,
            what: what.to_string(),
        })
    }
}
