//! Putting packets into the file of one chunk, in memory.

use std::ffi::CString;
use std::ptr;

use ffmpeg_next::{Error, Packet, Rational, Rescale, codec, ffi, packet::Mut};

use super::tracks::NS;
use super::{Container, MAX_CHUNK_LEN, grid};

/// A track of the chunks.
pub(crate) struct MuxTrack {
    pub(crate) params: codec::Parameters,
    pub(crate) time_base: Rational,
    /// Frame rate, if it is constant.
    pub(crate) rate: Option<Rational>,
    pub(crate) aspect: Rational,
    pub(crate) video: bool,
}

/// A packet with its times on the film's clock.
pub(crate) struct MuxPacket {
    pub(crate) packet: Packet,
    pub(crate) pts_ns: i64,
    pub(crate) dur_ns: i64,
    /// Samples to drop from here on.
    pub(crate) skip: u32,
    /// Samples to drop at the packet's end.
    pub(crate) discard: u32,
}

/// A chunk to be written.
pub(crate) struct MuxJob<'a> {
    pub(crate) container: Container,
    pub(crate) tracks: &'a [MuxTrack],
    /// The film's time that is 0 in the chunk.
    pub(crate) start_ns: i64,
    /// Whether the sound has not begun before this chunk: only then its priming is dropped.
    pub(crate) keeps_priming: bool,
    pub(crate) frame_ns: i64,
    /// Written into the chunk as metadata.
    pub(crate) tags: [(&'static str, String); 2],
}

/// Why a chunk could not be written.
pub(crate) enum MuxError {
    Ffmpeg(Error),
    TooBig,
}

impl From<Error> for MuxError {
    fn from(e: Error) -> Self {
        Self::Ffmpeg(e)
    }
}

struct Output {
    ctx: *mut ffi::AVFormatContext,
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: `ctx` is null or owned by us; its dynamic buffer, if still there, was opened by
        // avio_open_dyn_buf, and the bytes that closing hands out are ours to free.
        unsafe {
            if self.ctx.is_null() {
                return;
            }
            if !(*self.ctx).pb.is_null() {
                let mut bytes = ptr::null_mut();
                ffi::avio_close_dyn_buf((*self.ctx).pb, &mut bytes);
                ffi::av_free(bytes.cast());
                (*self.ctx).pb = ptr::null_mut();
            }
            ffi::avformat_free_context(self.ctx);
        }
    }
}

fn check(code: i32) -> Result<(), Error> {
    if code < 0 {
        Err(Error::from(code))
    } else {
        Ok(())
    }
}

/// Writes the chunk. `packets` holds each track's packets in the order of decoding.
pub(crate) fn mux(job: &MuxJob<'_>, packets: Vec<Vec<MuxPacket>>) -> Result<Vec<u8>, MuxError> {
    let bytes: usize = packets.iter().flatten().map(|p| p.packet.size()).sum();
    if bytes > MAX_CHUNK_LEN {
        return Err(MuxError::TooBig);
    }
    let mut out = open(job)?;
    let mut marked = None;
    let mut all = Vec::with_capacity(packets.iter().map(Vec::len).sum());
    for (index, list) in packets.into_iter().enumerate() {
        let track = &job.tracks[index];
        let mut list = list;
        if job.container == Container::Mkv {
            let delay_ns = opus_delay_ns(job, track);
            // Matroska has no times below 0. Only what is dropped whole can be there.
            list.iter_mut()
                .for_each(|p| p.pts_ns = (p.pts_ns + delay_ns).max(job.start_ns));
        }
        let pts: Vec<i64> = list.iter().map(|p| p.pts_ns).collect();
        let dts = if track.video {
            grid::decoding_times(&pts, job.frame_ns)
        } else {
            pts
        };
        all.extend(list.into_iter().zip(dts).map(|(p, dts)| (dts, index, p)));
    }
    all.sort_by_key(|(dts, index, _)| (*dts, *index));
    for (dts_ns, index, mut p) in all {
        let track = &job.tracks[index];
        let opus = track.params.id() == codec::Id::OPUS;
        let by_block = job.container == Container::Mkv && !opus && p.skip > 0;
        if by_block {
            marked = Some((p.skip, p.packet.data().unwrap_or_default().to_vec()));
        }
        set_discard(&mut p.packet, if by_block { p.skip } else { p.discard })?;
        // SAFETY: the context is open and has the stream; its time base was settled by the header.
        let time_base = unsafe { Rational::from((**(*out.ctx).streams.add(index)).time_base) };
        let ticks = |ns: i64| (ns - job.start_ns).rescale(NS, time_base);
        p.packet.set_pts(Some(ticks(p.pts_ns)));
        p.packet.set_dts(Some(ticks(dts_ns).min(ticks(p.pts_ns))));
        p.packet.set_duration(p.dur_ns.rescale(NS, time_base));
        p.packet.set_stream(index);
        p.packet.set_position(-1isize);
        p.packet.set_time_base(time_base);
        // SAFETY: context and packet are valid; FFmpeg takes the packet's contents over and leaves it blank.
        check(unsafe { ffi::av_interleaved_write_frame(out.ctx, p.packet.as_mut_ptr()) })?;
    }
    let mut file = close(&mut out)?;
    if let Some((samples, data)) = marked {
        negate_discard(&mut file, &data).ok_or_else(|| {
            tracing::error!(
                samples,
                "the mark for dropped samples is not where Matroska has it"
            );
            MuxError::Ffmpeg(Error::Bug)
        })?;
    }
    if file.len() > MAX_CHUNK_LEN {
        return Err(MuxError::TooBig);
    }
    Ok(file)
}

