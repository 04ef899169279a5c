//! The thread of a live input: reads, re-encodes the video, copies or re-encodes the sound, hands out chunks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use super::{LiveEvent, LiveOptions, Signals, send};
use crate::cut::input::{Input, SourcePacket};
use crate::cut::{
    Assembler, CutError, CutSummary, How, Kind, LiveSound, Shape, SoundCodec, Starts, VideoEncoder,
};

/// Longest sound that waits for the first picture, packets: 10 s of 20 ms. The picture of an input that is joined in
/// the middle starts at its next keyframe.
const MAX_EARLY_SOUND: usize = 512;

/// Longest single sleep of the pace keeper, so that a stop is noticed soon.
const PACE_STEP: Duration = Duration::from_millis(20);

pub(super) fn run(
    name: &str,
    options: &LiveOptions,
    signals: &Signals,
    sender: &SyncSender<LiveEvent>,
) -> Result<CutSummary, CutError> {
    let mut input = Input::live(
        name,
        options.input_format.as_deref(),
        &options.input_options,
        Arc::clone(&signals.abort),
    )?;
    let paced = options.native_rate || options.input_format.as_deref() == Some("lavfi");
    let mut pace = paced.then(Pace::default);
    let mut live = Live::new(&mut input, options, signals, sender)?;
    while !signals.finish.load(Ordering::Relaxed) {
        let Some(read) = input.next()? else { break };
        if let (Some(pace), Some(pts_ns)) = (&mut pace, read.pts_ns) {
            pace.wait(pts_ns, signals);
        }
        if !live.take(&input, read)? {
            break;
        }
    }
    live.finish(&mut input)
}

/// Holds an input that could run faster to its own clock.
#[derive(Default)]
struct Pace {
    begun: Option<(Instant, i64)>,
}

impl Pace {
    fn wait(&mut self, pts_ns: i64, signals: &Signals) {
        let (begun, first_ns) = *self.begun.get_or_insert_with(|| (Instant::now(), pts_ns));
        let due = Duration::from_nanos(u64::try_from(pts_ns - first_ns).unwrap_or(0));
        while !signals.abort.load(Ordering::Relaxed) {
            let left = due.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(PACE_STEP));
        }
    }
}

struct Live<'s> {
    video: Option<VideoEncoder>,
    sound: Option<LiveSound>,
    /// Made with the first picture (or sound, if there is no picture), which is 0 on the chunks' clock.
    assembler: Option<Assembler<'s>>,
    shape: Option<Shape>,
    early: VecDeque<SourcePacket>,
    anchor_ns: i64,
    limit_ns: Option<i64>,
    summary: CutSummary,
    sender: &'s SyncSender<LiveEvent>,
    signals: &'s Signals,
}

impl<'s> Live<'s> {
    fn new(
        input: &mut Input,
        options: &LiveOptions,
        signals: &'s Signals,
        sender: &'s SyncSender<LiveEvent>,
    ) -> Result<Self, CutError> {
        let cut = &options.cut;
        let mut video = None;
        let mut sound = None;
        let mut video_track = None;
        let mut sound_track = None;
        let mut frame_ns = None;
        if let Some(track) = &input.video {
            let encoder = VideoEncoder::new(&input.name, track, None, &cut.preset, cut.crf, true)?;
            video_track = Some((encoder.mux_track(track), How::Reencoded));
            frame_ns = Some(encoder.frame_ns());
            video = Some(encoder);
        }
        if let Some(track) = &input.sound {
            let live = LiveSound::new(&input.name, track, cut.container, SoundCodec::Opus)?;
            sound_track = Some((live.mux_track(track), live.how()));
            sound = Some(live);
        }
        let summary = CutSummary {
            video: video_track.as_ref().map(|(_, how)| *how),
            sound: sound_track.as_ref().map(|(_, how)| *how),
            notes: std::mem::take(&mut input.left_out),
            ..CutSummary::default()
        };
        Ok(Self {
            video,
            sound,
            assembler: None,
            shape: Some(Shape {
                name: cut.name.clone(),
                container: cut.container,
                starts: Starts::Even(0),
                frame_ns: frame_ns.unwrap_or(1),
                input: input.name.clone(),
                video: video_track,
                sound: sound_track,
            }),
            early: VecDeque::new(),
            anchor_ns: 0,
            limit_ns: options.limit_us.map(|us| {
                i64::try_from(us)
                    .unwrap_or(i64::MAX / 1000)
                    .saturating_mul(1000)
            }),
            summary,
            sender,
            signals,
        })
    }

