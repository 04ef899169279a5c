//! The second pass over a film: copies or re-encodes by the plan and gives out the chunks.

use std::path::Path;
use std::sync::Arc;

use super::assemble::Shape;
use super::input::{self, Input, SourcePacket};
use super::live_sound::copied_sound;
use super::mux::{MuxPacket, MuxTrack};
use super::plan::{self, Plan, TrackPlan};
use super::sound_copy::SoundSource;
use super::tracks::Track;
use super::{
    Assembler, CutChunk, CutError, CutOptions, CutSummary, How, Kind, SoundCodec, SoundEncoder,
    Starts, VideoEncoder, check_name,
};

/// Cuts the film and gives each chunk to `sink` as soon as it is complete, in order, numbered from 0. An error of
/// the sink ends the cut and comes back ([`CutError::Stopped`] is meant for that).
///
/// The film is read twice: first to find out what can be copied, then to cut. It must be a regular file; a pipe or
/// device is a live input. Blocks the calling thread for the time of reading (copied) or encoding.
///
/// Errors: see [`CutError`]. A film that is cut off or partly unreadable is no error as long as something of it can
/// be cut: the summary's warnings say what is missing.
pub fn cut_film(
    film: &Path,
    options: &CutOptions,
    sink: impl FnMut(CutChunk) -> Result<(), CutError>,
) -> Result<CutSummary, CutError> {
    check_name(&options.name)?;
    let stop = Arc::clone(&options.stop);
    let mut first_pass = Input::film(film, Arc::clone(&stop))?;
    let plan = plan::plan(&mut first_pass, options)?;
    drop(first_pass);
    Run::new(Input::film(film, stop)?, plan, options, sink)?.run()
}

enum Video {
    None,
    Copy { ordinals: Vec<usize>, seen: usize },
    Encode(Box<VideoEncoder>),
}

enum Sound {
    None,
    Copy {
        ordinals: Vec<usize>,
        seen: usize,
        source: SoundSource,
    },
    Encode(Box<SoundEncoder>),
}

struct Run<'s> {
    input: Input,
    assembler: Assembler<'s>,
    video: Video,
    sound: Sound,
    first_chunks: (usize, usize),
    expected_packets: usize,
    seen_packets: usize,
    skip: u32,
    summary: CutSummary,
}

impl<'s> Run<'s> {
    fn new(
        input: Input,
        plan: Plan,
        options: &CutOptions,
        sink: impl FnMut(CutChunk) -> Result<(), CutError> + 's,
    ) -> Result<Self, CutError> {
        let starts = Starts::Fixed(plan.starts_ns.clone());
        let first_chunk = |p: &Option<TrackPlan>| p.as_ref().map_or(0, |p| p.first_chunk);
        let first_chunks = (first_chunk(&plan.video), first_chunk(&plan.sound));
        let mut expected_packets = 0;
        let mut count = |p: &TrackPlan| expected_packets += p.packets;
        let (video, video_track) = match (plan.video, &input.video) {
            (Some(p), Some(track)) => {
                count(&p);
                match p.how {
                    How::Copied => (
                        Video::Copy {
                            ordinals: p.ordinals,
                            seen: 0,
                        },
                        Some((copied_video(track), How::Copied)),
                    ),
                    How::Reencoded => {
                        let encoder = VideoEncoder::new(
                            &input.name,
                            track,
                            Some(starts.clone()),
                            &options.preset,
                            options.crf,
                            false,
                        )?;
                        let mux = encoder.mux_track(track);
                        (
                            Video::Encode(Box::new(encoder)),
                            Some((mux, How::Reencoded)),
                        )
                    }
                }
            }
            (Some(_), None) => return Err(changed(&input)),
            _ => (Video::None, None),
        };
        let (sound, sound_track) = match (plan.sound, &input.sound) {
            (Some(p), Some(track)) => {
                count(&p);
                match p.how {
                    How::Copied => {
                        let source = SoundSource::new(track);
                        (
                            Sound::Copy {
                                ordinals: p.ordinals,
                                seen: 0,
                                source,
                            },
                            Some((copied_sound(track), How::Copied)),
                        )
                    }
                    How::Reencoded => {
                        let encoder = SoundEncoder::new(&input.name, track, SoundCodec::Flac)?;
                        let mux = encoder.mux_track();
                        (
                            Sound::Encode(Box::new(encoder)),
                            Some((mux, How::Reencoded)),
                        )
                    }
                }
            }
            (Some(_), None) => return Err(changed(&input)),
            _ => (Sound::None, None),
        };
        let summary = CutSummary {
            video: video_track.as_ref().map(|(_, how)| *how),
            sound: sound_track.as_ref().map(|(_, how)| *how),
            notes: plan.notes,
            warnings: plan.warnings,
            ..CutSummary::default()
        };
        let shape = Shape {
            name: options.name.clone(),
            container: options.container,
            starts,
            frame_ns: plan.frame_ns,
            input: input.name.clone(),
            video: video_track,
            sound: sound_track,
        };
        Ok(Self {
            input,
            assembler: Assembler::new(shape, sink),
            video,
            sound,
            first_chunks,
            expected_packets,
            seen_packets: 0,
            skip: plan.skip,
            summary,
        })
    }

