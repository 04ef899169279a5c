//! What is known of a track of the source before its packets are read.

use ffmpeg_next::{Rational, Rescale, codec, ffi, format};

/// Nanoseconds: the one clock in which all tracks are compared. Fine enough that a round trip to any container's
/// own clock gives back the same tick.
pub(crate) const NS: Rational = Rational(1, 1_000_000_000);

/// How the picture must be turned, clockwise, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    Cw90,
    Half,
    Ccw90,
}

/// A track that will be cut.
pub(crate) struct Track {
    /// Index in the input.
    pub(crate) index: usize,
    pub(crate) time_base: Rational,
    pub(crate) params: codec::Parameters,
    /// Average frame rate, if known.
    pub(crate) rate: Option<Rational>,
    /// The same, if the demuxer's two estimates agree: a constant frame rate.
    pub(crate) constant_rate: Option<Rational>,
    pub(crate) aspect: Rational,
    pub(crate) turn: Turn,
}

impl Track {
    pub(crate) fn of(stream: &format::stream::Stream<'_>) -> Self {
        let own = |r: Rational| (r.numerator() > 0 && r.denominator() > 0).then_some(r);
        let average = own(stream.avg_frame_rate());
        let base = own(stream.rate());
        // `parameters()` borrows the input's; the clone is our own copy.
        let params = stream.parameters().clone();
        // SAFETY: the stream is alive as long as its input, which the caller holds.
        let aspect = unsafe { Rational::from((*stream.as_ptr()).sample_aspect_ratio) };
        Self {
            index: stream.index(),
            time_base: stream.time_base(),
            params,
            rate: average.or(base),
            constant_rate: average.filter(|a| Some(*a) == base),
            aspect,
            turn: turn_of(stream),
        }
    }

    pub(crate) fn to_ns(&self, ticks: i64) -> i64 {
        ticks.rescale(self.time_base, NS)
    }

    /// Time between frames at the declared rate.
    pub(crate) fn frame_ns(&self) -> Option<i64> {
        self.rate
            .map(|r| i64::from(r.denominator()) * 1_000_000_000 / i64::from(r.numerator()))
    }

    /// One tick of the track's clock, rounded up to nanoseconds.
    pub(crate) fn tick_ns(&self) -> i64 {
        self.to_ns(1).max(1)
    }

    pub(crate) fn codec(&self) -> codec::Id {
        self.params.id()
    }

    /// Name of the codec as FFmpeg spells it.
    pub(crate) fn codec_name(&self) -> &'static str {
        codec_name(self.codec())
    }

    pub(crate) fn width(&self) -> u32 {
        // SAFETY: `params` owns a valid AVCodecParameters.
        unsafe { (*self.params.as_ptr()).width.max(0) as u32 }
    }

    pub(crate) fn height(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.params.as_ptr()).height.max(0) as u32 }
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.params.as_ptr()).sample_rate.max(0) as u32 }
    }

    pub(crate) fn channels(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.params.as_ptr()).ch_layout.nb_channels.max(0) as u32 }
    }

    /// The codec's header.
    pub(crate) fn extradata(&self) -> &[u8] {
        // SAFETY: FFmpeg keeps `extradata` valid for `extradata_size` bytes as long as the parameters live.
        unsafe {
            let p = self.params.as_ptr();
            if (*p).extradata.is_null() || (*p).extradata_size <= 0 {
                &[]
            } else {
                std::slice::from_raw_parts((*p).extradata, (*p).extradata_size as usize)
            }
        }
    }
}

pub(crate) fn codec_name(id: codec::Id) -> &'static str {
    // SAFETY: avcodec_get_name takes any id and returns a static, NUL-terminated string.
    unsafe { std::ffi::CStr::from_ptr(ffi::avcodec_get_name(id.into())) }
        .to_str()
        .unwrap_or("unknown")
}

fn turn_of(stream: &format::stream::Stream<'_>) -> Turn {
    // SAFETY: the stream is alive; the returned pointer, if any, is valid for `size` bytes while it is, and the
    // matrix is read only if all its 9 numbers are there.
    let degrees = unsafe {
        let mut size = 0;
        let matrix = ffi::av_stream_get_side_data(
            stream.as_ptr(),
            ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX,
            &mut size,
        );
        if matrix.is_null() || size < 9 * size_of::<i32>() {
            return Turn::None;
        }
        ffi::av_display_rotation_get(matrix.cast())
    };
    // FFmpeg counts counterclockwise.
    match degrees {
        d if (d + 90.0).abs() < 1.0 => Turn::Cw90,
        d if (d - 90.0).abs() < 1.0 => Turn::Ccw90,
        d if (d.abs() - 180.0).abs() < 1.0 => Turn::Half,
        _ => Turn::None,
    }
}