    /// Sets 0 of the chunks' clock; from now on chunks come out.
    fn begin(&mut self, input: &Input, anchor_ns: i64) -> Result<(), CutError> {
        let Some(mut shape) = self.shape.take() else {
            return Ok(());
        };
        shape.starts = Starts::Even(anchor_ns);
        self.anchor_ns = anchor_ns;
        if let Some(video) = &mut self.video {
            video.set_starts(shape.starts.clone());
        }
        let (sender, signals) = (self.sender, self.signals);
        self.assembler = Some(Assembler::new(shape, move |chunk| {
            send(sender, LiveEvent::Chunk(chunk), &signals.abort)
        }));
        for read in std::mem::take(&mut self.early) {
            self.take_sound(input, read)?;
        }
        Ok(())
    }

    /// Takes a packet; `false`: the limit is reached.
    fn take(&mut self, input: &Input, read: SourcePacket) -> Result<bool, CutError> {
        let beyond = |pts_ns: i64, anchor_ns: i64| {
            self.limit_ns
                .is_some_and(|limit| pts_ns - anchor_ns >= limit)
        };
        if self.assembler.is_some() && read.pts_ns.is_some_and(|t| beyond(t, self.anchor_ns)) {
            return Ok(false);
        }
        match read.kind {
            Kind::Video => self.take_video(input, &read)?,
            Kind::Sound if self.assembler.is_some() => self.take_sound(input, read)?,
            Kind::Sound => {
                let start_ns = read.pts_ns;
                self.early.push_back(read);
                let alone = self.video.is_none();
                if let Some(start_ns) =
                    start_ns.filter(|_| alone || self.early.len() > MAX_EARLY_SOUND)
                {
                    let first = self.early.front().and_then(|p| p.pts_ns);
                    self.begin(input, first.unwrap_or(start_ns))?;
                }
            }
        }
        Ok(true)
    }

    fn take_video(&mut self, input: &Input, read: &SourcePacket) -> Result<(), CutError> {
        let Some(video) = &mut self.video else {
            return Ok(());
        };
        let frames = video.decode(&read.packet)?;
        self.encode(input, frames)
    }

    fn encode(
        &mut self,
        input: &Input,
        frames: Vec<ffmpeg_next::frame::Video>,
    ) -> Result<(), CutError> {
        for frame in frames {
            let Some(time_ns) = self.video.as_ref().map(|v| v.time_ns(&frame)) else {
                break;
            };
            self.begin(input, time_ns)?;
            if time_ns < self.anchor_ns {
                continue;
            }
            if let (Some(video), Some(assembler)) = (&mut self.video, &mut self.assembler) {
                let packets = video.encode(frame)?;
                assembler.push_video(packets)?;
            }
        }
        Ok(())
    }

    fn take_sound(&mut self, input: &Input, mut read: SourcePacket) -> Result<(), CutError> {
        let (Some(sound), Some(assembler), Some(track)) =
            (&mut self.sound, &mut self.assembler, &input.sound)
        else {
            return Ok(());
        };
        // What was heard before the first picture is over.
        if read.pts_ns.is_some_and(|t| t < self.anchor_ns) {
            return Ok(());
        }
        let packets = sound.feed(track, &mut read)?;
        assembler.push_sound(packets)
    }

    fn finish(mut self, input: &mut Input) -> Result<CutSummary, CutError> {
        let frames = match &mut self.video {
            Some(video) => video.end_of_packets()?,
            None => Vec::new(),
        };
        self.encode(input, frames)?;
        let mut undecodable = 0;
        if let Some(assembler) = &mut self.assembler {
            if let Some(video) = &mut self.video {
                let packets = video.finish()?;
                assembler.push_video(packets)?;
                undecodable += video.undecodable;
            }
            if let Some(sound) = &mut self.sound {
                let packets = sound.finish()?;
                assembler.push_sound(packets)?;
                undecodable += sound.undecodable();
            }
            (self.summary.chunks, self.summary.duration_us) = assembler.finish()?;
            if assembler.late() > 0 {
                self.summary.warnings.push(format!(
                    "{} packets came too late for their chunk",
                    assembler.late()
                ));
            }
        }
        self.summary.warnings.append(&mut input.warnings);
        if undecodable > 0 {
            self.summary
                .warnings
                .push(format!("{undecodable} packets cannot be decoded"));
        }
        Ok(self.summary)
    }
}