    fn run(mut self) -> Result<CutSummary, CutError> {
        // A track that starts late keeps nothing waiting before its first packet.
        let (video, sound) = self.first_chunks;
        self.assembler.done_below(Kind::Video, video)?;
        self.assembler.done_below(Kind::Sound, sound)?;
        while let Some(read) = self.input.next()? {
            self.seen_packets += 1;
            match read.kind {
                Kind::Video => self.take_video(read)?,
                Kind::Sound => self.take_sound(read)?,
            }
        }
        if self.seen_packets != self.expected_packets {
            return Err(changed(&self.input));
        }
        if let Video::Encode(encoder) = &mut self.video {
            for frame in encoder.end_of_packets()? {
                let packets = encoder.encode(frame)?;
                self.assembler.push_video(packets)?;
            }
            let packets = encoder.finish()?;
            self.assembler.push_video(packets)?;
            warn_undecodable(&mut self.summary, "picture", encoder.undecodable);
        }
        self.assembler.done_below(Kind::Video, usize::MAX)?;
        if let Sound::Encode(encoder) = &mut self.sound {
            let packets = encoder.finish()?;
            self.assembler.push_sound(packets)?;
            warn_undecodable(&mut self.summary, "sound", encoder.undecodable);
        }
        (self.summary.chunks, self.summary.duration_us) = self.assembler.finish()?;
        Ok(self.summary)
    }

    fn take_video(&mut self, read: SourcePacket) -> Result<(), CutError> {
        match &mut self.video {
            Video::None => {}
            Video::Copy { ordinals, seen } => {
                let k = chunk_of_ordinal(ordinals, *seen);
                *seen += 1;
                let next = *seen;
                let Some(pts_ns) = read.pts_ns else {
                    return Err(changed(&self.input));
                };
                let packet = MuxPacket {
                    packet: read.packet,
                    pts_ns,
                    dur_ns: read.dur_ns,
                    skip: 0,
                    discard: 0,
                };
                self.assembler.push(Kind::Video, k, packet)?;
                self.copied_done(Kind::Video, next)?;
            }
            Video::Encode(encoder) => {
                for frame in encoder.decode(&read.packet)? {
                    let packets = encoder.encode(frame)?;
                    self.assembler.push_video(packets)?;
                }
            }
        }
        Ok(())
    }

    fn take_sound(&mut self, mut read: SourcePacket) -> Result<(), CutError> {
        match (&mut self.sound, &self.input.sound) {
            (
                Sound::Copy {
                    ordinals,
                    seen,
                    source,
                },
                Some(track),
            ) => {
                let k = chunk_of_ordinal(ordinals, *seen);
                let place = source.see(track, &mut read.packet, read.pts_ns, read.dur_ns);
                let skip = if *seen == 0 { self.skip } else { 0 };
                *seen += 1;
                let next = *seen;
                let packet = MuxPacket {
                    packet: read.packet,
                    pts_ns: place.start_ns,
                    dur_ns: place.end_ns - place.start_ns,
                    skip,
                    discard: place.discard,
                };
                self.assembler.push(Kind::Sound, k, packet)?;
                self.copied_done(Kind::Sound, next)?;
            }
            (Sound::Encode(encoder), _) => {
                let packets = encoder.feed(&read.packet)?;
                self.assembler.push_sound(packets)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// After `next` packets of a copied track: which chunks have all of theirs.
    fn copied_done(&mut self, kind: Kind, next: usize) -> Result<(), CutError> {
        let ordinals = match (kind, &self.video, &self.sound) {
            (Kind::Video, Video::Copy { ordinals, .. }, _) => ordinals,
            (Kind::Sound, _, Sound::Copy { ordinals, .. }) => ordinals,
            _ => return Ok(()),
        };
        self.assembler
            .done_below(kind, chunk_of_ordinal(ordinals, next))
    }
}

/// The chunk of packet number `n`: the last one that starts at or before it.
fn chunk_of_ordinal(ordinals: &[usize], n: usize) -> usize {
    ordinals
        .partition_point(|first| *first <= n)
        .saturating_sub(1)
}

fn copied_video(track: &Track) -> MuxTrack {
    MuxTrack {
        params: track.params.clone(),
        time_base: track.time_base,
        rate: track.constant_rate,
        aspect: track.aspect,
        video: true,
    }
}

fn changed(input: &input::Input) -> CutError {
    CutError::Changed {
        input: input.name.clone(),
    }
}

fn warn_undecodable(summary: &mut CutSummary, what: &str, packets: u64) {
    if packets > 0 {
        summary
            .warnings
            .push(format!("{packets} packets of {what} cannot be decoded"));
    }
}
