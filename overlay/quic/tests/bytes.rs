//! The bytes of docs/protocols/overlay.md, as the code writes them.

mod lab;

use std::time::Duration;

use lab::raw::*;
use lab::*;
use media_model::Coding;
use overlay_core::wire::{Beat, Candidate, Refusal};
use overlay_core::{Cause, Contact, Message, PeerId, Progress, Tick, Want};

const ID: PeerId = PeerId([0xab; 32]);

#[test]
fn messages_have_the_bytes_of_the_page() {
    let addr = "1.2.3.4:6000".parse().expect("an address");
    let candidate = Candidate {
        contact: Contact { id: ID, addr },
        cost: 300,
        places: 2,
    };
    let tick = Tick {
        epoch: 1,
        count: 70_000,
    };
    let want = Want {
        from_seq: u64::MAX,
        have: vec![(9, vec![0b101])],
        whole: vec![7],
    };
    let attach = Message::Attach {
        stripe: 4,
        tick,
        urgent: true,
        primary: Some(2),
        desperate: false,
        want,
    };
    let tick_bytes = [&[1, 0xfc][..], &70_000_u32.to_le_bytes()].concat();
    let mut expected = vec![1, 4];
    expected.extend(&tick_bytes);
    expected.extend([1, 1, 2, 0, 0xfd]);
    expected.extend([0xff; 8]);
    expected.extend([1, 9, 1, 0b101, 1, 7]);
    assert_eq!(attach.encode(), expected);

    let redirect = Message::Redirect {
        stripe: 0,
        refusal: Some(Refusal::Leaving),
        candidates: vec![candidate],
    };
    let mut expected = vec![3, 0, 1, 3, 1];
    expected.extend([0xab; 32]);
    expected.extend([0, 1, 2, 3, 4, 0xfb, 0x70, 0x17, 0xfb, 0x2c, 0x01, 2]);
    assert_eq!(redirect.encode(), expected);

    let progress = Progress {
        epoch: 1,
        seq: 2,
        rows: 3,
        first_seq: 4,
    };
    let beats = vec![Beat {
        stripe: 1,
        tick: Tick { epoch: 1, count: 5 },
        depth: 2,
    }];
    let pulse = Message::Pulse {
        beats,
        progress,
        newest_whole: None,
    };
    assert_eq!(pulse.encode(), [8, 1, 1, 1, 5, 2, 1, 2, 3, 4, 0]);

    let drop = Message::Drop {
        stripe: 1,
        cause: Cause::TooSlow,
        candidates: vec![],
    };
    assert_eq!(drop.encode(), [6, 1, 3, 0]);
    assert_eq!(Message::ProbeMe.encode(), [13]);
    assert_eq!(
        Message::Standing {
            parents: 3,
            reachable: true,
            primary: None
        }
        .encode(),
        [15, 3, 1, 0]
    );
}

#[test]
fn the_page_names_every_message_with_its_number() {
    let page = include_str!("../../../docs/protocols/overlay.md");
    let contact = Contact {
        id: ID,
        addr: loopback(),
    };
    let all = [
        ("Hello", Message::Hello(hello(1, loopback()))),
        (
            "Attach",
            Message::Attach {
                stripe: 0,
                tick: Tick::default(),
                urgent: false,
                primary: None,
                desperate: false,
                want: Want::default(),
            },
        ),
        (
            "Accept",
            Message::Accept {
                stripe: 0,
                tick: Tick::default(),
                depth: 0,
                progress: Progress::default(),
            },
        ),
        (
            "Redirect",
            Message::Redirect {
                stripe: 0,
                refusal: None,
                candidates: vec![],
            },
        ),
        ("Seek", Message::Seek { stripe: 0 }),
        ("Detach", Message::Detach { stripe: 0 }),
        (
            "Drop",
            Message::Drop {
                stripe: 0,
                cause: Cause::Lost,
                candidates: vec![],
            },
        ),
        (
            "Move",
            Message::Move {
                stripe: 0,
                candidates: vec![],
            },
        ),
        (
            "Pulse",
            Message::Pulse {
                beats: vec![],
                progress: Progress::default(),
                newest_whole: None,
            },
        ),
        ("Reports", Message::Reports(vec![])),
        (
            "Alternates",
            Message::Alternates {
                stripe: 0,
                candidates: vec![],
                siblings: vec![],
            },
        ),
        (
            "Pull",
            Message::Pull {
                seq: 0,
                stripe: 0,
                rows: vec![],
            },
        ),
        ("Leaving", Message::Leaving { candidates: vec![] }),
        ("ProbeMe", Message::ProbeMe),
        ("Probe", Message::Probe { contact }),
        (
            "Standing",
            Message::Standing {
                parents: 0,
                reachable: false,
                primary: None,
            },
        ),
    ];
    for (name, message) in all {
        let number = message.encode()[0];
        assert!(
            page.contains(&format!("| {number} | `{name}` |")),
            "{name} is number {number}"
        );
    }
    for code in 0..9 {
        let cause = Cause::from_code(code);
        assert!(
            page.contains(&format!("| {code} | {cause} |")),
            "{cause} is code {code}"
        );
    }
}

#[tokio::test]
async fn a_pushed_stream_has_the_bytes_of_the_page() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let mut link = RawPeer::new().link(origin.local_addr()).await;
    attach(&mut link, 4, Want::default()).await;
    root.publish(chunk(3, 100_000), Duration::ZERO)
        .await
        .expect("published");
    let stream = tokio::time::timeout(PATIENCE, link.conn.accept_uni()).await;
    let mut stream = stream.expect("a stream in time").expect("the link stands");
    let got = stream.read_to_end(1 << 20).await.expect("the stream ends");
    let sent = signed(3, 1, 100_000);
    let mut expected = stream_head(4, 1, 3).to_vec();
    expected.extend_from_slice(&span_frame(&sent.span));
    sent.stripe(4)
        .for_each(|block| expected.extend_from_slice(&block_frame(block)));
    assert!(got == expected, "head, span, blocks in order");
}
