//! The first pass over a film: reads every packet, decodes none, and decides where the chunks begin and what can be
//! copied.

use ffmpeg_next::ffi;

use super::grid::{self, VideoPacket};
use super::input::{self, Input};
use super::keyframe;
use super::marks;
use super::sound_copy::{self, SoundPacket, SoundSource};
use super::tracks::{Track, Turn};
use super::{Container, CutError, CutOptions, GRID_NS, How, Kind, MAX_CHUNK_LEN};

/// Most packets of a film: 48 hours at 60 frames a second with sound are 18 million. Each takes 24 bytes here.
const MAX_PACKETS: usize = 20_000_000;

/// Longest film, nanoseconds: 48 hours. Beyond it the times are more likely broken than the film long (a guess).
const MAX_FILM_NS: i64 = 48 * 3600 * 1_000_000_000;

/// Share of a chunk's bound that copied video may take; the rest is for sound and the container.
const MAX_COPIED_BYTES: u64 = MAX_CHUNK_LEN as u64 / 4 * 3;

/// A millisecond.
const MS_NS: i64 = 1_000_000;

/// How much shorter than promised a film may be before it is called cut off, microseconds. Promised lengths of
/// sound and picture differ by less.
const SHORT_US: i64 = 1_500_000;

/// What to do with the film.
pub(crate) struct Plan {
    /// Start of each chunk, at least one; the first is the film's.
    pub(crate) starts_ns: Vec<i64>,
    pub(crate) video: Option<TrackPlan>,
    pub(crate) sound: Option<TrackPlan>,
    /// Time between frames.
    pub(crate) frame_ns: i64,
    /// Samples of copied sound to drop at the start.
    pub(crate) skip: u32,
    pub(crate) notes: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// What to do with one track.
pub(crate) struct TrackPlan {
    pub(crate) how: How,
    /// Packets of the source.
    pub(crate) packets: usize,
    /// The first chunk that has something of it.
    pub(crate) first_chunk: usize,
    /// If copied: number of the first packet of each chunk.
    pub(crate) ordinals: Vec<usize>,
}

#[derive(Default)]
struct Scan {
    video: Vec<VideoPacket>,
    sound: Vec<SoundPacket>,
    video_end_ns: i64,
    video_obstacle: Option<String>,
    video_packets: usize,
    skip_passed: u64,
    first_heard_ns: Option<i64>,
}

/// Reads the film to its end.
pub(crate) fn plan(input: &mut Input, options: &CutOptions) -> Result<Plan, CutError> {
    let mut source = input.sound.as_ref().map(SoundSource::new);
    let mut scan = Scan {
        video_end_ns: i64::MIN,
        ..Scan::default()
    };
    while let Some(mut read) = input.next()? {
        if scan.video_packets + scan.sound.len() >= MAX_PACKETS {
            return Err(bound(
                input,
                "it has more than 20 million packets; cut it into parts first",
            ));
        }
        match (read.kind, &mut source) {
            (Kind::Video, _) => {
                let track = input
                    .video
                    .as_ref()
                    .expect("a packet of video comes from the video track");
                scan.see_video(track, &mut read);
            }
            (Kind::Sound, Some(source)) => {
                let track = input
                    .sound
                    .as_ref()
                    .expect("a packet of sound comes from the sound track");
                let seen = source.see(track, &mut read.packet, read.pts_ns, read.dur_ns);
                scan.skip_passed +=
                    u64::from(sound_copy::packet_samples(track, &read.packet, read.dur_ns));
                if scan.first_heard_ns.is_none() && scan.skip_passed > u64::from(source.skip) {
                    scan.first_heard_ns = Some(seen.start_ns);
                }
                scan.sound.push(seen);
            }
            (Kind::Sound, None) => {}
        }
    }
    if scan.video_packets + scan.sound.len() == 0 {
        return Err(CutError::CutOff {
            input: input.name.clone(),
            reason: "it has a header but no picture or sound".to_owned(),
        });
    }
    scan.decide(input, source, options)
}

fn bound(input: &Input, reason: &str) -> CutError {
    CutError::Bound {
        input: input.name.clone(),
        reason: reason.to_owned(),
    }
}

impl Scan {
    fn see_video(&mut self, track: &Track, read: &mut input::SourcePacket) {
        if self.video_packets > 0 && marks::changes_codec(&read.packet) {
            self.obstacle("its codec's parameters change");
        }
        let number = self.video_packets as i64;
        self.video_packets += 1;
        if marks::is_hidden(&mut read.packet) {
            self.obstacle("it hides frames");
        }
        if read.pts_ns.is_none() {
            self.obstacle("frames have no time");
        }
        // Good enough to count chunks; the decoder will know better.
        let guessed_ns = || {
            let dts_ns = read.packet.dts().map(|t| track.to_ns(t));
            dts_ns.unwrap_or(number * track.frame_ns().unwrap_or(read.dur_ns))
        };
        let pts_ns = read.pts_ns.unwrap_or_else(guessed_ns);
        self.video_end_ns = self.video_end_ns.max(pts_ns + read.dur_ns);
        let data = read.packet.data().unwrap_or_default();
        self.video.push(VideoPacket {
            pts_ns,
            key: read.packet.is_key() && keyframe::stands_alone(track, data),
            bytes: data.len() as u32,
        });
    }

