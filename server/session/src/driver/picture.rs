//! Pictures: users' connections to the bridge, the pointer's looks, the clipboard, how everybody's connection is.

use std::net::IpAddr;
use std::time::Duration;

use server_bridge::{Candidate, JoinError, Stage, Terms, ViewerStats};
use server_wire::{
    Anything, ClipboardText, Code, Count, CursorShape, Description, IceCandidate, Lines, Quality,
    UserAnswer, ViewerQuality,
};
use tokio::sync::{mpsc, oneshot};

use super::show::Aborted;
use super::{Driver, Event};
use crate::ask::{Door, NoPicture};
use crate::house::{May, reasoned};
use crate::life::Key;
use crate::viewer::{self, MAX_CANDIDATES, Watch};

/// How long the answer to an offer may take; it takes milliseconds.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// What users of our page get.
const TERMS: Terms = Terms {
    input: true,
    low_latency: true,
};

/// Which connection of which user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeatId {
    key: Key,
    client: u32,
    number: u64,
}

/// A user's connections: the one that stands, and the one that is being agreed upon.
#[derive(Default)]
pub(super) struct Seats {
    now: Option<Seat>,
    next: Option<Seat>,
}

/// One connection; dropped, it is closed.
struct Seat {
    number: u64,
    /// The bridge's number, once it stands.
    viewer: Option<u64>,
    candidates: mpsc::Sender<Candidate>,
    _task: Aborted,
}

impl Driver {
    /// A user offers a connection. The former one is kept until the new one is agreed upon.
    pub(super) fn offer(
        &mut self,
        door: Door,
        offer: Description,
        answer: oneshot::Sender<UserAnswer>,
    ) {
        let Door { key, client, .. } = door;
        let running = self.shows.get(&key).filter(|_| self.is_running(key));
        let Some(running) = running else {
            let _ = answer.send(UserAnswer::NotExist);
            return;
        };
        let Some(stage) = running.hands.stage() else {
            let why = reasoned("this application has no picture");
            let _ = answer.send(UserAnswer::NotAllowed(why));
            return;
        };
        self.last_seat += 1;
        let id = SeatId {
            key,
            client,
            number: self.last_seat,
        };
        let (candidates, waiting) = mpsc::channel(MAX_CANDIDATES);
        let (gate, report) = (running.gate.clone(), self.report.clone());
        let task = tokio::spawn(async move {
            let agreed = stage.answer(offer.sdp.as_str(), TERMS);
            let agreed = tokio::time::timeout(ANSWER_PATIENCE, agreed).await;
            let (viewer, sdp) = match agreed {
                Ok(Ok(agreed)) => agreed,
                Ok(Err(why)) => return drop(answer.send(refusal(&why))),
                Err(_) => {
                    let why = reasoned("the bridge did not answer in time");
                    return drop(answer.send(UserAnswer::NotAllowed(why)));
                }
            };
            let Some(sdp) = Lines::new(&sdp) else {
                let why = reasoned("the answer is longer than a message");
                return drop(answer.send(UserAnswer::NotAllowed(why)));
            };
            // A driver that is gone has no sessions left either.
            let _ = report.send(Event::Seated(id, viewer.id())).await;
            // Who asked may be gone; then the driver ends this soon.
            let _ = answer.send(UserAnswer::Answer(Description { sdp }));
            let why = viewer::serve(Watch {
                viewer,
                client,
                gate,
                candidates: waiting,
            });
            let why = why.await;
            let _ = report.send(Event::Unseated(id, why)).await;
        });
        let seats = self.seats.entry((key, client)).or_default();
        seats.next = Some(Seat {
            number: id.number,
            viewer: None,
            candidates,
            _task: Aborted(task.abort_handle()),
        });
    }

    /// A connection stands: it replaces the former one.
    pub(super) fn seated(&mut self, id: SeatId, viewer: u64) {
        let Some(seats) = self.seats.get_mut(&(id.key, id.client)) else {
            return;
        };
        if let Some(mut seat) = seats.next.take_if(|seat| seat.number == id.number) {
            seat.viewer = Some(viewer);
            seats.now = Some(seat);
            self.let_go(id);
        }
    }

    /// A connection is over; its user may offer another.
    pub(super) fn unseated(&mut self, id: SeatId, why: &str) {
        let Some(seats) = self.seats.get_mut(&(id.key, id.client)) else {
            return;
        };
        if seats.now.take_if(|seat| seat.number == id.number).is_some() {
            tracing::debug!("the picture of user {} is over: {why}", id.client);
            self.let_go(id);
        }
    }

    /// Keys that the driver held on a connection that is over are held by nobody.
    fn let_go(&self, id: SeatId) {
        if let Some(running) = self.shows.get(&id.key)
            && running.gate.drives(id.client)
        {
            running.gate.release();
            running.gate.admit(Some(id.client));
        }
    }

