//! WHEP (draft-ietf-wish-whep): any player that speaks it watches a session or a channel.
//!
//! HTTP requests in, HTTP responses out; docs/protocols/whep.md has them. Whoever serves it reads at most [`MAX_BODY_LEN`]
//! bytes of a body before it calls. This module must never know a socket, or what a path means: [`Theatre`] says so.

mod answers;
mod limits;
mod seats;
mod trickle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, Method, Request, Response, StatusCode};

use crate::{IceServer, JoinError, Stage, Terms};

use limits::Limits;
use seats::{Seat, Seats};

/// The path that everything here begins with.
pub const PREFIX: &str = "/whep/";

/// A body longer than this is refused; the caller need not read more. That of an offer.
pub const MAX_BODY_LEN: usize = crate::MAX_SDP_LEN;

/// Viewers of one [`Whep`] at a time; the stages have bounds of their own. A guess.
pub const MAX_VIEWERS: usize = 512;

/// Viewers of one address (of IPv6: of one /64) at a time: people behind one NAT.
pub const MAX_VIEWERS_OF_ONE: usize = 64;

/// Offers of one address at once; each makes a WebRTC connection.
pub const OFFERS: u32 = 20;

/// After that, one offer every so often.
pub const OFFER_EVERY: Duration = Duration::from_secs(1);

/// A path longer than this belongs to nothing.
const MAX_PATH_LEN: usize = 256;

/// To find the stage and make the answer. A guess.
const ANSWER: Duration = Duration::from_secs(10);

/// Seconds until it is worth to ask again when everything is taken. A guess.
const RETRY_AFTER_S: u32 = 5;

/// What is on.
#[async_trait]
pub trait Theatre: Send + Sync {
    /// The stage of a path, which is what follows [`PREFIX`]: `session/1234`, `channel/0`.
    ///
    /// # Errors
    ///
    /// Why this viewer does not see it.
    async fn stage(&self, path: &str, from: IpAddr) -> Result<Stage, WhepRefusal>;

    /// STUN and TURN servers for the viewers.
    fn ice_servers(&self) -> Vec<IceServer> {
        Vec::new()
    }

    /// Whether viewers of a path are to show every picture at once: what they watch reacts to somebody.
    fn is_interactive(&self, path: &str) -> bool {
        path.starts_with("session/")
    }
}

/// Why a viewer does not see a stage. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhepRefusal {
    /// 404: there is nothing of this name.
    #[error("{0}")]
    NotFound(String),
    /// 403: not for this viewer.
    #[error("{0}")]
    Forbidden(String),
    /// 409: it is there, and nothing is on now (the draft's answer to a stream that has not begun).
    #[error("{0}")]
    NotOn(String),
    /// 422: browsers cannot play it.
    #[error("{0}")]
    NotPlayable(String),
    /// 429: this address asks too often, or guesses.
    #[error("{why}")]
    TooMany {
        /// For people.
        why: String,
        /// Seconds until it is worth to ask again.
        retry_after_s: u32,
    },
    /// 503: no room now.
    #[error("{why}")]
    Busy {
        /// For people.
        why: String,
        /// Seconds until it is worth to ask again.
        retry_after_s: u32,
    },
}

/// The viewers of one theatre. Clones are the same; when the last one is dropped all connections end.
#[derive(Clone)]
pub struct Whep {
    theatre: Arc<dyn Theatre>,
    seats: Arc<Seats>,
    limits: Arc<Limits>,
}

impl Whep {
    /// Nobody watches yet. Inside a Tokio runtime from the first request on.
    pub fn new(theatre: Arc<dyn Theatre>) -> Self {
        Self {
            theatre,
            seats: Arc::default(),
            limits: Arc::default(),
        }
    }

    /// Viewers that watch now.
    pub fn viewers(&self) -> usize {
        self.seats.count()
    }

