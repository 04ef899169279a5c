//! The beep: a tone in the first tenth of each second, unless all is still, and when a button is pressed, given to `pacat` on
//! its standard input. Where all is still nothing plays between two presses.
//!
//! A program of its own plays it, so that nothing has to be linked for a beep. This file must never know the picture.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::scene::is_beep;

/// Samples a second.
const RATE: u32 = 48_000;
/// Samples that are made at a time: 10 ms.
const PIECE: u32 = RATE / 100;
/// The tone of each second, and of a button.
const TONE_HZ: [f32; 2] = [880.0, 1320.0];
/// How loud, of 1.
const VOLUME: f32 = 0.3;
/// Pieces that a button sounds.
const CLICK_PIECES: u32 = 8;
/// Silent pieces after which the player ends where all is still: half a second.
const QUIET_PIECES: u32 = 50;
/// What the sound server may keep, milliseconds. A guess: short, and no gap on a busy machine.
const LATENCY_MS: u32 = 30;
/// The pause before the player is started again that ended with its sound server; it doubles until one plays.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(30);
/// Who ran this long has played.
const STEADY: Duration = Duration::from_secs(5);

/// Something that beeps; dropped, it is silent.
pub(crate) struct Beeper {
    shared: Arc<Shared>,
    feeder: Thread,
}

struct Shared {
    /// None: it is not to play any more.
    player: Mutex<Option<Child>>,
    is_over: AtomicBool,
    clicks: AtomicU32,
    still: AtomicBool,
}

/// Why a player gets nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    /// It ended.
    Ended,
    /// All is still.
    Still,
}

impl Beeper {
    /// Starts to beep, also for a sound server that comes back.
    ///
    /// # Errors
    /// No player is to be had; for people.
    pub(crate) fn start() -> Result<Self, String> {
        let (player, mut input) = play()
            .map_err(|why| format!("no beep: pacat of the package pulseaudio-utils: {why}"))?;
        let shared = Arc::new(Shared {
            player: Mutex::new(Some(player)),
            is_over: AtomicBool::new(false),
            clicks: AtomicU32::new(0),
            still: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let feeder = thread::spawn(move || {
            let mut pause = RETRY_PAUSE;
            loop {
                let began = Instant::now();
                let fed = feed(&mut input, &theirs);
                if began.elapsed() >= STEADY {
                    pause = RETRY_PAUSE;
                }
                if fed == Fed::Still {
                    theirs.rest();
                } else {
                    thread::sleep(pause);
                    pause = MAX_RETRY_PAUSE.min(pause * 2);
                }
                let mut place = theirs.player();
                if theirs.is_over.load(Ordering::Acquire) {
                    return;
                }
                if let Some(ended) = place.take() {
                    end(ended);
                }
                // What could be started before can be started again, or the beep is not worth more.
                let Ok((player, stdin)) = play() else { return };
                *place = Some(player);
                input = stdin;
            }
        });
        let feeder = feeder.thread().clone();
        Ok(Self { shared, feeder })
    }

    /// A button was pressed.
    pub(crate) fn click(&self) {
        self.shared.clicks.store(CLICK_PIECES, Ordering::Release);
        self.feeder.unpark();
    }

    /// All is still from now on, or not any more.
    pub(crate) fn set_still(&self, still: bool) {
        self.shared.still.store(still, Ordering::Release);
        self.feeder.unpark();
    }
}

impl Drop for Beeper {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        self.feeder.unpark();
        if let Some(player) = self.shared.player().take() {
            end(player);
        }
    }
}

impl Shared {
    /// Ends the player, and waits until there is something to play.
    fn rest(&self) {
        if let Some(player) = self.player().take() {
            end(player);
        }
        let is_over = || self.is_over.load(Ordering::Acquire);
        let is_still = || self.still.load(Ordering::Acquire);
        while is_still() && self.clicks.load(Ordering::Acquire) == 0 && !is_over() {
            thread::park();
        }
    }

    fn player(&self) -> MutexGuard<'_, Option<Child>> {
        self.player.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn play() -> std::io::Result<(Child, ChildStdin)> {
    let mut player = Command::new("pacat")
        .args(["--playback", "--raw", "--format=float32le", "--channels=2"])
        .arg(format!("--rate={RATE}"))
        .arg(format!("--latency-msec={LATENCY_MS}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let input = player.stdin.take().expect("it was asked for");
    Ok((player, input))
}

fn end(mut player: Child) {
    // Gone already is as good.
    let _ = player.kill();
    let _ = player.wait();
}

/// Gives the player what it plays, which takes no more than it plays, until it ends or all is still.
fn feed(input: &mut ChildStdin, shared: &Shared) -> Fed {
    let mut phase = [0.0_f32; 2];
    let mut quiet = 0;
    loop {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let still = shared.still.load(Ordering::Acquire);
        let second = !still && is_beep(unix.unwrap_or_default().as_micros() as u64);
        let take = |count: u32| count.checked_sub(1);
        let click = shared
            .clicks
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        let piece = piece(&mut phase, [second, click.is_ok()]);
        if input.write_all(&piece).is_err() {
            return Fed::Ended;
        }
        quiet = if still && click.is_err() {
            quiet + 1
        } else {
            0
        };
        if quiet >= QUIET_PIECES {
            return Fed::Still;
        }
    }
}

/// The next samples, both channels alike.
fn piece(phase: &mut [f32; 2], sounds: [bool; 2]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PIECE as usize * 8);
    for _ in 0..PIECE {
        let mut sample = 0.0;
        for ((phase, tone), sounds) in phase.iter_mut().zip(TONE_HZ).zip(sounds) {
            *phase = (*phase + tone / RATE as f32).fract();
            if sounds {
                sample += VOLUME * (*phase * std::f32::consts::TAU).sin();
            }
        }
        for _ in 0..2 {
            bytes.extend_from_slice(&sample.to_le_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_silent_or_loud() {
        let loud = |sounds| {
            let bytes = piece(&mut [0.0; 2], sounds);
            assert_eq!(bytes.len(), PIECE as usize * 8);
            let each = bytes
                .chunks_exact(4)
                .filter_map(|four| four.try_into().ok());
            each.map(f32::from_le_bytes)
                .map(f32::abs)
                .fold(0.0, f32::max)
        };
        assert_eq!(loud([false, false]), 0.0);
        assert!(loud([true, false]) > 0.2 && loud([true, true]) <= 0.6);
    }
}