    /// A way to a user, for the connection that was offered last.
    pub(super) fn candidate(
        &mut self,
        door: Door,
        candidate: IceCandidate,
        answer: oneshot::Sender<UserAnswer>,
    ) {
        let seats = self.seats.get(&(door.key, door.client));
        let seat = seats.and_then(|seats| seats.next.as_ref().or(seats.now.as_ref()));
        let Some(seat) = seat else {
            let why = reasoned("WEBRTC_CANDIDATE: there is no offer that it belongs to");
            let _ = answer.send(UserAnswer::BadRequest(why));
            return;
        };
        let text =
            |text: Option<server_wire::CandidateText>| text.map(|text| text.as_str().to_owned());
        let taken = seat.candidates.try_send(Candidate {
            candidate: candidate.candidate.as_str().to_owned(),
            sdp_mid: text(candidate.sdp_mid),
            sdp_m_line_index: candidate.sdp_m_line_index,
            username_fragment: text(candidate.username_fragment),
        });
        let told = match taken {
            Ok(()) => UserAnswer::Done,
            Err(_) => UserAnswer::NotAllowed(reasoned("more candidates than are looked at")),
        };
        let _ = answer.send(told);
    }

    /// The driver fills the application's clipboard.
    pub(super) fn paste(
        &mut self,
        door: Door,
        clipboard: &ClipboardText,
        answer: oneshot::Sender<UserAnswer>,
    ) {
        let told = match self.house.may(door.key, door.client, May::Drive) {
            Ok(()) => {
                if let Some(running) = self.shows.get(&door.key) {
                    running.hands.set_clipboard(clipboard.text.as_str());
                }
                UserAnswer::Done
            }
            Err(why) => why,
        };
        let _ = answer.send(told);
    }

    /// The application has copied something: its driver is told, nobody else.
    pub(super) fn copied(&mut self, key: Key, text: &str) {
        let driver = self.house.get(key).and_then(|life| life.room.driver());
        if let (Some(driver), Some(text)) = (driver, Anything::new(text)) {
            let told = UserAnswer::Clipboard(ClipboardText { text });
            self.pass(key, driver, told);
        }
    }

    /// The pointer looks different: all are told.
    pub(super) fn cursor(&mut self, key: Key, shape: CursorShape) {
        let Some(running) = self.shows.get_mut(&key) else {
            return;
        };
        running.cursor = Some(shape.clone());
        for client in self.inside(key) {
            self.pass(key, client, UserAnswer::Cursor(shape.clone()));
        }
    }

    /// Who comes in is told what the pointer looks like.
    pub(super) fn show_cursor(&mut self, key: Key, client: u32) {
        let running = self.shows.get(&key);
        if let Some(shape) = running.and_then(|running| running.cursor.clone()) {
            self.pass(key, client, UserAnswer::Cursor(shape));
        }
    }

    /// How everybody's connection is.
    pub(super) fn quality(&self, key: Key) -> UserAnswer {
        let stage = self
            .shows
            .get(&key)
            .and_then(|running| running.hands.stage());
        let whose = |viewer: u64| {
            let seats = self.seats.range((key, 0)..=(key, u32::MAX));
            let mut each =
                seats.filter_map(|(&(_, client), seats)| Some((client, seats.now.as_ref()?)));
            let found = each.find(|(_, seat)| seat.viewer == Some(viewer));
            found.map(|(client, _)| Count(client))
        };
        let viewers = stage.map(|stage| stage.viewers()).unwrap_or_default();
        let viewers = viewers
            .iter()
            .map(|stats| quality_of(stats, whose(stats.id)));
        UserAnswer::Quality(Quality {
            viewers: viewers.take(MAX_QUALITY).collect(),
        })
    }

    /// The picture under a code, for somebody who only watches. Wrong codes count as they do for users.
    pub(super) fn picture_of(&mut self, code: Code, from: IpAddr) -> Result<Stage, NoPicture> {
        let now = self.now();
        if let Some(left) = self.guesses.locked(now.at, from) {
            return Err(NoPicture::LockedOut(left.as_secs().max(1) as u32));
        }
        let Some(key) = self.house.runs(code) else {
            self.guesses.wrong(now.at, from);
            return Err(NoPicture::NotExist);
        };
        let running = self.shows.get(&key).ok_or(NoPicture::NotExist)?;
        running.hands.stage().ok_or(NoPicture::None)
    }
}

/// Viewers that one answer tells of: two for each user that a session may have.
const MAX_QUALITY: usize = 2 * crate::config::MAX_USERS as usize;

fn quality_of(stats: &ViewerStats, client: Option<Count>) -> ViewerQuality {
    let known = |us: u64| (us > 0).then_some(us);
    ViewerQuality {
        client,
        rtt_us: known(stats.rtt_us),
        lost_permille: (stats.lost_fraction.clamp(0.0, 1.0) * 1000.0).round() as u16,
        estimate_bps: stats.estimate_bps.into(),
        sent_bytes: stats.sent_bytes,
        low: stats.rendition == media_packet::Rendition::Low,
        nacks: stats.nacks,
        plis: stats.plis,
        connected_us: known(stats.connected_us),
    }
}

/// What a user is told whose offer leads to nothing.
fn refusal(why: &JoinError) -> UserAnswer {
    let told = reasoned(&format!("WEBRTC_OFFER: {why}"));
    match why {
        JoinError::Full | JoinError::Closed => UserAnswer::NotAllowed(told),
        _ => UserAnswer::BadRequest(told),
    }
}