    /// Answers one request. `from`: who asks, for limits. Dropped meanwhile nothing is left but, maybe, a viewer whose answer
    /// nobody got; it ends by itself.
    pub async fn handle(&self, request: Request<Bytes>, from: IpAddr) -> Response<Bytes> {
        let mut response = match self.answer(&request, from).await {
            Ok(response) => response,
            Err(refusal) => refusal,
        };
        answers::allow_everybody(response.headers_mut());
        response
    }

    async fn answer(
        &self,
        request: &Request<Bytes>,
        from: IpAddr,
    ) -> Result<Response<Bytes>, Response<Bytes>> {
        let full = request.uri().path();
        let path = full
            .strip_prefix(PREFIX)
            .filter(|path| path.len() <= MAX_PATH_LEN);
        let path =
            path.ok_or_else(|| answers::refusal(StatusCode::NOT_FOUND, "nothing is here"))?;
        if request.body().len() > MAX_BODY_LEN {
            return Err(too_long());
        }
        let resource = path.rsplit_once('/').map(|(_, last)| last);
        match *request.method() {
            Method::OPTIONS => Ok(answers::options()),
            Method::POST => self.offered(path, request, from).await,
            Method::DELETE => match resource.and_then(|id| self.seats.remove(id)) {
                Some(()) => Ok(answers::plain(StatusCode::OK, "")),
                None => Err(no_viewer()),
            },
            Method::PATCH => self.trickled(resource, request).await,
            _ => Err(answers::not_allowed()),
        }
    }

    async fn offered(
        &self,
        path: &str,
        request: &Request<Bytes>,
        from: IpAddr,
    ) -> Result<Response<Bytes>, Response<Bytes>> {
        needs_type(request.headers(), "application/sdp")?;
        if !accepts_sdp(request.headers()) {
            let why = "the answer is application/sdp";
            return Err(answers::refusal(StatusCode::NOT_ACCEPTABLE, why));
        }
        let offer = std::str::from_utf8(request.body()).unwrap_or_default();
        if offer.trim().is_empty() {
            let why = "the body is not an offer; this server does not offer by itself";
            return Err(answers::refusal(StatusCode::UNPROCESSABLE_ENTITY, why));
        }
        let pass = self.limits.enter(from, Instant::now()).map_err(|wait| {
            answers::retry(
                StatusCode::TOO_MANY_REQUESTS,
                "too many viewers of one address",
                wait,
            )
        })?;
        let terms = Terms {
            input: false,
            low_latency: self.theatre.is_interactive(path),
        };
        let answered = tokio::time::timeout(ANSWER, async {
            let stage = self
                .theatre
                .stage(path, from)
                .await
                .map_err(|why| refused(&why))?;
            stage
                .answer(offer, terms)
                .await
                .map_err(|why| not_joined(&why))
        });
        let (viewer, answer) = match answered.await {
            Ok(answered) => answered?,
            Err(_) => {
                let why = "no answer in time";
                return Err(answers::retry(
                    StatusCode::SERVICE_UNAVAILABLE,
                    why,
                    RETRY_AFTER_S,
                ));
            }
        };
        let seat = Seat {
            viewer,
            pass,
            ufrag: trickle::ufrag_of(offer).to_owned(),
        };
        let seat = self.seats.add(seat).ok_or_else(|| {
            answers::retry(
                StatusCode::SERVICE_UNAVAILABLE,
                "no room for another viewer",
                RETRY_AFTER_S,
            )
        })?;
        let servers = self.theatre.ice_servers();
        Ok(answers::created(path, &seat, answer, &servers))
    }

