//! Control messages and invites: what is written is read back, and foreign bytes never do more than fail.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::net::SocketAddr;

use overlay_core::wire::{Beat, Candidate, MAX_MESSAGE_LEN, Message, Refusal, Report};
use overlay_core::{Cause, Contact, Invite, InviteError, PeerId, Progress, Tick, Want};
use proptest::prelude::*;

#[allow(unreachable_pub, reason = "the fuzz targets call it from outside")]
#[path = "../../../tests/fuzz/bodies/core.rs"]
mod bodies;

fn contact() -> impl Strategy<Value = Contact> {
    (
        any::<[u8; 32]>(),
        any::<[u8; 16]>(),
        any::<u16>(),
        any::<bool>(),
    )
        .prop_map(|(id, ip, port, v6)| {
            let v4 = [ip[0], ip[1], ip[2], ip[3]];
            let addr = if v6 {
                SocketAddr::from((ip, port))
            } else {
                SocketAddr::from((v4, port))
            };
            Contact {
                id: PeerId(id),
                addr,
            }
        })
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one =
        (contact(), any::<u16>(), any::<u8>()).prop_map(|(contact, cost, places)| Candidate {
            contact,
            cost,
            places,
        });
    prop::collection::vec(one, 0..=8)
}

fn message() -> impl Strategy<Value = Message> {
    let tick = (any::<u64>(), any::<u64>()).prop_map(|(epoch, count)| Tick { epoch, count });
    let progress = (any::<u64>(), any::<u64>(), any::<u32>(), any::<u64>()).prop_map(
        |(epoch, seq, rows, first_seq)| Progress {
            epoch,
            seq,
            rows,
            first_seq,
        },
    );
    let rows = prop::collection::vec(any::<u8>(), 0..=512);
    let have = prop::collection::vec((any::<u64>(), rows.clone()), 0..=16);
    let want = (
        any::<u64>(),
        have,
        prop::collection::vec(any::<u64>(), 0..=16),
    )
        .prop_map(|(from_seq, have, whole)| Want {
            from_seq,
            have,
            whole,
        });
    let beat = (any::<u8>(), tick.clone(), any::<u16>()).prop_map(|(stripe, tick, depth)| Beat {
        stripe,
        tick,
        depth,
    });
    let report = (
        any::<u8>(),
        any::<u32>(),
        any::<u32>(),
        candidates(),
        candidates(),
    )
        .prop_map(|(stripe, size, interior, places, lifts)| Report {
            stripe,
            size,
            interior,
            places,
            lifts,
        });
    prop_oneof![
        (
            any::<u8>(),
            tick.clone(),
            any::<bool>(),
            any::<Option<u8>>(),
            any::<bool>(),
            want
        )
            .prop_map(
                |(stripe, tick, urgent, primary, desperate, want)| Message::Attach {
                    stripe,
                    tick,
                    urgent,
                    primary,
                    desperate,
                    want
                }
            ),
        (any::<u8>(), tick, any::<u16>(), progress.clone()).prop_map(
            |(stripe, tick, depth, progress)| Message::Accept {
                stripe,
                tick,
                depth,
                progress
            }
        ),
        (any::<u8>(), candidates()).prop_map(|(stripe, candidates)| Message::Redirect {
            stripe,
            refusal: Some(Refusal::Full),
            candidates
        }),
        (any::<u8>(), candidates()).prop_map(|(stripe, candidates)| Message::Drop {
            stripe,
            cause: Cause::TooSlow,
            candidates
        }),
        (
            prop::collection::vec(beat, 0..=16),
            progress,
            any::<Option<u64>>()
        )
            .prop_map(|(beats, progress, newest_whole)| Message::Pulse {
                beats,
                progress,
                newest_whole
            }),
        prop::collection::vec(report, 0..=16).prop_map(Message::Reports),
        (any::<u64>(), any::<u8>(), rows).prop_map(|(seq, stripe, rows)| Message::Pull {
            seq,
            stripe,
            rows
        }),
        contact().prop_map(|contact| Message::Probe { contact }),
    ]
}

