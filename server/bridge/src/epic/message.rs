//! Epic's signalling, version 1.3.0: one JSON object a message, told apart by `type`.
//!
//! Pure: text to values within bounds, and the texts that we say. It must never know a connection or who may say what.

use serde_json::{Map, Value, json};

use crate::{Candidate, IceServer};

/// The version of the protocol that we say we speak.
pub const PROTOCOL_VERSION: &str = "1.3.0";

/// A message longer than this is refused before it is parsed. Offers of browsers and of Unreal Engine have 6 to 12 KiB.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// The longest name of a streamer, in bytes; it stands in menus.
pub const MAX_ID_LEN: usize = 128;

/// The longest `type`, in bytes. The longest known one has 21.
pub const MAX_KIND_LEN: usize = 64;

/// The longest reason that is shown to a player, in bytes: what a WebSocket's close frame carries (RFC 6455 section 5.5).
pub const MAX_REASON_LEN: usize = 123;

/// Types that do nothing here: of the selective forwarding unit, and deprecated ones.
const IGNORED: [&str; 10] = [
    "layerPreference",
    "dataChannelRequest",
    "peerDataChannelsReady",
    "playerCount",
    "stats",
    "pong",
    "startStreaming",
    "stopStreaming",
    "streamerDataChannels",
    "identify",
];

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignal {
    /// Longer than [`MAX_MESSAGE_LEN`].
    #[error("{0} bytes are too long")]
    Long(usize),
    /// Not JSON, not an object, or nested too deep.
    #[error("not a JSON object: {0}")]
    Json(String),
    /// Without `type`, or with one that is too long.
    #[error("no type")]
    NoType,
    /// A field is missing or of another type.
    #[error("{kind}: {field} is needed")]
    Field {
        /// Of this message.
        kind: String,
        /// Its name.
        field: &'static str,
    },
    /// A field is longer than allowed.
    #[error("{kind}: {field} is too long")]
    LongField {
        /// Of this message.
        kind: String,
        /// Its name.
        field: &'static str,
    },
}

/// One message as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    kind: String,
    fields: Map<String, Value>,
}

/// What a player says.
#[derive(Clone, Debug, PartialEq)]
pub enum PlayerSays {
    /// Which streamers are there?
    ListStreamers,
    /// It wants to see this one.
    Subscribe(String),
    /// No longer.
    Unsubscribe,
    /// It begins a connection: the frontend's `BrowserSendOffer`.
    Offer(String),
    /// It answers an offer.
    Answer(String),
    /// A way to reach it.
    Candidate(Candidate),
    /// To be answered with this time.
    Ping(Value),
    /// Known, and nothing to do.
    Nothing,
    /// Not known to us.
    Unknown,
}

/// What a streamer says.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamerSays {
    /// Its name.
    EndpointId(String),
    /// An offer, an answer or a candidate for a player.
    ToPlayer(String),
    /// A player is to be let go, and why.
    DisconnectPlayer(String, Option<String>),
    /// To be answered with this time.
    Ping(Value),
    /// Known, and nothing to do.
    Nothing,
    /// Not known to us.
    Unknown,
}