    /// Trickle ICE (RFC 8840, as RFC 9725 section 4.3 has it). New credentials would be a restart, which is not done.
    async fn trickled(
        &self,
        resource: Option<&str>,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, Response<Bytes>> {
        let etag = resource.and_then(|id| self.seats.etag(id));
        let (Some(id), Some(etag)) = (resource, etag) else {
            return Err(no_viewer());
        };
        needs_type(request.headers(), "application/trickle-ice-sdpfrag")?;
        match request.headers().get(IF_MATCH).map(|tag| tag.to_str()) {
            None => {
                let why = "If-Match is needed";
                return Err(answers::refusal(StatusCode::PRECONDITION_REQUIRED, why));
            }
            Some(Ok(tag)) if tag == etag => {}
            Some(Ok("*")) => return Err(no_restart()),
            Some(_) => {
                let why = "this is not the connection's ETag";
                return Err(answers::refusal(StatusCode::PRECONDITION_FAILED, why));
            }
        }
        let text = std::str::from_utf8(request.body()).unwrap_or_default();
        let Some(fragment) = trickle::read(text) else {
            let why = "not a fragment of a session description";
            return Err(answers::refusal(StatusCode::BAD_REQUEST, why));
        };
        if self.seats.is_of_other(id, &fragment.ufrag) {
            return Err(no_restart());
        }
        if self.seats.add_candidates(id, fragment.candidates) {
            Ok(answers::plain(StatusCode::NO_CONTENT, ""))
        } else {
            let why = "too many candidates";
            Err(answers::refusal(StatusCode::UNPROCESSABLE_ENTITY, why))
        }
    }
}

/// The answer to a body that is longer than [`MAX_BODY_LEN`], for whoever did not read all of it.
pub fn too_long() -> Response<Bytes> {
    let why = "an offer has at most 64 KiB, and has to arrive";
    let mut response = answers::refusal(StatusCode::PAYLOAD_TOO_LARGE, why);
    answers::allow_everybody(response.headers_mut());
    response
}

fn no_viewer() -> Response<Bytes> {
    answers::refusal(StatusCode::NOT_FOUND, "nobody watches under this address")
}

fn no_restart() -> Response<Bytes> {
    let why = "ICE is not restarted; connect again";
    answers::refusal(StatusCode::UNPROCESSABLE_ENTITY, why)
}

#[expect(clippy::result_large_err, reason = "one response for each request")]
fn needs_type(headers: &HeaderMap, needed: &str) -> Result<(), Response<Bytes>> {
    let found = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = found.unwrap_or_default().split(';').next().map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(needed)) {
        return Ok(());
    }
    let why = format!("the body must be {needed}");
    Err(answers::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, &why))
}

/// RFC 9110 section 12.5.1, without weights but 0: there is one type to choose.
fn accepts_sdp(headers: &HeaderMap) -> bool {
    let mut wanted = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    let is_sdp = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        matches!(
            essence.as_str(),
            "application/sdp" | "application/*" | "*/*"
        ) && !is_refused
    };
    wanted.peek().is_none() || wanted.any(is_sdp)
}

fn refused(refusal: &WhepRefusal) -> Response<Bytes> {
    let why = refusal.to_string();
    match refusal {
        WhepRefusal::NotFound(_) => answers::refusal(StatusCode::NOT_FOUND, &why),
        WhepRefusal::Forbidden(_) => answers::refusal(StatusCode::FORBIDDEN, &why),
        WhepRefusal::NotOn(_) => answers::refusal(StatusCode::CONFLICT, &why),
        WhepRefusal::NotPlayable(_) => answers::refusal(StatusCode::UNPROCESSABLE_ENTITY, &why),
        WhepRefusal::TooMany { retry_after_s, .. } => {
            answers::retry(StatusCode::TOO_MANY_REQUESTS, &why, *retry_after_s)
        }
        WhepRefusal::Busy { retry_after_s, .. } => {
            answers::retry(StatusCode::SERVICE_UNAVAILABLE, &why, *retry_after_s)
        }
    }
}

fn not_joined(error: &JoinError) -> Response<Bytes> {
    let why = error.to_string();
    match error {
        JoinError::Full => answers::retry(StatusCode::SERVICE_UNAVAILABLE, &why, RETRY_AFTER_S),
        JoinError::Closed => answers::refusal(StatusCode::NOT_FOUND, &why),
        JoinError::TooMuch(_) => answers::refusal(StatusCode::PAYLOAD_TOO_LARGE, &why),
        JoinError::NoCommonCodec(_) | JoinError::BadDescription(_) | JoinError::BadCandidate(_) => {
            answers::refusal(StatusCode::UNPROCESSABLE_ENTITY, &why)
        }
    }
}