    fn obstacle(&mut self, why: &str) {
        self.video_obstacle.get_or_insert_with(|| why.to_owned());
    }

    fn decide(
        self,
        input: &mut Input,
        source: Option<SoundSource>,
        options: &CutOptions,
    ) -> Result<Plan, CutError> {
        let has_video = self.video_packets > 0;
        let has_sound = !self.sound.is_empty();
        let declared_ns = input.video.as_ref().and_then(Track::frame_ns);
        let frame_ns = grid::frame_ns(declared_ns, &self.video);
        let mut notes = std::mem::take(&mut input.left_out);

        let first_video = self.video.iter().map(|p| p.pts_ns).min();
        let last_video = self.video.iter().map(|p| p.pts_ns).max();
        let (sound_copied, first_sound, skip) = match (&source, &input.sound, self.sound.first()) {
            (Some(source), Some(track), Some(first)) => {
                let rate = i64::from(track.sample_rate().max(1));
                let heard = first.start_ns + i64::from(source.skip) * 1_000_000_000 / rate;
                let leads_film = first_video.is_none_or(|v| heard <= v);
                let obstacle = obstacle_to_copy(source, track, options.container, leads_film);
                let opus = track.codec() == ffmpeg_next::codec::Id::OPUS;
                // In Matroska a packet that is only partly dropped keeps its own time.
                let zero = match options.container {
                    Container::Mkv if obstacle.is_none() && !opus => {
                        self.first_heard_ns.unwrap_or(heard)
                    }
                    _ => heard,
                };
                if let Some(why) = &obstacle {
                    notes.push(format!("sound is stored as FLAC: {why}"));
                }
                (obstacle.is_none(), Some(zero), source.skip)
            }
            _ => (false, None, 0),
        };
        let first = first_video
            .into_iter()
            .chain(first_sound)
            .min()
            .unwrap_or(0);
        // Matroska counts milliseconds: a film that does so too keeps its frames' times exactly.
        let zero_ns = match (options.container, first_video) {
            (Container::Mkv, Some(video)) => video - (video - first + MS_NS - 1) / MS_NS * MS_NS,
            _ => first,
        };
        let last_start = last_video
            .into_iter()
            .chain(self.sound.last().map(|p| p.start_ns))
            .max()
            .unwrap_or(zero_ns);
        let sound_end = self
            .sound
            .iter()
            .map(|p| p.end_ns)
            .max()
            .unwrap_or(i64::MIN);
        let end_ns = self.video_end_ns.max(sound_end).max(last_start);
        if end_ns - zero_ns > MAX_FILM_NS {
            return Err(bound(
                input,
                "its times span more than 48 hours: they are damaged; remux it first",
            ));
        }

        let copied = match &input.video {
            Some(track) if has_video => self
                .video_may_be_copied(track, options)
                .and_then(|()| grid::copy_grid(&self.video, zero_ns, frame_ns, MAX_COPIED_BYTES))
                .map_err(|why| notes.push(format!("video is re-encoded: {why}")))
                .ok(),
            _ => None,
        };
        let (mut starts_ns, mut video_ordinals) = match copied {
            Some(copied) => {
                let mut starts = copied.starts_ns;
                let anchor = grid::anchor_ns(first_video, zero_ns);
                loop {
                    let next = anchor + starts.len() as i64 * GRID_NS;
                    if next > last_start {
                        break;
                    }
                    starts.push(next);
                }
                (starts, Some(copied.ordinals))
            }
            None => (grid::even_starts(zero_ns, last_start), None),
        };
        grid::merge_tail(&mut starts_ns, last_video, end_ns);
        let chunks = starts_ns.len();
        if let Some(ordinals) = &mut video_ordinals {
            ordinals.resize(chunks, self.video_packets);
        }
        let how = |copied: bool| if copied { How::Copied } else { How::Reencoded };
        let first_chunk = |time: Option<i64>| {
            let passed = starts_ns.partition_point(|s| Some(*s) <= time);
            passed.saturating_sub(1)
        };
        let video = has_video.then(|| TrackPlan {
            how: how(video_ordinals.is_some()),
            packets: self.video_packets,
            first_chunk: first_chunk(first_video),
            ordinals: video_ordinals.unwrap_or_default(),
        });
        let sound = has_sound.then(|| TrackPlan {
            how: how(sound_copied),
            packets: self.sound.len(),
            first_chunk: first_chunk(self.sound.first().map(|p| p.start_ns)),
            ordinals: if sound_copied {
                ordinals_of(&self.sound, &starts_ns)
            } else {
                Vec::new()
            },
        });

        let mut warnings = std::mem::take(&mut input.warnings);
        if input.corrupt() > 0 {
            warnings.push(format!("{} packets are damaged", input.corrupt()));
        }
        if let Some(promised) = input.promised_us.filter(|_| promise_is_firm(input)) {
            // Some containers promise the length, others the time of the end.
            let found = (end_ns - zero_ns.min(0)) / 1000;
            if found + SHORT_US < promised {
                warnings.push(format!(
                    "the film is cut off: it promises {:.1} s, {:.1} s of it are here",
                    promised as f64 / 1e6,
                    found as f64 / 1e6
                ));
            }
        }
        Ok(Plan {
            starts_ns,
            video,
            sound,
            frame_ns,
            skip,
            notes,
            warnings,
        })
    }

