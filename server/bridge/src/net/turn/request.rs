//! How a TURN server is asked (RFC 8656 sections 7 to 9), signed once it told what to sign with (RFC 8489 section 9.2).

use super::{Ask, Turn};
use rtc::shared::error::Error;
use rtc::stun::attributes::{ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_REQUEST, METHOD_ALLOCATE, METHOD_CREATE_PERMISSION, METHOD_REFRESH, Message, MessageType,
    Method, Setter, TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use rtc::turn::proto::lifetime::Lifetime;
use rtc::turn::proto::peeraddr::PeerAddress;
use rtc::turn::proto::reqtrans::RequestedTransport;
use std::time::Duration;

/// What is asked for at each refresh; servers give this anyway (RFC 8656 section 3.2).
pub(super) const LIFETIME: Duration = Duration::from_secs(600);

impl Turn {
    /// A request's transaction and bytes.
    pub(super) fn request(&self, ask: &Ask) -> Result<(TransactionId, Vec<u8>), Error> {
        let id = TransactionId::new();
        let method: Method = match ask {
            Ask::Allocate => METHOD_ALLOCATE,
            Ask::Free | Ask::Leave | Ask::Refresh => METHOD_REFRESH,
            Ask::Permit(_) => METHOD_CREATE_PERMISSION,
        };
        let mut parts: Vec<Box<dyn Setter + '_>> = vec![
            Box::new(id),
            Box::new(MessageType::new(method, CLASS_REQUEST)),
        ];
        match ask {
            Ask::Allocate => parts.push(Box::new(RequestedTransport {
                protocol: rtc::turn::proto::PROTO_UDP,
            })),
            Ask::Free | Ask::Leave => parts.push(Box::new(Lifetime(Duration::ZERO))),
            Ask::Refresh => parts.push(Box::new(Lifetime(LIFETIME))),
            Ask::Permit(peers) => {
                for ip in peers {
                    // The port of a permission means nothing (RFC 8656 section 9.1).
                    parts.push(Box::new(PeerAddress { ip: *ip, port: 0 }));
                }
            }
        }
        if let Some(signature) = &self.signature {
            for (kind, text) in [
                (ATTR_USERNAME, &self.credentials.username),
                (ATTR_REALM, &signature.realm),
                (ATTR_NONCE, &signature.nonce),
            ] {
                parts.push(Box::new(TextAttribute::new(kind, text.clone())));
            }
            parts.push(Box::new(MessageIntegrity::new_raw_integrity_with_provider(
                signature.key.clone(),
                self.provider.crypto(),
            )));
        }
        parts.push(Box::new(FINGERPRINT));
        let mut message = Message::new();
        message.build(&parts)?;
        Ok((id, message.raw))
    }
}
