//! Encodes raw pictures (yuv420p, one after the other) and tells what it took: `measure FILE WIDTHxHEIGHT KBIT/S [OUT.h264]`, at 60
//! pictures a second. The processor time is that of this thread, as the kernel counts it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};

use media_h264::{Encoder, Picture, Shape};

const FRAME_RATE: u32 = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, file, size, kbps, rest @ ..] = &words[..] else {
        return Err("measure FILE WIDTHxHEIGHT KBIT/S [OUT.h264]".into());
    };
    let (width, height) = size.split_once('x').ok_or("no size")?;
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let kbps: u32 = kbps.parse()?;
    let share = kbps * 1_000 / FRAME_RATE;
    let mut encoder = Encoder::new(Shape {
        width,
        height,
        level: 32,
    });
    let mut out = rest.first().map(File::create).transpose()?;
    let mut file = File::open(file)?;
    let luma = (width * height) as usize;
    let (mut bytes, mut before) = (vec![0; luma * 3 / 2], Vec::new());
    let (mut count, mut cpu_ms, mut bits, mut largest) = (0, 0.0, 0, 0);
    let (mut quality, mut worst) = (0.0, f64::INFINITY);
    while file.read_exact(&mut bytes).is_ok() {
        let picture = of(&bytes, (width, height)).ok_or("an odd size")?;
        let changes = match of(&before, (width, height)) {
            Some(before) => picture.changes(&before),
            None => vec![true; (width.div_ceil(16) * height.div_ceil(16)) as usize],
        };
        let begun = thread_ms()?;
        let encoded = encoder.encode(&picture, &changes, false, share);
        cpu_ms += thread_ms()? - begun;
        count += 1;
        bits += encoded.data.len() * 8;
        largest = largest.max(encoded.data.len() * 8);
        let [decoded, ..] = encoder.decoded();
        let db = psnr(
            &bytes[..luma],
            width as usize,
            decoded,
            (width.div_ceil(16) * 16) as usize,
        );
        quality += db;
        worst = worst.min(db);
        if let Some(out) = &mut out {
            out.write_all(&encoded.data)?;
        }
        before.clone_from(&bytes);
    }
    let pictures = f64::from(count);
    println!(
        "{:.2} ms, {:.0} kb/s, {:.2} dB (least {worst:.1}), largest {:.2} shares",
        cpu_ms / pictures,
        bits as f64 / pictures * f64::from(FRAME_RATE) / 1e3,
        quality / pictures,
        largest as f64 / f64::from(share)
    );
    Ok(())
}

/// `None`: an odd size, or there is none.
fn of(bytes: &[u8], (width, height): (u32, u32)) -> Option<Picture<'_>> {
    let luma = (width * height) as usize;
    let (y, chroma) = bytes.split_at_checked(luma)?;
    let (u, v) = chroma.split_at(luma / 4);
    let stride = width as usize;
    Picture::new((width, height), [y, u, v], [stride, stride / 2, stride / 2])
}

fn thread_ms() -> Result<f64, Box<dyn std::error::Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: f64 = text.split(' ').next().ok_or("no time")?.parse()?;
    Ok(ns / 1e6)
}

fn psnr(one: &[u8], one_stride: usize, other: &[u8], other_stride: usize) -> f64 {
    let mut sum = 0u64;
    for (one, other) in one.chunks(one_stride).zip(other.chunks(other_stride)) {
        for (a, b) in one.iter().zip(other) {
            sum += u64::from(a.abs_diff(*b)).pow(2);
        }
    }
    10.0 * (65_025.0 / (sum as f64 / one.len() as f64).max(0.01)).log10()
}
