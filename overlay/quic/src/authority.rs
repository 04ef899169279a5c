//! Whose signature counts on a channel: one key for ever, or that of the root of each epoch.
//!
//! Pure. Who says which key belongs to which epoch is decided elsewhere; this file must never know how.

use media_model::{OriginKey, SignedSpan, Unverified};

/// Keys that are remembered: those of the window's chunks, and some. A guess; the oldest go.
const MAX_KEYS: usize = 8;

/// Whose signature counts, as a member begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// This key's, always: from the invite.
    Origin(OriginKey),
    /// Nobody's yet: the keys of roots are told by [`crate::Member::trust`], each from its epoch on.
    Roots,
}

/// What a signature is worth.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The root's of that epoch.
    Good(Box<SignedSpan>),
    /// Nobody's who may sign there.
    Corrupt,
    /// Of an epoch whose root is not known here: not yet, or not any more.
    UnknownRoot,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Authorities {
    /// (From this epoch on, this key), ascending; each holds until the next one's epoch.
    keys: Vec<(u64, OriginKey)>,
    fixed: bool,
}

impl Authorities {
    pub(crate) fn new(trust: Trust) -> Self {
        match trust {
            Trust::Origin(key) => Self {
                keys: vec![(0, key)],
                fixed: true,
            },
            Trust::Roots => Self {
                keys: Vec::new(),
                fixed: false,
            },
        }
    }

    /// From `epoch` on `key` signs. Says whether that is news; what is not newer than the newest key is not taken.
    pub(crate) fn trust(&mut self, epoch: u64, key: OriginKey) -> bool {
        if self.fixed || self.newest_epoch().is_some_and(|newest| epoch <= newest) {
            return false;
        }
        self.keys.push((epoch, key));
        if self.keys.len() > MAX_KEYS {
            self.keys.remove(0);
        }
        true
    }

    /// The first epoch of the newest key.
    pub(crate) fn newest_epoch(&self) -> Option<u64> {
        self.keys.last().map(|(epoch, _)| *epoch)
    }

    /// The key that may sign at `epoch`, and the epoch that it is known for.
    pub(crate) fn key_at(&self, epoch: u64) -> Option<(u64, OriginKey)> {
        let after = self.keys.partition_point(|(from, _)| *from <= epoch);
        self.keys.get(after.checked_sub(1)?).cloned()
    }

    /// Whether the one key is the invite's, for ever.
    pub(crate) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Checks a span's signature with what [`Authorities::key_at`] and [`Authorities::is_fixed`] gave for its epoch.
    pub(crate) fn judge(span: Unverified, key: Option<(u64, OriginKey)>, fixed: bool) -> Verdict {
        let epoch = span.claimed().epoch;
        let Some((from, key)) = key else {
            return Verdict::UnknownRoot;
        };
        match span.verify(&key) {
            Ok(span) => Verdict::Good(Box::new(span)),
            // A root has one epoch: a higher one is a later root's, of whom was not told yet.
            Err(_) if !fixed && epoch > from => Verdict::UnknownRoot,
            Err(_) => Verdict::Corrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use media_model::{ChunkDraft, Coding, SigningKey, encode_chunk};

    use super::*;

    fn signed(epoch: u64, key: &SigningKey) -> Unverified {
        let draft = ChunkDraft {
            channel: 0,
            epoch,
            seq: 1,
            name: "film_00001.mkv".to_owned(),
            wall_time_us: 0,
            duration_us: 2_000_000,
            coding: Coding::new(4, 1).expect("usual"),
        };
        let encoded = encode_chunk(draft, &bytes::Bytes::from_static(b"chunk"), key);
        let span = encoded.expect("within bounds").span;
        let frame = crate::frame::span_frame(&span);
        SignedSpan::decode(&frame[crate::frame::SPAN_HEAD_LEN..]).expect("our own")
    }

    impl Authorities {
        fn verify(&self, span: Unverified) -> Verdict {
            let key = self.key_at(span.claimed().epoch);
            Self::judge(span, key, self.is_fixed())
        }
    }

    fn key(number: u8) -> SigningKey {
        SigningKey::from_bytes(&[number; 32])
    }

    #[test]
    fn the_invites_key_signs_every_epoch_and_no_other_is_taken() {
        let mut keys = Authorities::new(Trust::Origin(key(1).origin_key()));
        assert!(!keys.trust(9, key(2).origin_key()));
        assert!(matches!(keys.verify(signed(9, &key(1))), Verdict::Good(_)));
        assert!(matches!(keys.verify(signed(9, &key(2))), Verdict::Corrupt));
    }

    #[test]
    fn each_root_signs_its_own_epoch_only() {
        let mut keys = Authorities::new(Trust::Roots);
        assert!(matches!(
            keys.verify(signed(5, &key(1))),
            Verdict::UnknownRoot
        ));
        assert!(keys.trust(5, key(1).origin_key()));
        assert!(!keys.trust(5, key(2).origin_key()), "an epoch has one root");
        assert!(keys.trust(8, key(2).origin_key()));
        assert!(!keys.trust(7, key(3).origin_key()), "roots only follow");
        assert!(matches!(keys.verify(signed(5, &key(1))), Verdict::Good(_)));
        assert!(matches!(keys.verify(signed(8, &key(2))), Verdict::Good(_)));
        // The dead root cannot come back in its successor's epoch, nor the successor sign what was before it.
        assert!(matches!(keys.verify(signed(8, &key(1))), Verdict::Corrupt));
        assert!(matches!(keys.verify(signed(5, &key(2))), Verdict::Corrupt));
        // Older and newer roots of whom nothing is known.
        assert!(matches!(
            keys.verify(signed(4, &key(2))),
            Verdict::UnknownRoot
        ));
        assert!(matches!(
            keys.verify(signed(9, &key(3))),
            Verdict::UnknownRoot
        ));
    }

    #[test]
    fn keys_are_bounded() {
        let mut keys = Authorities::new(Trust::Roots);
        for epoch in 1..100 {
            assert!(keys.trust(epoch, key(epoch as u8).origin_key()));
        }
        assert_eq!(keys.keys.len(), MAX_KEYS);
        assert!(matches!(
            keys.verify(signed(99, &key(99))),
            Verdict::Good(_)
        ));
    }
}
