//! A player of Epic's frontend in one of our sessions: its picture, its data channel, its hands.
//!
//! It must never know signalling, or the rules of who has control: it is told.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::input::{BadInput, Input, Intake};
use crate::{Candidate, JoinError, Terms, Viewer, ViewerEvent, ViewerSender};

use super::channel::{BadMessage, FromStreamer, ToStreamer};
use super::hands::Hands;
use super::settings;
use super::{Joined, Member};
use crate::rate::Allowance;

/// Answers (settings, tests, echoes) given at once; the frontend asks four times when it connects.
const ANSWERS: u32 = 40;

/// After that, one answer every so often: the frontend's test of the data channel asks 10 times a second.
const ANSWER_EVERY: Duration = Duration::from_millis(50);

/// Between two wishes for control: a press is one, and typing is many. A guess.
const WISH_EVERY: Duration = Duration::from_secs(1);

/// A player in a session. Dropping it closes the connection and leaves the session.
pub(super) struct Seat {
    viewer: Viewer,
    sender: ViewerSender,
    member: Box<dyn Member>,
    control: watch::Receiver<bool>,
    /// The data channel, once it is open.
    channel: Option<String>,
    hands: Hands,
    intake: Intake,
    answers: Allowance,
    wishes: Allowance,
    since: Instant,
}

impl Seat {
    /// Takes the seat; gives our offer.
    ///
    /// # Errors
    ///
    /// The session takes no more viewers.
    pub(super) async fn offering(joined: Joined) -> Result<(Self, String), JoinError> {
        let (viewer, sdp) = joined.stage.offer(TERMS).await?;
        Ok((Self::new(viewer, joined.member), sdp))
    }

    /// Takes the seat with the player's offer; gives our answer.
    ///
    /// # Errors
    ///
    /// The session takes no more viewers, or the offer cannot be used.
    pub(super) async fn answering(joined: Joined, sdp: &str) -> Result<(Self, String), JoinError> {
        let (viewer, sdp) = joined.stage.answer(sdp, TERMS).await?;
        Ok((Self::new(viewer, joined.member), sdp))
    }

    fn new(viewer: Viewer, member: Box<dyn Member>) -> Self {
        let now = Instant::now();
        Self {
            sender: viewer.sender(),
            viewer,
            control: member.has_control(),
            member,
            channel: None,
            hands: Hands::new(),
            intake: Intake::new(0),
            answers: Allowance::new(ANSWERS, ANSWER_EVERY, now),
            wishes: Allowance::new(1, WISH_EVERY, now),
            since: now,
        }
    }

    pub(super) async fn accept_answer(&self, sdp: &str) -> Result<(), JoinError> {
        self.viewer.accept_answer(sdp).await
    }

    pub(super) async fn add_candidate(&self, candidate: &Candidate) -> Result<(), JoinError> {
        self.viewer.add_candidate(candidate).await
    }

    /// Does what is to be done until it is over, and says why it is. Cancel-safe: to be called again and again.
    pub(super) async fn over(&mut self) -> String {
        loop {
            let wake = self.intake.wake_at_us();
            let wake_at = self.since + Duration::from_micros(wake.unwrap_or_default());
            tokio::select! {
                event = self.viewer.next() => match event {
                    None => return "the connection is over".to_owned(),
                    Some(ViewerEvent::Closed(why)) => return why,
                    Some(ViewerEvent::Connected) => {}
                    Some(ViewerEvent::ChannelOpen { label }) => self.opened(label),
                    Some(ViewerEvent::ChannelClosed { label }) => {
                        if self.channel.take_if(|open| *open == label).is_some() {
                            self.let_go();
                        }
                    }
                    // Epic's protocol has no word for who holds something and is still there.
                    Some(ViewerEvent::Silent) => self.let_go(),
                    Some(ViewerEvent::Message { data, is_text, .. }) => {
                        if let Err(why) = self.heard(&data, is_text) {
                            return why;
                        }
                    }
                },
                changed = self.control.changed() => match changed {
                    Ok(()) => self.control_changed(),
                    Err(_) => return "the session is over".to_owned(),
                },
                () = tokio::time::sleep_until(wake_at.into()), if wake.is_some() => {
                    let due = self.intake.due(self.now_us());
                    self.inject(due);
                }
            }
        }
    }

