//! A PulseAudio source by libpulse: fragments of samples as they come. Knows nothing of time or of Opus.
//!
//! Every wait has an end, so a server that hangs is told from one that is quiet, and whoever waits for the thread that reads
//! waits for one of them at most. The recording does not keep its source awake: a sink that nobody plays to may be
//! suspended (module-suspend-on-idle), and then nothing comes until somebody plays again.

use std::time::{Duration, Instant};

use libpulse_binding::context::{self, Context};
use libpulse_binding::def::BufferAttr;
use libpulse_binding::error::PAErr;
use libpulse_binding::mainloop::standard::Mainloop;
use libpulse_binding::sample::{Format, Spec};
use libpulse_binding::stream::{self, PeekResult, Stream};
use libpulse_binding::time::MicroSeconds;

use super::{CHANNELS, HearConfig, HearError, PACKET_SAMPLES, SAMPLE_RATE};

/// Bytes of one sample of all channels: 16 bits each, little-endian.
pub(super) const FRAME_LEN: usize = 2 * CHANNELS;

/// Bytes that the server is asked to hand over at once: one packet. The server then also makes the monitor's own block
/// this short.
const FRAGMENT_LEN: u32 = (PACKET_SAMPLES * FRAME_LEN) as u32;

/// Bytes that the server may keep for a reader that is late: a second.
const MAX_KEPT_LEN: u32 = SAMPLE_RATE * FRAME_LEN as u32;

/// Longest wait for samples in one call.
const WAIT: MicroSeconds = MicroSeconds(200_000);

/// No sample for so long from a source that is not suspended: the server hangs. A busy computer is late for less.
const MAX_QUIET: Duration = Duration::from_secs(5);

/// A source that is being recorded. Dropped in this order.
pub(super) struct Device {
    stream: Stream,
    context: Context,
    mainloop: Mainloop,
    fragment: Vec<u8>,
    heard: Instant,
}

/// What a wait brought.
pub(super) enum Heard<'a> {
    /// Whole frames of samples.
    Samples(&'a [u8]),
    /// Nothing yet.
    Nothing,
    /// Nothing, and the source sleeps.
    Suspended,
}

impl Device {
    /// Connects. Blocks until the server answered, until `deadline` at most.
    pub(super) fn open(config: &HearConfig, deadline: Instant) -> Result<Self, HearError> {
        let refused = |reason: String| HearError::Open {
            server: config.server.clone(),
            source_name: config.source.clone(),
            reason,
        };
        let failed = |why: PAErr| refused(words(why));
        let nothing = || refused("libpulse has no memory".to_owned());
        if config.server.contains('\0') || config.source.contains('\0') {
            return Err(refused("its name has a byte of 0".to_owned()));
        }
        let mut mainloop = Mainloop::new().ok_or_else(nothing)?;
        let mut context = Context::new(&mainloop, "treecast").ok_or_else(nothing)?;
        let flags = context::FlagSet::NOAUTOSPAWN;
        context
            .connect(Some(&config.server), flags, None)
            .map_err(failed)?;
        loop {
            match context.get_state() {
                context::State::Ready => break,
                state if state.is_good() => turn_before(deadline, &mut mainloop)?,
                _ => return Err(failed(context.errno())),
            }
        }
        let spec = Spec {
            format: Format::S16le,
            channels: CHANNELS as u8,
            rate: SAMPLE_RATE,
        };
        let mut stream = Stream::new(&mut context, "session", &spec, None).ok_or_else(nothing)?;
        let sizes = BufferAttr {
            maxlength: MAX_KEPT_LEN,
            fragsize: FRAGMENT_LEN,
            // Of playing only.
            tlength: u32::MAX,
            prebuf: u32::MAX,
            minreq: u32::MAX,
        };
        let flags = stream::FlagSet::ADJUST_LATENCY | stream::FlagSet::DONT_INHIBIT_AUTO_SUSPEND;
        stream
            .connect_record(Some(&config.source), Some(&sizes), flags)
            .map_err(failed)?;
        loop {
            match stream.get_state() {
                stream::State::Ready => break,
                state if state.is_good() => turn_before(deadline, &mut mainloop)?,
                _ => return Err(failed(context.errno())),
            }
        }
        Ok(Self {
            stream,
            context,
            mainloop,
            fragment: Vec::new(),
            heard: Instant::now(),
        })
    }

    /// Waits for the next fragment, a fifth of a second at most.
    pub(super) fn read(&mut self) -> Result<Heard<'_>, HearError> {
        if !self.take()? {
            turn(&mut self.mainloop)?;
            if !self.stream.get_state().is_good() || !self.context.get_state().is_good() {
                return Err(HearError::Gone(words(self.context.errno())));
            }
            self.take()?;
        }
        if !self.fragment.is_empty() {
            self.heard = Instant::now();
            return Ok(Heard::Samples(&self.fragment));
        }
        if self.stream.is_suspended().unwrap_or(false) {
            self.heard = Instant::now();
            return Ok(Heard::Suspended);
        }
        if self.heard.elapsed() > MAX_QUIET {
            return Err(HearError::Hangs);
        }
        Ok(Heard::Nothing)
    }

    /// Takes the next fragment out of libpulse's memory; whether there was one.
    fn take(&mut self) -> Result<bool, HearError> {
        let gone = |why: PAErr| HearError::Gone(words(why));
        self.fragment.clear();
        match self.stream.peek().map_err(gone)? {
            PeekResult::Empty => return Ok(false),
            PeekResult::Hole(len) => self.fragment.resize(len, 0),
            PeekResult::Data(bytes) => self.fragment.extend_from_slice(bytes),
        }
        self.stream.discard().map_err(gone)?;
        let whole = self.fragment.len() - self.fragment.len() % FRAME_LEN;
        self.fragment.truncate(whole);
        Ok(true)
    }
}

/// One turn of the loop, unless it is too late.
fn turn_before(deadline: Instant, mainloop: &mut Mainloop) -> Result<(), HearError> {
    if Instant::now() >= deadline {
        return Err(HearError::Hangs);
    }
    turn(mainloop)
}

/// One turn of the loop; waits for [`WAIT`] at most.
fn turn(mainloop: &mut Mainloop) -> Result<(), HearError> {
    let gone = |why: PAErr| HearError::Gone(words(why));
    mainloop.prepare(Some(WAIT)).map_err(gone)?;
    mainloop.poll().map_err(gone)?;
    mainloop.dispatch().map_err(gone)?;
    Ok(())
}

fn words(why: PAErr) -> String {
    why.to_string()
        .unwrap_or_else(|| format!("error {} of libpulse", why.0))
}
