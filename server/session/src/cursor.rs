//! What the pointer looks like, as a small PNG for browsers.
//!
//! The writer is our own: pictures of this size need no compression. It must never know a connection.

use data_encoding::BASE64;
use server_wire::{Anything, CursorShape};

/// Pixels of a side at most: what browsers take as a cursor (Chromium and Firefox ignore more than 128).
const MAX_SIDE: usize = 128;
/// Pixels of a side that are read at most; a larger one is no pointer.
const MAX_READ_SIDE: usize = 1024;
/// Bytes of a block that is stored as it is (RFC 1951 section 3.2.4).
const MAX_STORED: usize = 65_535;

/// A pointer's picture as XFixes gives it: premultiplied ARGB, line by line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The point that it points with.
    pub(crate) hot: (u16, u16),
    pub(crate) pixels: &'a [u32],
}

/// What browsers are told; one that cannot be seen, or is none, is hidden.
pub(crate) fn shape(picture: &Picture<'_>) -> CursorShape {
    let hidden = CursorShape::Hidden { hidden: true };
    let (width, height) = (usize::from(picture.width), usize::from(picture.height));
    let is_odd = !(1..=MAX_READ_SIDE).contains(&width)
        || !(1..=MAX_READ_SIDE).contains(&height)
        || picture.pixels.len() < width * height;
    if is_odd || picture.pixels.iter().all(|pixel| pixel >> 24 == 0) {
        return hidden;
    }
    // Larger ones are thinned out: every second, third... pixel.
    let step = width.max(height).div_ceil(MAX_SIDE);
    let (small_width, small_height) = (width / step, height / step);
    let mut lines = Vec::with_capacity(small_height * (1 + 4 * small_width));
    for y in 0..small_height {
        // RFC 2083 section 6.2: no filter.
        lines.push(0);
        for x in 0..small_width {
            lines.extend(straight(picture.pixels[y * step * width + x * step]));
        }
    }
    let png = BASE64.encode(&png(small_width as u32, small_height as u32, &lines));
    let Some(png) = Anything::new(&png) else {
        return hidden;
    };
    let thin = |point: u16, side: usize| (usize::from(point) / step).min(side - 1) as u16;
    CursorShape::Shown {
        x: thin(picture.hot.0, small_width),
        y: thin(picture.hot.1, small_height),
        width: small_width as u16,
        height: small_height as u16,
        png,
    }
}

/// Red, green, blue, alpha; the colours not multiplied with alpha any more.
fn straight(pixel: u32) -> [u8; 4] {
    let [alpha, red, green, blue] = pixel.to_be_bytes();
    let colour = |value: u8| match alpha {
        0 => 0,
        alpha => (u32::from(value) * 255 / u32::from(alpha)).min(255) as u8,
    };
    [colour(red), colour(green), colour(blue), alpha]
}

/// A PNG (RFC 2083) of 8-bit RGBA lines, each with its filter byte in front, stored without compression.
fn png(width: u32, height: u32, lines: &[u8]) -> Vec<u8> {
    let mut all = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::with_capacity(13);
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // Eight bits, colour with alpha, and the only methods that there are.
    header.extend([8, 6, 0, 0, 0]);
    chunk(&mut all, b"IHDR", &header);
    // RFC 1950 section 2.2: deflate with a small window, no dictionary.
    let mut data = vec![0x78, 0x01];
    let mut blocks = lines.chunks(MAX_STORED).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        data.push(u8::from(blocks.peek().is_none()));
        data.extend(len.to_le_bytes());
        data.extend((!len).to_le_bytes());
        data.extend(block);
    }
    data.extend(adler32(lines).to_be_bytes());
    chunk(&mut all, b"IDAT", &data);
    chunk(&mut all, b"IEND", &[]);
    all
}

fn chunk(all: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    all.extend((data.len() as u32).to_be_bytes());
    let from = all.len();
    all.extend(kind);
    all.extend(data);
    let check = crc32(&all[from..]);
    all.extend(check.to_be_bytes());
}

/// RFC 2083 section 15, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let after = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => (crc >> 1) ^ 0xedb8_8320,
        })
    });
    !after
}

/// RFC 1950 section 9.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high): (u32, u32), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_sums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    fn shown(picture: &Picture<'_>) -> (u16, u16, u16, u16, Vec<u8>) {
        match shape(picture) {
            CursorShape::Shown {
                x,
                y,
                width,
                height,
                png,
            } => {
                let png = BASE64.decode(png.as_str().as_bytes()).expect("base64");
                (x, y, width, height, png)
            }
            CursorShape::Hidden { .. } => panic!("it can be seen"),
        }
    }

    #[test]
    fn a_png_is_read_by_somebody_elses_reader() {
        let pixels = [0xffff_0000, 0x8000_8000, 0, 0xff00_00ff];
        let picture = Picture {
            width: 2,
            height: 2,
            hot: (1, 9),
            pixels: &pixels,
        };
        let (x, y, width, height, png) = shown(&picture);
        assert_eq!((x, y, width, height), (1, 1, 2, 2));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cursor.png");
        std::fs::write(&path, png).expect("written");
        let read = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&path)
            .args(["-f", "rawvideo", "-pix_fmt", "rgba", "-"])
            .output()
            .expect("ffmpeg runs");
        assert!(
            read.status.success(),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
        let expected = [
            [255, 0, 0, 255],
            [0, 255, 0, 128],
            [0, 0, 0, 0],
            [0, 0, 255, 255],
        ];
        assert_eq!(read.stdout, expected.as_flattened());
    }

    #[test]
    fn a_large_pointer_is_thinned_out_and_fits_its_message() {
        let pixels = vec![0xff12_3456; 300 * 200];
        let picture = Picture {
            width: 300,
            height: 200,
            hot: (150, 100),
            pixels: &pixels,
        };
        let (x, y, width, height, _) = shown(&picture);
        assert_eq!((x, y, width, height), (50, 33, 100, 66));
        let full = vec![0xff12_3456; MAX_SIDE * MAX_SIDE];
        let side = MAX_SIDE as u16;
        let picture = Picture {
            width: side,
            height: side,
            hot: (0, 0),
            pixels: &full,
        };
        shown(&picture);
    }

    #[test]
    fn what_nobody_can_see_is_hidden() {
        for (width, height, pixels) in [(1, 1, vec![0x00ff_ffff]), (0, 0, vec![]), (9, 9, vec![1])]
        {
            let picture = Picture {
                width,
                height,
                hot: (0, 0),
                pixels: &pixels,
            };
            assert_eq!(shape(&picture), CursorShape::Hidden { hidden: true });
        }
    }
}
