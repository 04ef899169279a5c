//! A decoded picture as its consumers see it, and its scaling. The only place where planes of memory that FFmpeg
//! owns are shown to others; must never know when a picture is shown or where.

use ffmpeg_next::ffi;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling;

use super::budget::Permit;
use super::error::DecodeError;

/// How a picture's planes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Three planes of bytes: Y, then U and V of half width and height (both rounded up).
    Yuv420,
    /// Two planes of bytes: Y, then U and V in turn, of half height.
    Nv12,
    /// Anything else: only a [`Scaler`] can read it.
    Other,
}

/// One plane of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// The rows; the last one ends where its own bytes end, not at `stride`.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A decoded picture. Its memory is FFmpeg's, shared, never copied here.
pub struct Picture {
    frame: frame::Video,
    layout: Layout,
    permit: Permit,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.width(), self.height())
    }
}

impl Picture {
    pub(super) fn new(frame: frame::Video, permit: Permit) -> Self {
        let layout = layout_of(&frame);
        Self {
            frame,
            layout,
            permit,
        }
    }

    /// The same picture in planar 4:2:0, under the same permit.
    pub(super) fn into_yuv420(self, scaler: &mut Scaler) -> Result<Self, DecodeError> {
        let frame = scaler.yuv420(&self.frame)?;
        Ok(Self::new(frame, self.permit))
    }

    /// Width in picture elements.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.frame.width()
    }

    /// Height in picture elements.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.frame.height()
    }

    /// Width : height at which the picture is meant to be seen, picture elements that are not square included.
    #[must_use]
    pub fn display_aspect(&self) -> f64 {
        let (width, height) = (f64::from(self.width()), f64::from(self.height()));
        let sample = self.frame.aspect_ratio();
        let sample = if sample.numerator() > 0 && sample.denominator() > 0 {
            f64::from(sample.numerator()) / f64::from(sample.denominator())
        } else {
            1.0
        };
        // What is beyond this is a mistake in the file, not a picture.
        (width * sample / height.max(1.0)).clamp(0.05, 20.0)
    }

    /// How [`Picture::plane`] is to be read.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// A plane of a picture with a known [`Layout`]; `None` for a plane that the layout does not have.
    #[must_use]
    pub fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let (width, height) = (self.width() as usize, self.height() as usize);
        let (row, rows) = match (self.layout, index) {
            (Layout::Yuv420 | Layout::Nv12, 0) => (width, height),
            (Layout::Yuv420, 1 | 2) => (width.div_ceil(2), height.div_ceil(2)),
            (Layout::Nv12, 1) => (width.div_ceil(2) * 2, height.div_ceil(2)),
            _ => return None,
        };
        // SAFETY: the frame lives as long as `self`; `layout_of` found the format to have this plane, its
        // pointer set and its line size to hold a row, and FFmpeg allocates every row of a plane whole.
        let (data, stride) = unsafe {
            let raw = self.frame.as_ptr();
            ((*raw).data[index], (*raw).linesize[index] as usize)
        };
        let len = stride.checked_mul(rows.checked_sub(1)?)?.checked_add(row)?;
        // SAFETY: as above; `len` ends with the last row's last byte.
        let bytes = unsafe { std::slice::from_raw_parts(data, len) };
        Some(Plane { bytes, stride })
    }
}

/// The layout of a frame, `Other` unless every plane can be read as [`Picture::plane`] does.
fn layout_of(frame: &frame::Video) -> Layout {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let (layout, rows): (_, &[usize]) = match frame.format() {
        Pixel::YUV420P | Pixel::YUVJ420P => (
            Layout::Yuv420,
            &[width, width.div_ceil(2), width.div_ceil(2)],
        ),
        Pixel::NV12 => (Layout::Nv12, &[width, width.div_ceil(2) * 2]),
        _ => return Layout::Other,
    };
    let whole = rows.iter().enumerate().all(|(i, &row)| {
        // SAFETY: plain fields of a frame that is alive; `i` is below the eight planes of a frame.
        let (data, stride) = unsafe {
            let raw = frame.as_ptr();
            ((*raw).data[i], (*raw).linesize[i])
        };
        !data.is_null() && usize::try_from(stride).is_ok_and(|stride| stride >= row)
    });
    if whole && width > 0 && height > 0 {
        layout
    } else {
        Layout::Other
    }
}

