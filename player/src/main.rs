//! `player`: plays the chunks that a peer stores in its spool, without a gap, and deletes each after showing it.
//!
//! Spool -> decoder (a thread of `media_ffmpeg`) -> stage -> window, terminal or nowhere. The player never talks to
//! a peer: the spool's directory is all that they share.

mod args;
mod clock;
mod engine;
mod output;
mod playlist;
mod screen;
mod signals;
mod sound;
mod speaker;
mod spool;
mod stage;
mod summary;
mod timeline;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, OutputKind};
use engine::{Engine, Limits};
use output::Output;
use output::null::Null;
use output::terminal::Terminal;
use output::window::Window;
use speaker::Speaker;
use spool::Spool;
use summary::Summary;

fn main() -> ExitCode {
    let args = Args::parse();
    match play(&args) {
        Ok(summary) => tell(&args, &summary),
        Err(error) => {
            eprintln!("player: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays; gives the counts, or the one line that says why nothing could be played at all.
fn play(args: &Args) -> Result<Summary, String> {
    let stop = signals::stop_flag().map_err(|e| format!("signals cannot be heard: {e}"))?;
    let mut spool = Spool::new(&args.spool, args.keep);
    spool.pending().map_err(|e| e.to_string())?;
    if !spool.is_open() {
        if args.no_wait {
            return Err(spool.not_there().to_string());
        }
        eprintln!(
            "player: waiting for a peer with --spool {}",
            args.spool.display()
        );
    }
    let (output, speaker) = open_output(args)?;
    // Who wants fewer chunks than the buffer has need not wait for more of them.
    let buffer = args.chunks.map_or(args.buffer, |n| n.min(args.buffer));
    let limits = Limits {
        buffer: usize::try_from(buffer).unwrap_or(usize::MAX),
        until_idle: args.until_idle,
        chunks: args.chunks,
        wait: !args.no_wait,
    };
    let mut engine = Engine::new(spool, output, speaker, limits).map_err(|e| e.to_string())?;
    let ended = engine.run(&stop);
    let summary = Summary {
        output: args.output.name(),
        ..engine.summary()
    };
    // Gives the terminal back before anything is printed.
    drop(engine);
    match ended {
        Ok(()) => Ok(summary),
        Err(error) => {
            if summary.frames_shown > 0 {
                tell(args, &summary);
            }
            Err(error.to_string())
        }
    }
}

/// Opens the output and, but for `null`, the sound device; without one it says so and goes on.
fn open_output(args: &Args) -> Result<(Box<dyn Output>, Option<Speaker>), String> {
    if args.output == OutputKind::Null {
        return Ok((Box::new(Null), None));
    }
    // Signals are heard by our own listener.
    sdl2::hint::set("SDL_NO_SIGNAL_HANDLERS", "1");
    let sdl = sdl2::init()?;
    let mut speaker = None;
    if !args.mute {
        match Speaker::open(&sdl) {
            Ok(open) => speaker = Some(open),
            Err(why) => eprintln!("player: no sound device ({why}): playing without sound"),
        }
    }
    let output: Box<dyn Output> = if args.output == OutputKind::Window {
        Box::new(Window::open(&sdl).map_err(|e| e.to_string())?)
    } else {
        Box::new(Terminal::open().map_err(|e| e.to_string())?)
    };
    Ok((output, speaker))
}

/// Prints the counts. It is a failure if a limit ended a run in which nothing was shown.
fn tell(args: &Args, summary: &Summary) -> ExitCode {
    eprintln!("player: {summary}");
    if args.json {
        let line = serde_json::to_string(summary).expect("numbers and strings always encode");
        println!("{line}");
    }
    let limited = args.until_idle.is_some() || args.chunks.is_some();
    if limited && summary.chunks_shown == 0 && summary.frames_shown == 0 {
        eprintln!(
            "player: nothing was shown: no chunk came to {}",
            args.spool.display()
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
