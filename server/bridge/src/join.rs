//! How somebody becomes a viewer: limits, then the description in a task of its own, so that a description which breaks
//! the library's parser breaks nothing else.
//!
//! It must never know what a description says beyond its size.

use crate::bridge::Core;
use crate::config::{MAX_CANDIDATES, MAX_EVENTS, MAX_SDP_LEN};
use crate::driver::Driver;
use crate::rtc::Wishes;
use crate::seat::Seat;
use crate::stage::Shared;
use crate::transport::Transport;
use crate::{JoinError, Terms, Viewer};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Media sections of one description. A browser's has 3.
const MAX_SECTIONS: usize = 16;

/// Lines of one description. Chromium's with all codecs has about 300.
const MAX_LINES: usize = 2048;

/// The data channel of our offers, as Epic's frontend expects it.
const OFFERED_CHANNEL: &str = "cirrus";

/// Who begins.
pub(crate) enum Opening<'a> {
    /// The viewer, with this.
    Offered(&'a str),
    /// We.
    Offer,
}

/// Refuses what is too much before it is parsed.
pub(crate) fn check_description(sdp: &str) -> Result<(), JoinError> {
    if sdp.len() > MAX_SDP_LEN {
        return Err(JoinError::TooMuch("the session description"));
    }
    let (mut lines, mut sections, mut candidates) = (0, 0, 0);
    for line in sdp.lines() {
        lines += 1;
        sections += usize::from(line.starts_with("m="));
        candidates += usize::from(line.starts_with("a=candidate"));
    }
    if lines > MAX_LINES {
        return Err(JoinError::TooMuch("lines of the session description"));
    }
    if sections > MAX_SECTIONS {
        return Err(JoinError::TooMuch("media sections"));
    }
    if candidates > MAX_CANDIDATES {
        return Err(JoinError::TooMuch("candidates"));
    }
    Ok(())
}

/// One of the bridge's places, given back when dropped.
struct Place(Arc<Core>);

impl Place {
    fn take(core: &Arc<Core>) -> Result<Place, JoinError> {
        let place = Place(core.clone());
        if core.viewers.fetch_add(1, Ordering::AcqRel) >= core.config.max_viewers {
            return Err(JoinError::Full);
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What must happen when a viewer's task ends, also by a panic.
struct Leaving {
    stage: Arc<Shared>,
    seat: Arc<Seat>,
    _place: Place,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.seat.inbox.shut();
        {
            let mut known = self.seat.known();
            known.connected = false;
            known
                .ended
                .get_or_insert_with(|| "the connection broke".into());
        }
        self.stage.leave(self.seat.id);
    }
}

/// See the head of the file.
pub(crate) async fn join(
    stage: &Arc<Shared>,
    opening: Opening<'_>,
    terms: Terms,
) -> Result<(Viewer, String), JoinError> {
    let offer = match opening {
        Opening::Offered(sdp) => {
            check_description(sdp)?;
            Some(sdp.to_owned())
        }
        Opening::Offer => None,
    };
    let core = &stage.core;
    let place = Place::take(core)?;
    let id = core.next_id.fetch_add(1, Ordering::Relaxed);
    let seat = Arc::new(Seat::new(id, stage.config.start_bps));
    stage.enter(&seat)?;
    let leaving = Leaving {
        stage: stage.clone(),
        seat: seat.clone(),
        _place: place,
    };
    let (sender, events) = mpsc::channel(MAX_EVENTS);
    // Dropped with this future, it closes what the task may have begun.
    let viewer = Viewer::new(seat, events);
    let (reply, answer) = oneshot::channel();
    tokio::spawn(attend(leaving, offer, terms, sender, reply));
    let sdp = answer
        .await
        .map_err(|_| JoinError::BadDescription("it cannot be read".into()))??;
    Ok((viewer, sdp))
}

async fn attend(
    leaving: Leaving,
    offer: Option<String>,
    terms: Terms,
    events: mpsc::Sender<crate::ViewerEvent>,
    reply: oneshot::Sender<Result<String, JoinError>>,
) {
    let (stage, seat) = (leaving.stage.clone(), leaving.seat.clone());
    let core = stage.core.clone();
    let wishes = Wishes {
        codec: stage.config.codec,
        low_latency: terms.low_latency,
        offering: offer.is_none(),
    };
    let now = Instant::now();
    let opened = core
        .factory
        .connection(wishes, &core.local(), now)
        .and_then(|(mut connection, user)| {
            let sdp = match &offer {
                Some(offer) => connection.answer(offer, now)?,
                None => connection.offer(OFFERED_CHANNEL, now)?,
            };
            Ok((connection, user, sdp))
        });
    let (connection, user, sdp) = match opened {
        Ok(opened) => opened,
        Err(refusal) => {
            // Whoever asked may have gone.
            let _ = reply.send(Err(JoinError::BadDescription(refusal)));
            return;
        }
    };
    let streams = connection.streams();
    if offer.is_some() && streams.video.is_none() && streams.sound.is_none() {
        let _ = reply.send(Err(JoinError::NoCommonCodec("this picture's codec")));
        return;
    }
    let ticket = core.net.routes.enter(user, seat.inbox.clone());
    let described = offer.is_some();
    let mut driver = Driver::new(
        core,
        stage,
        seat.clone(),
        terms,
        Box::new(connection),
        events,
        ticket,
        described,
    );
    if reply.send(Ok(sdp)).is_err() {
        return;
    }
    let why = driver.run().await;
    seat.known().ended.get_or_insert(why);
    driver.finish().await;
    drop(leaving);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_before_it_is_read() {
        assert_eq!(check_description("v=0\r\nm=video\r\n"), Ok(()));
        let long = "a".repeat(MAX_SDP_LEN + 1);
        assert_eq!(
            check_description(&long),
            Err(JoinError::TooMuch("the session description"))
        );
        assert!(check_description(&"m=a\n".repeat(17)).is_err());
        assert!(check_description(&"a=candidate:1\n".repeat(65)).is_err());
        assert!(check_description(&"\n".repeat(2049)).is_err());
    }
}
