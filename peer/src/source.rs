//! Where the channel comes from: an invite, or an old server. From the command line, checked; nothing is opened here.

use std::time::{SystemTime, UNIX_EPOCH};

use media_model::OriginKey;
use overlay_core::Invite;

use crate::args::Join;
use crate::error::PeerError;
use crate::legacy::{OldServer, with_port};
use crate::status::Legacy;

/// See the module.
#[derive(Debug)]
pub(crate) enum Source {
    /// The server's invite, and the key in it.
    Invite(Box<Invite>, OriginKey),
    /// A server that speaks the 2-digit protocol.
    Old(OldServer),
}

impl Source {
    /// What the command line says.
    ///
    /// # Errors
    /// When the invite is none, is out of date, or has no usable key.
    pub(crate) fn of(args: &Join) -> Result<Self, PeerError> {
        if let (Some(named), Some(channel)) = (&args.legacy_source, args.channel) {
            let from = args.listen.map(|listen| listen.ip());
            return Ok(Self::Old(OldServer {
                at: with_port(named),
                from: from.filter(|ip| !ip.is_unspecified()),
                also_from: args.legacy_from.clone(),
                channel,
            }));
        }
        let invite: Invite = args.invite.as_deref().unwrap_or_default().parse()?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        invite.check_time(now.as_secs())?;
        let origin = OriginKey::from_bytes(&invite.key).map_err(|_| PeerError::InviteKey)?;
        Ok(Self::Invite(Box::new(invite), origin))
    }

    /// The channel's number.
    pub(crate) fn channel(&self) -> u32 {
        match self {
            Self::Invite(invite, _) => invite.channel,
            Self::Old(server) => u32::from(server.channel),
        }
    }

    /// `host:port` of where it comes from.
    pub(crate) fn origin(&self) -> String {
        match self {
            Self::Invite(invite, _) => invite.origin.clone(),
            Self::Old(server) => server.at.clone(),
        }
    }

    /// The part of the status that is about an old server.
    pub(crate) fn legacy(&self) -> Option<Legacy> {
        match self {
            Self::Invite(..) => None,
            Self::Old(server) => Some(Legacy {
                server: server.at.clone(),
                ..Legacy::default()
            }),
        }
    }
}
