//! One user's connection for picture and input while it lasts: its messages go to the gate, pings are answered, what
//! is held is let go when nothing comes any more, and it sees where the driver's pointer is.
//!
//! It must never know why somebody may drive, nor how a connection is agreed upon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use server_bridge::input::{INPUT_CHANNEL, Input, Intake, MOVES_CHANNEL, TooManyBad, pointer};
use server_bridge::{Candidate, Viewer, ViewerEvent, ViewerSender};
use tokio::sync::mpsc;

use crate::gate::Gate;
use crate::hold::Hold;

/// Candidates that wait to be taken: a browser with many interfaces sends about 30.
pub(crate) const MAX_CANDIDATES: usize = 64;
/// Between two places of the driver's pointer that are told: 30 a second, as many as most pictures.
const POINTER_PAUSE: Duration = Duration::from_millis(33);

/// What one viewer needs.
pub(crate) struct Watch {
    pub(crate) viewer: Viewer,
    pub(crate) client: u32,
    pub(crate) gate: Arc<Gate>,
    pub(crate) candidates: mpsc::Receiver<Candidate>,
}

/// Serves a viewer until its connection is over; says why it is, for people. Dropped, the connection is closed.
pub(crate) async fn serve(watch: Watch) -> String {
    let Watch {
        mut viewer,
        client,
        gate,
        mut candidates,
    } = watch;
    let began = Instant::now();
    let mut hands = Hands {
        client,
        gate: &gate,
        sender: viewer.sender(),
        intake: Intake::new(monotonic_us()),
        hold: Hold::new(began),
    };
    let mut place = gate.pointer();
    let mut is_moved = false;
    let mut told_at = began;
    loop {
        let wake = hands.intake.wake_at_us();
        let wait = wake.map(|at| Duration::from_micros(at.saturating_sub(monotonic_us())));
        let silent = hands.hold.ends_at();
        tokio::select! {
            // What has come counts before time that has passed: on a busy computer both are late.
            biased;
            event = viewer.next() => match event {
                None => return "the connection is over".to_owned(),
                Some(ViewerEvent::Closed(why)) => return why,
                // What is held after that is let go by a rule of its own.
                Some(
                    ViewerEvent::Connected
                    | ViewerEvent::ChannelOpen { .. }
                    | ViewerEvent::ChannelClosed { .. }
                    | ViewerEvent::Silent,
                ) => {}
                Some(ViewerEvent::Message { label, data, .. }) => {
                    if let Err(TooManyBad { last }) = hands.heard(&label, &data) {
                        return format!("too many bad messages, the last: {last}");
                    }
                }
            },
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                let due = hands.intake.due(monotonic_us());
                hands.inject(due);
            }
            () = tokio::time::sleep_until(silent.unwrap_or(began).into()), if silent.is_some() => {
                if hands.hold.is_over(Instant::now()) {
                    gate.let_go(client);
                }
            }
            Some(candidate) = candidates.recv() => {
                if let Err(why) = viewer.add_candidate(&candidate).await {
                    tracing::debug!("a candidate is left out: {why}");
                }
            }
            Ok(()) = place.changed(), if !is_moved => is_moved = true,
            () = tokio::time::sleep_until((told_at + POINTER_PAUSE).into()), if is_moved => {
                is_moved = false;
                told_at = Instant::now();
                let at = *place.borrow_and_update();
                if let Some((x, y)) = at.filter(|_| !gate.drives(client)) {
                    // A place that does not arrive is replaced by the next.
                    let _ = hands.sender.send(MOVES_CHANNEL, pointer(x, y), false);
                }
            }
        }
    }
}

/// What comes from one viewer.
struct Hands<'a> {
    client: u32,
    gate: &'a Gate,
    sender: ViewerSender,
    intake: Intake,
    hold: Hold,
}

impl Hands<'_> {
    fn heard(&mut self, label: &str, data: &[u8]) -> Result<(), TooManyBad> {
        if !matches!(label, INPUT_CHANNEL | MOVES_CHANNEL) {
            return Ok(());
        }
        self.hold.heard(Instant::now());
        let taken = self.intake.take(data, monotonic_us())?;
        self.inject(taken.inputs);
        if let Some(answer) = taken.answer {
            // A page that does not read its pongs has no use for one more.
            let _ = self.sender.send(label, answer, false);
        }
        Ok(())
    }

    fn inject(&mut self, inputs: Vec<Input>) {
        for input in inputs {
            self.hold.took(input);
            self.gate.input(self.client, input);
        }
    }
}

/// Microseconds of the clock by which pictures are captured (`CLOCK_MONOTONIC`).
fn monotonic_us() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer; this clock exists on every Linux.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    debug_assert_eq!(failed, 0, "the clock exists");
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000 + nanoseconds / 1_000
}