/// Matroska's `CodecDelay` is subtracted from the times of blocks, so it is added here.
fn opus_delay_ns(job: &MuxJob<'_>, track: &MuxTrack) -> i64 {
    if track.params.id() != codec::Id::OPUS || !job.keeps_priming {
        return 0;
    }
    // SAFETY: `params` owns a valid AVCodecParameters.
    let samples = unsafe { (*track.params.as_ptr()).initial_padding };
    i64::from(samples) * 1_000_000_000 / 48_000
}

fn open(job: &MuxJob<'_>) -> Result<Output, Error> {
    let mut out = Output {
        ctx: ptr::null_mut(),
    };
    let mut options = ffmpeg_next::Dictionary::new();
    if job.container == Container::Mp4 {
        options.set("movflags", "+use_metadata_tags");
        // The clock of edit lists, which place each track: microseconds instead of milliseconds.
        options.set("movie_timescale", "1000000");
        // MP4 has no empty tracks: one that has nothing in this chunk is missing, the other keeps its number.
        options.set("use_stream_ids_as_track_ids", "1");
    }
    // SAFETY: every pointer is checked before use and owned by `out`, which frees it; strings are NUL-terminated
    // and copied by FFmpeg; parameters are copied, never shared; the dictionary is taken back and freed.
    unsafe {
        check(ffi::avformat_alloc_output_context2(
            &mut out.ctx,
            ptr::null(),
            job.container.muxer().as_ptr(),
            ptr::null(),
        ))?;
        let ctx = out.ctx;
        check(ffi::avio_open_dyn_buf(&mut (*ctx).pb))?;
        // The same film gives the same bytes: no random identifiers, no version strings.
        (*ctx).flags |= ffi::AVFMT_FLAG_BITEXACT;
        // Times are what we say they are.
        (*ctx).avoid_negative_ts = 0;
        // FFmpeg 5.1 still calls FLAC in MP4 experimental; it is standardised and its own demuxer reads it.
        (*ctx).strict_std_compliance = ffi::FF_COMPLIANCE_EXPERIMENTAL;
        for (key, value) in &job.tags {
            let key = CString::new(*key).map_err(|_| Error::Bug)?;
            let value = CString::new(value.as_str()).map_err(|_| Error::Bug)?;
            check(ffi::av_dict_set(
                &mut (*ctx).metadata,
                key.as_ptr(),
                value.as_ptr(),
                0,
            ))?;
        }
        for (index, track) in job.tracks.iter().enumerate() {
            let stream = ffi::avformat_new_stream(ctx, ptr::null());
            if stream.is_null() {
                return Err(Error::Other {
                    errno: libc::ENOMEM,
                });
            }
            (*stream).id = index as i32 + 1;
            let par = (*stream).codecpar;
            check(ffi::avcodec_parameters_copy(par, track.params.as_ptr()))?;
            (*par).codec_tag = 0;
            (*stream).time_base = track.time_base.into();
            (*stream).sample_aspect_ratio = track.aspect.into();
            if let Some(rate) = track.rate {
                (*stream).avg_frame_rate = rate.into();
            }
            if track.params.id() != codec::Id::OPUS {
                (*par).initial_padding = 0;
            } else if !job.keeps_priming {
                (*par).initial_padding = 0;
                // Pre-skip, RFC 7845 section 5.1: nothing is dropped at this start.
                if (*par).extradata_size >= 12 {
                    (*par).extradata.add(10).write(0);
                    (*par).extradata.add(11).write(0);
                }
            }
        }
        let mut raw = options.disown();
        let written = ffi::avformat_write_header(ctx, &mut raw);
        drop(ffmpeg_next::Dictionary::own(raw));
        check(written)?;
    }
    Ok(out)
}