proptest! {
    #[test]
    fn a_message_survives_its_encoding(message in message()) {
        let bytes = message.encode();
        prop_assert!(bytes.len() <= MAX_MESSAGE_LEN);
        prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
    }

    #[test]
    fn foreign_bytes_never_do_more_than_fail(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        bodies::control(&bytes);
    }

    #[test]
    fn a_message_with_a_byte_behind_it_is_refused(message in message()) {
        let mut bytes = message.encode();
        bytes.push(0);
        prop_assert!(Message::decode(&bytes).is_err());
    }

    #[test]
    fn an_invite_survives_its_text(key in any::<[u8; 32]>(), channel in any::<u32>(), expires in any::<Option<u64>>(), port in 1u16..) {
        let invite = Invite {
            origin: format!("example.org:{port}"),
            channel,
            key,
            also: vec![format!("[::1]:{port}"), format!("10.0.0.2:{port}")],
            expires,
        };
        prop_assert_eq!(invite.to_string().parse::<Invite>().unwrap(), invite);
    }

    #[test]
    fn any_changed_letter_of_the_key_is_noticed(key in any::<[u8; 32]>(), at in 0usize..52, letter in 0u8..26) {
        let text = Invite { origin: "h:1".into(), channel: 0, key, also: vec![], expires: None }.to_string();
        let start = text.find("key=").unwrap() + 4;
        let mut changed = text.clone().into_bytes();
        changed[start + at] = b'a' + letter;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != text);
        // 16 check bits: what gets by them is still another key, and is refused at the handshake.
        if let Ok(invite) = changed.parse::<Invite>() {
            prop_assert_ne!(invite.key, key);
        }
    }

    #[test]
    fn any_text_is_an_invite_or_an_error(text in ".{0,300}") {
        bodies::invite(text.as_bytes());
        bodies::invite(format!("treecast://{text}").as_bytes());
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    // `Reports` (variant 11) with a list of 2^32 - 1 entries: refused before anything is allocated for it.
    let bytes = [11u8, 252, 0xff, 0xff, 0xff, 0xff];
    assert!(Message::decode(&bytes).is_err());
}

#[test]
fn too_many_candidates_are_refused() {
    let contact = Contact {
        id: PeerId([1; 32]),
        addr: SocketAddr::from(([10, 0, 0, 1], 7000)),
    };
    let candidates = vec![
        Candidate {
            contact,
            cost: 1,
            places: 1
        };
        9
    ];
    let message = Message::Move {
        stripe: 0,
        candidates,
    };
    assert!(Message::decode(&message.encode()).is_err());
}

#[test]
fn what_is_wrong_with_an_invite_is_said() {
    let good = Invite {
        origin: "192.0.2.1:7000".into(),
        channel: 3,
        key: [7; 32],
        also: vec![],
        expires: Some(100),
    };
    let text = good.to_string();
    assert_eq!("http://x".parse::<Invite>(), Err(InviteError::NotAnInvite));
    assert_eq!(
        text.replace("192.0.2.1:7000", "192.0.2.1")
            .parse::<Invite>(),
        Err(InviteError::Address("192.0.2.1".into()))
    );
    assert_eq!(
        text.replace("/3?", "/x?").parse::<Invite>(),
        Err(InviteError::Channel("x".into()))
    );
    assert_eq!(
        text.replace("key=", "kez=")
            .parse::<Invite>()
            .map_err(|e| matches!(e, InviteError::Part(_))),
        Err(true)
    );
    let cut = &text[..text.find("key=").unwrap() + 30];
    assert_eq!(cut.parse::<Invite>(), Err(InviteError::Key));
    assert_eq!(good.check_time(90), Ok(()));
    assert_eq!(good.check_time(160), Err(InviteError::Expired(60)));
}