/// Bytes of a frame's picture, for the memory bound.
pub(super) fn bytes_of(frame: &frame::Video) -> usize {
    // SAFETY: reads fields of a live frame and computes; an unknown format gives a negative error.
    let bytes = unsafe {
        let raw = frame.as_ptr();
        match pixel_raw(frame) {
            Some(format) => ffi::av_image_get_buffer_size(format, (*raw).width, (*raw).height, 32),
            None => 0,
        }
    };
    usize::try_from(bytes).unwrap_or(0)
}

fn pixel_raw(frame: &frame::Video) -> Option<ffi::AVPixelFormat> {
    match frame.format() {
        Pixel::None => None,
        pixel => Some(pixel.into()),
    }
}

/// Turns pictures of any form into another size or form; keeps what it needs between pictures of equal form.
#[derive(Default)]
pub struct Scaler {
    context: Option<scaling::Context>,
    output: Option<frame::Video>,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scaler")
    }
}

impl Scaler {
    /// The picture in `width` x `height` elements of three bytes: red, green, blue.
    ///
    /// # Errors
    /// [`DecodeError::TooBig`] if FFmpeg cannot scale between these sizes.
    pub fn rgb(
        &mut self,
        picture: &Picture,
        width: u32,
        height: u32,
    ) -> Result<Plane<'_>, DecodeError> {
        self.prepare(
            &picture.frame,
            scaling::context::Definition {
                format: Pixel::RGB24,
                width,
                height,
            },
        )?;
        let (Some(context), Some(output)) = (&mut self.context, &mut self.output) else {
            return Err(too_big(width, height));
        };
        context
            .run(&picture.frame, output)
            .map_err(|_| too_big(width, height))?;
        Ok(Plane {
            bytes: output.data(0),
            stride: output.stride(0),
        })
    }

    /// A copy of `frame` in planar 4:2:0, of the same size and shape.
    fn yuv420(&mut self, frame: &frame::Video) -> Result<frame::Video, DecodeError> {
        let (width, height) = (frame.width(), frame.height());
        self.prepare(
            frame,
            scaling::context::Definition {
                format: Pixel::YUV420P,
                width,
                height,
            },
        )?;
        let Some(context) = &mut self.context else {
            return Err(too_big(width, height));
        };
        let mut output = frame::Video::new(Pixel::YUV420P, width, height);
        context
            .run(frame, &mut output)
            .map_err(|_| too_big(width, height))?;
        // SAFETY: a plain field of a frame that nobody else has yet.
        unsafe { (*output.as_mut_ptr()).sample_aspect_ratio = frame.aspect_ratio().into() };
        Ok(output)
    }

    fn prepare(
        &mut self,
        frame: &frame::Video,
        output: scaling::context::Definition,
    ) -> Result<(), DecodeError> {
        let input = scaling::context::Definition {
            format: frame.format(),
            width: frame.width(),
            height: frame.height(),
        };
        let fits = self
            .context
            .as_ref()
            .is_some_and(|c| *c.input() == input && *c.output() == output);
        if fits {
            return Ok(());
        }
        self.context = None;
        self.output = None;
        if output.width == 0 || output.height == 0 || input.format == Pixel::None {
            return Err(too_big(output.width, output.height));
        }
        let context = scaling::Context::get(
            input.format,
            input.width,
            input.height,
            output.format,
            output.width,
            output.height,
            scaling::Flags::BILINEAR,
        )
        .map_err(|_| too_big(output.width, output.height))?;
        if output.format == Pixel::RGB24 {
            self.output = Some(frame::Video::new(
                output.format,
                output.width,
                output.height,
            ));
        }
        self.context = Some(context);
        Ok(())
    }
}

fn too_big(width: u32, height: u32) -> DecodeError {
    DecodeError::TooBig { width, height }
}