fn close(out: &mut Output) -> Result<Vec<u8>, Error> {
    // SAFETY: the header was written, so the trailer may be; the buffer that FFmpeg hands out is valid for the
    // returned length, copied, and freed by av_free.
    unsafe {
        check(ffi::av_write_trailer(out.ctx))?;
        let mut bytes = ptr::null_mut();
        let length = ffi::avio_close_dyn_buf((*out.ctx).pb, &mut bytes);
        (*out.ctx).pb = ptr::null_mut();
        if bytes.is_null() || length <= 0 {
            return Err(Error::Other {
                errno: libc::ENOMEM,
            });
        }
        let file = std::slice::from_raw_parts(bytes, length as usize).to_vec();
        ffi::av_free(bytes.cast());
        Ok(file)
    }
}

/// Replaces the packet's mark of dropped samples.
fn set_discard(packet: &mut Packet, at_end: u32) -> Result<(), Error> {
    const KIND: ffi::AVPacketSideDataType = ffi::AVPacketSideDataType::AV_PKT_DATA_SKIP_SAMPLES;
    // SAFETY: the packet is alive; a new block of side data is valid for the 10 bytes asked for.
    unsafe {
        let raw = packet.as_mut_ptr();
        (*raw).flags &= !ffi::AV_PKT_FLAG_DISCARD;
        let mut size = 0;
        let mut data = ffi::av_packet_get_side_data(raw, KIND, &mut size);
        if data.is_null() || size < 10 {
            if at_end == 0 {
                return Ok(());
            }
            data = ffi::av_packet_new_side_data(raw, KIND, 10);
            if data.is_null() {
                return Err(Error::Other {
                    errno: libc::ENOMEM,
                });
            }
        }
        let bytes = std::slice::from_raw_parts_mut(data, 10);
        bytes.fill(0);
        bytes[4..8].copy_from_slice(&at_end.to_le_bytes());
    }
    Ok(())
}

/// FFmpeg's muxer writes only marks for samples to drop at a block's end (a positive `DiscardPadding`), its demuxer
/// reads both kinds. Turns the mark behind the block that holds `data` into one for the block's start (a negative
/// number of the same length), as Matroska defines it.
fn negate_discard(file: &mut [u8], data: &[u8]) -> Option<()> {
    /// Element `DiscardPadding`.
    const ID: [u8; 2] = [0x75, 0xa2];
    /// Other elements may stand between the block and its mark: references and a duration, a few bytes each.
    const NEAR: usize = 32;
    let block_end = file.windows(data.len().max(1)).position(|w| w == data)? + data.len();
    let near = file.get(block_end..(block_end + NEAR).min(file.len()))?;
    let at = block_end + near.windows(2).position(|w| w == ID)?;
    let length = file.get(at + 2)?.checked_sub(0x80).map(usize::from)?;
    if length == 0 || length > 8 {
        return None;
    }
    let number = file.get_mut(at + 3..at + 3 + length)?;
    let value = number.iter().fold(0i64, |n, b| n << 8 | i64::from(*b));
    number.copy_from_slice(&value.wrapping_neg().to_be_bytes()[8 - length..]);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_behind_the_block_is_negated_in_place() {
        let mut file = b"....BLOCK\x75\xa2\x84\x01\x45\x85\x55....".to_vec();
        negate_discard(&mut file, b"BLOCK").expect("the mark is there");
        assert_eq!(&file[9..16], b"\x75\xa2\x84\xfe\xba\x7a\xab");
        assert!(negate_discard(&mut b"....BLOCK......".to_vec(), b"BLOCK").is_none());
        assert!(negate_discard(&mut b"....".to_vec(), b"BLOCK").is_none());
    }
}
