//! `slice`: cuts a film or a live input into two-second chunks. Thin: all cutting is in media/ffmpeg.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use media_ffmpeg::cut::{self, Container, CutError, CutOptions, How};
use media_ffmpeg::live::{LiveCutter, LiveEvent, LiveOptions};
use media_ffmpeg::probe;
use serde::Serialize;

/// Cuts a film into self-contained two-second chunks: NAME_00000.mkv, NAME_00001.mkv, ...
///
/// Video is copied where its keyframes stand every two seconds, else re-encoded (H.264). A complete earlier cut of the
/// same film is used again; chunks of another film are never overwritten. What is damaged in a film is told on
/// standard error, and what can be read of it is cut.
#[derive(Parser)]
#[command(name = "slice", version)]
struct Args {
    /// The film: any file that FFmpeg reads. With --live: a URL, a device, `-` or the path of a pipe
    film: String,
    /// Folder for the chunks; created if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the chunks [default: the film's, without its ending]
    #[arg(long)]
    name: Option<String>,
    /// Format of the chunks: mkv or mp4
    #[arg(long, default_value = "mkv")]
    format: Container,
    /// Leave the chunks alone in the folder, without the list NAME.json: for old servers that send every file there is
    #[arg(long)]
    plain: bool,
    /// Re-encode the video even where it could be copied
    #[arg(long)]
    reencode: bool,
    /// Print one JSON object per chunk instead of text
    #[arg(long)]
    json: bool,
    /// The input is live: cut it while it runs
    #[arg(long)]
    live: bool,
    /// FFmpeg's name of the live input's format or device (v4l2, x11grab, lavfi, mpegts, ...)
    #[arg(long, value_name = "F", requires = "live")]
    input_format: Option<String>,
    /// An option of the live input's format, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "live", value_parser = key_value)]
    input_option: Vec<(String, String)>,
    /// Read the live input no faster than its own clock
    #[arg(long, requires = "live")]
    native_rate: bool,
    /// End the live input after this many seconds
    #[arg(long, value_name = "N", requires = "live")]
    seconds: Option<u32>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .ok_or_else(|| "wanted: KEY=VALUE".to_owned())
}

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    start_us: u64,
    duration_us: u64,
    bytes: u64,
    how: How,
    /// It was there from an earlier cut.
    reused: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = if args.live {
        slice_live(&args)
    } else {
        slice_film(&args)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slice: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(args: &Args) -> CutOptions {
    let name = args.name.clone().unwrap_or_else(|| match args.live {
        true => "live".to_owned(),
        false => cut::chunk_base_name(Path::new(&args.film)),
    });
    let mut options = CutOptions::new(&name);
    options.container = args.format;
    options.force_reencode = args.reencode;
    options
}

fn slice_film(args: &Args) -> Result<(), CutError> {
    let options = options(args);
    let manifest = cut::cut_to_folder(
        Path::new(&args.film),
        &args.out,
        &options,
        |chunk, reused| {
            print(
                args.json,
                &Line {
                    file: &chunk.file,
                    start_us: chunk.start_us,
                    duration_us: chunk.duration_us,
                    bytes: chunk.bytes,
                    how: chunk.how,
                    reused,
                },
            )
        },
    )?;
    tell(&manifest.notes, &manifest.warnings);
    if args.plain {
        // Not before the end: an interrupted cut is known by its list.
        let path = args.out.join(format!("{}.json", options.name));
        std::fs::remove_file(&path).map_err(|source| CutError::Write { path, source })?;
    }
    Ok(())
}

fn slice_live(args: &Args) -> Result<(), CutError> {
    let options = options(args);
    let dir = &args.out;
    let cannot = |source: io::Error| CutError::Write {
        path: dir.clone(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let there = probe::ready_chunks(dir).map_err(cannot)?;
    if there.iter().any(|c| c.film == options.name) {
        return Err(CutError::OtherFilm {
            dir: dir.clone(),
            name: options.name,
        });
    }
    let mut live = LiveOptions::new(options);
    live.input_format = args.input_format.clone();
    live.input_options = args.input_option.clone();
    live.native_rate = args.native_rate;
    live.limit_us = args.seconds.map(|s| u64::from(s) * 1_000_000);
    let cutter = LiveCutter::start(&args.film, live)?;
    while let Some(event) = cutter.recv() {
        match event {
            LiveEvent::Chunk(chunk) => {
                cut::write_whole(dir, &chunk.name, &chunk.bytes)?;
                print(
                    args.json,
                    &Line {
                        file: &chunk.name,
                        start_us: chunk.start_us,
                        duration_us: chunk.duration_us,
                        bytes: chunk.bytes.len() as u64,
                        how: chunk.how(),
                        reused: false,
                    },
                )?;
            }
            LiveEvent::Ended(summary) => {
                tell(&summary.notes, &summary.warnings);
                if summary.chunks == 0 {
                    return Err(CutError::CutOff {
                        input: args.film.clone(),
                        reason: "it ended before its first picture or sound".to_owned(),
                    });
                }
            }
            LiveEvent::Failed(error) => return Err(error),
        }
    }
    Ok(())
}

/// Prints a chunk's line at once; a closed output ends the cut.
fn print(json: bool, line: &Line<'_>) -> Result<(), CutError> {
    let mut out = io::stdout().lock();
    let written = if json {
        let text =
            serde_json::to_string(line).expect("a line of strings and numbers is always JSON");
        writeln!(out, "{text}")
    } else {
        let seconds = |us: u64| us as f64 / 1e6;
        writeln!(
            out,
            "{}  start {:.3} s  duration {:.3} s  {}{}",
            line.file,
            seconds(line.start_us),
            seconds(line.duration_us),
            line.how,
            if line.reused { " (already cut)" } else { "" }
        )
    };
    written
        .and_then(|()| out.flush())
        .map_err(|_| CutError::Stopped)
}

fn tell(notes: &[String], warnings: &[String]) {
    for note in notes {
        eprintln!("slice: note: {note}");
    }
    for warning in warnings {
        eprintln!("slice: warning: {warning}");
    }
}