    fn video_may_be_copied(&self, track: &Track, options: &CutOptions) -> Result<(), String> {
        let id = track.codec();
        if options.force_reencode {
            return Err("as asked".to_owned());
        }
        if let Some(why) = &self.video_obstacle {
            return Err(why.clone());
        }
        if track.turn != Turn::None {
            return Err("it must be turned to be shown".to_owned());
        }
        if !keyframe::restarts_at_keyframes(id) {
            return Err(format!(
                "{} cannot be cut between packets",
                track.codec_name()
            ));
        }
        if keyframe::needs_header(id) && track.extradata().is_empty() {
            return Err("its codec's header is missing".to_owned());
        }
        if !sound_copy::container_takes(options.container, id) {
            let ending = options.container.extension();
            return Err(format!("{} has no place in .{ending}", track.codec_name()));
        }
        Ok(())
    }
}

fn obstacle_to_copy(
    source: &SoundSource,
    track: &Track,
    container: Container,
    leads_film: bool,
) -> Option<String> {
    if let Err(why) = sound_copy::may_copy(track, container) {
        return Some(why);
    }
    if source.obstacle.is_some() {
        return source.obstacle.clone();
    }
    if source.hidden_beyond_skip() {
        return Some("whole packets of it are hidden".to_owned());
    }
    match container {
        Container::Mkv => None,
        Container::Mp4 if source.discards => {
            Some(".mp4 cannot say how many samples to drop at the end".to_owned())
        }
        Container::Mp4 if source.skip > 0 && !leads_film => {
            Some(".mp4 cannot say how many samples to drop at a late start".to_owned())
        }
        Container::Mp4 => None,
    }
}

/// Number of the first packet of each chunk. The order of packets is kept whatever their times say.
fn ordinals_of(sound: &[SoundPacket], starts_ns: &[i64]) -> Vec<usize> {
    let mut ordinals = Vec::with_capacity(starts_ns.len());
    let mut next = 0;
    for (k, start) in starts_ns.iter().enumerate() {
        while k > 0 && next < sound.len() && sound[next].start_ns < *start {
            next += 1;
        }
        ordinals.push(next);
    }
    ordinals
}

/// Whether the promised length is written in the film rather than guessed from its bit rate.
fn promise_is_firm(input: &Input) -> bool {
    // SAFETY: the context is open; the field is a plain value.
    let method = unsafe { (*input.all_streams().as_ptr()).duration_estimation_method };
    method != ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE
}