    fn opened(&mut self, label: String) {
        // Epic's frontend has one; a second one would get everything twice.
        if self.channel.is_some() {
            return;
        }
        self.channel = Some(label);
        for message in settings::protocol() {
            self.say(&message);
        }
        let is_theirs = *self.control.borrow_and_update();
        self.say(&FromStreamer::InputControlOwnership(is_theirs));
    }

    fn control_changed(&mut self) {
        let is_theirs = *self.control.borrow_and_update();
        if !is_theirs {
            // Whoever hands over lets everything go that was pressed, and what was held back is of before.
            self.hands.forget();
            self.intake = Intake::new(self.now_us());
        }
        self.say(&FromStreamer::InputControlOwnership(is_theirs));
        self.say(&FromStreamer::QualityControlOwnership(is_theirs));
    }

    /// What this player holds is let go; they drive all the same.
    fn let_go(&mut self) {
        self.hands.forget();
        self.inject(vec![Input::ReleaseAll]);
    }

    /// `Err`: nothing more is taken from this player.
    fn heard(&mut self, data: &[u8], is_text: bool) -> Result<(), String> {
        let message = if is_text {
            Err(BadMessage::Empty)
        } else {
            ToStreamer::decode(data)
        };
        let message = match message {
            Ok(message) => message,
            // Newer frontends say more (extended reality).
            Err(BadMessage::Unknown(kind)) => {
                tracing::trace!(kind, "a message of Epic's frontend is unknown");
                return Ok(());
            }
            Err(why) => {
                tracing::debug!(%why, "a message of Epic's frontend cannot be read");
                let counted = self.intake.count_bad(BadInput::Empty);
                return counted.map_err(|_| format!("too many unreadable messages: {why}"));
            }
        };
        if let Some(answer) = self.answer_to(&message) {
            if self.answers.take(Instant::now()).is_ok() {
                self.say(&answer);
            }
        } else if *self.control.borrow() {
            for input in self.hands.take(&message) {
                let inputs = self.intake.admit(input, self.now_us());
                self.inject(inputs);
            }
        } else if is_press(&message) && self.wishes.take(Instant::now()).is_ok() {
            self.member.wants_control();
        }
        Ok(())
    }

    fn answer_to(&mut self, message: &ToStreamer) -> Option<FromStreamer> {
        let now = unix_ms();
        match message {
            ToStreamer::QualityControlRequest => Some(FromStreamer::QualityControlOwnership(
                *self.control.borrow(),
            )),
            ToStreamer::InitialSettingsRequest => Some(settings::initial()),
            ToStreamer::LatencyTest(_) => Some(settings::latency(now, unix_ms())),
            ToStreamer::Echo(text) => Some(FromStreamer::Echo(text.clone())),
            ToStreamer::DataChannelLatencyTest(request) => {
                settings::data_channel_latency(request, now, unix_ms())
            }
            ToStreamer::PadConnected => self.hands.connect_pad().map(settings::gamepad),
            _ => None,
        }
    }

    /// Only the owner's input is passed on, whatever was read before.
    fn inject(&self, inputs: Vec<Input>) {
        if *self.control.borrow() {
            for input in inputs {
                self.member.input(input);
            }
        }
    }

    fn say(&self, message: &FromStreamer) {
        let Some(channel) = &self.channel else { return };
        if !self.sender.send(channel, message.encode(), false) {
            tracing::debug!(?message, "a player of Epic's frontend does not take it");
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

const TERMS: Terms = Terms {
    input: true,
    low_latency: true,
};

/// Whether somebody who does this means to drive; moving across the picture does not say so.
fn is_press(message: &ToStreamer) -> bool {
    matches!(
        message,
        ToStreamer::KeyDown { .. }
            | ToStreamer::MouseDown { .. }
            | ToStreamer::TouchStart(_)
            | ToStreamer::PadPressed { .. }
    )
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