impl Signal {
    /// Reads one message.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, BadSignal> {
        if text.len() > MAX_MESSAGE_LEN {
            return Err(BadSignal::Long(text.len()));
        }
        let mut fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|why| BadSignal::Json(why.to_string()))?;
        match fields.remove("type") {
            Some(Value::String(kind)) if !kind.is_empty() && kind.len() <= MAX_KIND_LEN => {
                Ok(Self { kind, fields })
            }
            _ => Err(BadSignal::NoType),
        }
    }

    /// Its `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What it means from a player.
    ///
    /// # Errors
    ///
    /// A field that is needed is missing, of another type, or too long.
    pub fn from_player(&self) -> Result<PlayerSays, BadSignal> {
        Ok(match self.kind.as_str() {
            "listStreamers" => PlayerSays::ListStreamers,
            "subscribe" => PlayerSays::Subscribe(self.text("streamerId", MAX_ID_LEN)?),
            "unsubscribe" => PlayerSays::Unsubscribe,
            "offer" => PlayerSays::Offer(self.text("sdp", crate::MAX_SDP_LEN)?),
            "answer" => PlayerSays::Answer(self.text("sdp", crate::MAX_SDP_LEN)?),
            "iceCandidate" => PlayerSays::Candidate(self.candidate()?),
            "ping" => PlayerSays::Ping(self.time()?),
            kind if IGNORED.contains(&kind) => PlayerSays::Nothing,
            _ => PlayerSays::Unknown,
        })
    }

    /// What it means from a streamer.
    ///
    /// # Errors
    ///
    /// As for [`Signal::from_player`].
    pub fn from_streamer(&self) -> Result<StreamerSays, BadSignal> {
        Ok(match self.kind.as_str() {
            "endpointId" => StreamerSays::EndpointId(self.text("id", MAX_ID_LEN)?),
            "offer" | "answer" => {
                self.text("sdp", crate::MAX_SDP_LEN)?;
                StreamerSays::ToPlayer(self.player()?)
            }
            "iceCandidate" => {
                self.candidate()?;
                StreamerSays::ToPlayer(self.player()?)
            }
            "disconnectPlayer" => {
                let reason = self.fields.get("reason").and_then(Value::as_str);
                let reason = reason.map(|text| cut(text, MAX_REASON_LEN).to_owned());
                StreamerSays::DisconnectPlayer(self.player()?, reason)
            }
            "ping" => StreamerSays::Ping(self.time()?),
            kind if IGNORED.contains(&kind) => StreamerSays::Nothing,
            _ => StreamerSays::Unknown,
        })
    }

    /// The same message for the other side, with this player's number.
    pub fn relayed(mut self, player: &str) -> String {
        self.fields.insert("type".to_owned(), self.kind.into());
        self.fields.insert("playerId".to_owned(), player.into());
        Value::Object(self.fields).to_string()
    }

    fn text(&self, field: &'static str, longest: usize) -> Result<String, BadSignal> {
        match self.fields.get(field) {
            Some(Value::String(text)) if text.len() <= longest => Ok(text.clone()),
            Some(Value::String(_)) => Err(BadSignal::LongField {
                kind: self.kind.clone(),
                field,
            }),
            _ => Err(self.needs(field)),
        }
    }

    /// Older streamers write numbers.
    fn player(&self) -> Result<String, BadSignal> {
        match self.fields.get("playerId") {
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => self.text("playerId", MAX_ID_LEN),
        }
    }

    fn candidate(&self) -> Result<Candidate, BadSignal> {
        let found = self.fields.get("candidate").cloned().unwrap_or_default();
        serde_json::from_value(found).map_err(|_| self.needs("candidate"))
    }

    fn time(&self) -> Result<Value, BadSignal> {
        match self.fields.get("time") {
            Some(time @ Value::Number(_)) => Ok(time.clone()),
            _ => Err(self.needs("time")),
        }
    }

    fn needs(&self, field: &'static str) -> BadSignal {
        BadSignal::Field {
            kind: self.kind.clone(),
            field,
        }
    }
}

/// The first message to both sides.
pub(super) fn config(ice_servers: &[IceServer]) -> String {
    let servers: Vec<Value> = ice_servers
        .iter()
        .filter_map(|server| {
            // Browsers throw on an empty address.
            let urls: Vec<&String> = server.urls.iter().filter(|url| !url.is_empty()).collect();
            if urls.is_empty() {
                return None;
            }
            let mut value = json!({ "urls": urls });
            for (name, text) in [
                ("username", &server.username),
                ("credential", &server.credential),
            ] {
                if let Some(text) = text {
                    value[name] = text.as_str().into();
                }
            }
            Some(value)
        })
        .collect();
    let options = if servers.is_empty() {
        json!({})
    } else {
        json!({ "iceServers": servers })
    };
    json!({ "type": "config", "protocolVersion": PROTOCOL_VERSION, "peerConnectionOptions": options })
        .to_string()
}

pub(super) fn identify() -> String {
    json!({ "type": "identify" }).to_string()
}

pub(super) fn endpoint_id_confirm(id: &str) -> String {
    json!({ "type": "endpointIdConfirm", "committedId": id }).to_string()
}

pub(super) fn streamer_list(ids: &[String]) -> String {
    json!({ "type": "streamerList", "ids": ids }).to_string()
}

pub(super) fn subscribe_failed(message: &str) -> String {
    json!({ "type": "subscribeFailed", "message": message }).to_string()
}

pub(super) fn streamer_id_changed(id: &str) -> String {
    json!({ "type": "streamerIdChanged", "newID": id }).to_string()
}

pub(super) fn player_connected(player: &str) -> String {
    json!({ "type": "playerConnected", "playerId": player, "dataChannel": true, "sfu": false })
        .to_string()
}

pub(super) fn player_disconnected(player: &str) -> String {
    json!({ "type": "playerDisconnected", "playerId": player }).to_string()
}

/// `kind`: `offer` or `answer`.
pub(super) fn description(kind: &str, sdp: &str, player: &str) -> String {
    json!({ "type": kind, "sdp": sdp, "playerId": player }).to_string()
}

pub(super) fn pong(time: &Value) -> String {
    json!({ "type": "pong", "time": time }).to_string()
}

/// At most so many bytes, at a character's end.
pub(super) fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
