//! The link that a viewer types: where a channel is, and whose signature its content bears.
//!
//! `treecast://HOST:PORT/CHANNEL?key=KEY[&also=HOST:PORT]...[&expires=UNIX_SECONDS]`. KEY is the origin's 32-byte Ed25519
//! public key and the first 2 bytes of its BLAKE3 hash, in lower-case base32 (RFC 4648) without padding: a mistyped key is
//! recognised as such, and does not look like another origin.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

/// Longer texts are refused unread.
pub const MAX_INVITE_LEN: usize = 2_000;
/// Other members named in an invite.
pub const MAX_ALSO: usize = 8;
const SCHEME: &str = "treecast://";

/// An invite to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The origin: `host:port`, the host an address (an IPv6 one in brackets) or a name.
    pub origin: String,
    /// The channel: 0..N.
    pub channel: u32,
    /// The origin's Ed25519 public key.
    pub key: [u8; 32],
    /// Other members to ask: `host:port`.
    pub also: Vec<String>,
    /// Not to be used after this time, Unix seconds. A courtesy to viewers, not a lock.
    pub expires: Option<u64>,
}

/// What is wrong with an invite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// Another kind of text.
    #[error(
        "an invite begins with {SCHEME}; copy the whole line that the server printed after `invite`"
    )]
    NotAnInvite,
    /// Too long.
    #[error("an invite has at most {MAX_INVITE_LEN} characters")]
    TooLong,
    /// No usable `host:port`.
    #[error("the invite's address {0:?} is not HOST:PORT")]
    Address(String),
    /// No usable channel.
    #[error("the invite's channel {0:?} is not a number")]
    Channel(String),
    /// The key is missing or mistyped.
    #[error(
        "the invite's key is damaged: copy the whole line that the server printed after `invite`"
    )]
    Key,
    /// Something else after the question mark.
    #[error(
        "the invite's part {0:?} is damaged: copy the whole line that the server printed after `invite`"
    )]
    Part(String),
    /// Its time is over.
    #[error("the invite expired {0} s ago: ask the broadcaster for a new one")]
    Expired(u64),
}

impl Invite {
    /// Fails if the invite's time is over at `unix_seconds`.
    ///
    /// # Errors
    /// [`InviteError::Expired`].
    pub fn check_time(&self, unix_seconds: u64) -> Result<(), InviteError> {
        match self.expires {
            Some(expires) if unix_seconds > expires => {
                Err(InviteError::Expired(unix_seconds - expires))
            }
            _ => Ok(()),
        }
    }
}

fn key_text(key: &[u8; 32]) -> String {
    let mut bytes = key.to_vec();
    bytes.extend_from_slice(&blake3::hash(key).as_bytes()[..2]);
    BASE32_NOPAD.encode(&bytes).to_lowercase()
}

fn parse_key(text: &str) -> Result<[u8; 32], InviteError> {
    let bytes = BASE32_NOPAD
        .decode(text.to_uppercase().as_bytes())
        .map_err(|_| InviteError::Key)?;
    let (key, check) = bytes.split_at_checked(32).ok_or(InviteError::Key)?;
    let key: [u8; 32] = key.try_into().map_err(|_| InviteError::Key)?;
    if check == &blake3::hash(&key).as_bytes()[..2] {
        Ok(key)
    } else {
        Err(InviteError::Key)
    }
}

fn parse_address(text: &str) -> Result<String, InviteError> {
    let wrong = || InviteError::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let inner_ok = bracketed
        && host[1..host.len() - 1]
            .parse::<std::net::Ipv6Addr>()
            .is_ok();
    if port == 0 || !(plain || inner_ok) {
        Err(wrong())
    } else {
        Ok(text.to_owned())
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let text = text.trim();
        if text.len() > MAX_INVITE_LEN {
            return Err(InviteError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(InviteError::NotAnInvite)?;
        let (place, parts) = rest.split_once('?').ok_or(InviteError::Key)?;
        let (address, channel) = place
            .split_once('/')
            .ok_or_else(|| InviteError::Channel(String::new()))?;
        let origin = parse_address(address)?;
        let channel = channel
            .parse()
            .map_err(|_| InviteError::Channel(channel.to_owned()))?;
        let mut invite = Invite {
            origin,
            channel,
            key: [0; 32],
            also: Vec::new(),
            expires: None,
        };
        let mut key = None;
        for part in parts.split('&') {
            let damaged = || InviteError::Part(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(damaged)?;
            match name {
                "key" => key = Some(parse_key(value)?),
                "also" if invite.also.len() < MAX_ALSO => invite.also.push(parse_address(value)?),
                "expires" => invite.expires = Some(value.parse().map_err(|_| damaged())?),
                _ => return Err(damaged()),
            }
        }
        invite.key = key.ok_or(InviteError::Key)?;
        Ok(invite)
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}{}/{}?key={}",
            self.origin,
            self.channel,
            key_text(&self.key)
        )?;
        for also in &self.also {
            write!(f, "&also={also}")?;
        }
        if let Some(expires) = self.expires {
            write!(f, "&expires={expires}")?;
        }
        Ok(())
    }
}
