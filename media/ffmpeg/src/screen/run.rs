//! The capture's thread: waits for a change, an order or a time, and does what is due.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use ffmpeg_next::frame;
use media_packet::{Rendition, VideoCodec};

use super::changes::Changes;
use super::control::{Counters, Orders, Shared};
use super::display::Display;
use super::encoder::Form;
use super::line::Line;
use super::planes::Converter;
use super::{ScreenConfig, ScreenError, ScreenEvent, planes, priority};
use crate::clock::{now_us, thread_cpu_us};

/// Pictures a second of the low rendition at most.
const MAX_LOW_FRAME_RATE: u32 = 30;

/// Least time between two changes of VP8's bitrate, each of which costs a keyframe, microseconds (a guess).
const VP8_REOPEN_US: u64 = 1_000_000;

pub(super) fn thread(
    config: ScreenConfig,
    shared: Arc<Shared>,
    ready: SyncSender<Result<(), ScreenError>>,
    sink: Box<dyn FnMut(ScreenEvent) + Send>,
) {
    priority::raise(None);
    let mut capture = match Capture::open(&config, Arc::clone(&shared), sink) {
        Ok(capture) => capture,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    match capture.run() {
        Ok(()) | Err(ScreenError::Stopped) => {}
        Err(error) => (capture.sink)(ScreenEvent::Failed(error)),
    }
}

/// The low rendition, while somebody needs it.
struct Low {
    line: Line,
    picture: frame::Video,
    /// What of the full picture changed since this one was made.
    stale: Changes,
}

struct Capture {
    display: Display,
    shared: Arc<Shared>,
    sink: Box<dyn FnMut(ScreenEvent) + Send>,
    full: Line,
    picture: frame::Video,
    converter: Converter,
    low: Option<Low>,
    watched: bool,
    /// When the picture was grabbed.
    grabbed_us: u64,
}

impl Capture {
    fn open(
        config: &ScreenConfig,
        shared: Arc<Shared>,
        sink: Box<dyn FnMut(ScreenEvent) + Send>,
    ) -> Result<Self, ScreenError> {
        let form = Form {
            codec: config.codec,
            content: config.content,
            width: config.width & !1,
            height: config.height & !1,
            frame_rate: config.max_frame_rate,
            bitrate_bps: shared.take_orders().full_bps,
        };
        let picture = (form.width, form.height);
        Ok(Self {
            display: Display::open(config, picture, Arc::clone(&shared))?,
            shared,
            sink,
            full: Line::open(Rendition::Full, form)?,
            picture: planes::black(form.width, form.height),
            converter: Converter::new(config.codec),
            low: None,
            watched: true,
            grabbed_us: 0,
        })
    }

    fn run(&mut self) -> Result<(), ScreenError> {
        while !self.shared.stopped() {
            let orders = self.shared.take_orders();
            self.follow(&orders)?;
            if self.watched {
                self.grab_if_due()?;
                self.encode_full()?;
                self.encode_low()?;
            }
            let cpu = &self.shared.counters.cpu_us;
            cpu.store(thread_cpu_us(), Ordering::Relaxed);
            self.display.wait(self.next_us(&orders))?;
        }
        Ok(())
    }

    fn follow(&mut self, orders: &Orders) -> Result<(), ScreenError> {
        if orders.watched && !self.watched {
            self.display.forget();
            self.full.schedule.pause();
        }
        self.watched = orders.watched;
        let full = &mut self.full.schedule;
        full.set_keyframe_interval(orders.keyframe_interval_us);
        if orders.keyframe_full {
            full.want_keyframe();
        }
        if !self.watched {
            self.low = None;
            return Ok(());
        }
        let now = now_us();
        if change_us(&self.full.form(), orders.full_bps, self.full.opened_us)
            .is_some_and(|at| at <= now)
        {
            self.full.set_bitrate(orders.full_bps)?;
        }
        match (orders.low_bps, &mut self.low) {
            (None, low) => *low = None,
            (Some(bps), Some(low)) => {
                if change_us(&low.line.form(), bps, low.line.opened_us).is_some_and(|at| at <= now)
                {
                    low.line.set_bitrate(bps)?;
                }
                if orders.keyframe_low {
                    low.line.schedule.want_keyframe();
                }
            }
            (Some(bps), none) => *none = Some(open_low(self.full.form(), bps)?),
        }
        Ok(())
    }

    fn grab_if_due(&mut self) -> Result<(), ScreenError> {
        let begun = now_us();
        if !self.display.is_dirty() || self.full.schedule.ready_us() > begun {
            return Ok(());
        }
        let mut changes = Changes::none(self.picture.width(), self.picture.height());
        let (mut grabbed_us, picture) = (None, &mut self.picture);
        let is_new = self.display.grab(|damaged, pixels| {
            grabbed_us = Some(now_us());
            self.converter
                .convert(picture, damaged, pixels, &mut changes)
        })?;
        if !is_new {
            return Ok(());
        }
        let (counters, now) = (&self.shared.counters, now_us());
        let grabbed_us = grabbed_us.unwrap_or(now);
        Counters::add(&counters.grabs, 1);
        Counters::add(&counters.grab_us, grabbed_us - begun);
        Counters::add(&counters.convert_us, now - grabbed_us);
        self.grabbed_us = begun;
        if !changes.is_any() {
            self.full.schedule.stayed(begun);
            return Ok(());
        }
        self.full.changed(&changes);
        if let Some(low) = &mut self.low {
            low.line.schedule.changed();
            low.stale.add(&changes);
        }
        Ok(())
    }

    fn encode_full(&mut self) -> Result<(), ScreenError> {
        let counters = &self.shared.counters;
        let at = self.grabbed_us;
        if let Some(packet) = self.full.encode_if_due(&mut self.picture, at, counters)? {
            (self.sink)(ScreenEvent::Packet(packet));
        }
        Ok(())
    }

    fn encode_low(&mut self) -> Result<(), ScreenError> {
        let Some(low) = &mut self.low else {
            return Ok(());
        };
        if low.line.schedule.due(now_us()).is_none() {
            return Ok(());
        }
        let counters = &self.shared.counters;
        if low.stale.is_any() {
            let begun = now_us();
            let mut changes = Changes::none(low.picture.width(), low.picture.height());
            changes.add_halved(&low.stale);
            low.stale.clear();
            planes::halve(&self.picture, &mut low.picture, &changes);
            low.line.changes.add(&changes);
            Counters::add(&counters.convert_us, now_us() - begun);
        }
        let at = self.grabbed_us;
        if let Some(packet) = low.line.encode_if_due(&mut low.picture, at, counters)? {
            (self.sink)(ScreenEvent::Packet(packet));
        }
        Ok(())
    }

    /// When something has to be done though nobody calls; `None`: never.
    fn next_us(&self, orders: &Orders) -> Option<u64> {
        if !self.watched {
            return None;
        }
        let full = &self.full;
        let grab = self.display.is_dirty().then(|| full.schedule.ready_us());
        let low = self.low.as_ref().map(|low| &low.line);
        let change = |line: &Line, bps| change_us(&line.form(), bps, line.opened_us);
        let low_change = low
            .zip(orders.low_bps)
            .and_then(|(line, bps)| change(line, bps));
        [
            grab,
            full.schedule.next_us(),
            low.and_then(|line| line.schedule.next_us()),
            change(full, orders.full_bps),
            low_change,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// When a rendition that was opened at `opened_us` is to take another bitrate; `None`: never, it is near enough. x264
/// takes every change at once. VP8's encoder is opened again for a tenth less or a quarter more.
fn change_us(form: &Form, bps: u32, opened_us: u64) -> Option<u64> {
    let now = form.bitrate_bps;
    match form.codec {
        VideoCodec::H264 => (bps != now).then_some(0),
        VideoCodec::Vp8 => {
            let near = now - now / 10..=now.saturating_add(now / 4);
            (!near.contains(&bps)).then_some(opened_us + VP8_REOPEN_US)
        }
    }
}

/// The low rendition of such a picture; all of it is to be made.
fn open_low(full: Form, bitrate_bps: u32) -> Result<Low, ScreenError> {
    let form = Form {
        width: (full.width / 2) & !1,
        height: (full.height / 2) & !1,
        frame_rate: full.frame_rate.min(MAX_LOW_FRAME_RATE),
        bitrate_bps,
        ..full
    };
    Ok(Low {
        line: Line::open(Rendition::Low, form)?,
        picture: planes::black(form.width, form.height),
        stale: Changes::all(full.width, full.height),
    })
}
