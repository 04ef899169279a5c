//! A peer in the middle of its life, for the tests of what is drawn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::board::Said;
use crate::pending::{Pending, PendingFile};
use crate::status::{
    Blocks, Child, Chunks, Neighbour, Repair, Repairs, SentStripe, State, Status, Stripe,
};

fn neighbour(port: u16) -> Neighbour {
    let addr = SocketAddr::from(([192, 0, 2, 7], port));
    Neighbour {
        peer: format!("{port:08x}").repeat(8),
        addr,
        rtt_us: Some(u64::from(port)),
    }
}

pub(crate) fn status() -> Status {
    let stripe = |stripe: u8| Stripe {
        stripe,
        parent: (stripe != 3).then(|| neighbour(7_001 + u16::from(stripe))),
        backup: (stripe < 2).then(|| neighbour(7_009)),
        depth: 2,
        bytes: 12_345_678,
        bytes_per_s: 102_500,
    };
    let sent = |stripe| SentStripe {
        stripe,
        bytes: 4_096_000,
        bytes_per_s: 102_500,
    };
    let Neighbour { peer, addr, rtt_us } = neighbour(7_020);
    Status {
        identity: "0123456789abcdef".repeat(4),
        state: State::Running,
        channel: 0,
        origin: "192.0.2.1:7000".to_owned(),
        legacy: None,
        epoch: 3,
        data_stripes: 4,
        parity_stripes: 1,
        fan_out: 3,
        primary: Some(2),
        reachable: true,
        listen: "0.0.0.0:7000".to_owned(),
        pid: 4711,
        uptime_ms: 754_000,
        seq_on_air: Some(123),
        latest_stored: Some("film_00122.mkv".to_owned()),
        stripes: (0..5).map(stripe).collect(),
        children: vec![Child {
            peer,
            addr,
            rtt_us,
            stripes: vec![2, 4],
            sent: vec![sent(2), sent(4)],
        }],
        bytes_sent: 66_000_000,
        bytes_received: 64_000_000,
        bytes_per_s_sent: 512_500,
        bytes_per_s_received: 530_000,
        blocks: Blocks {
            verified: 4_000,
            refused: 1,
            restored: 17,
            duplicate: 5,
            missing: 0,
            sent: 3_900,
        },
        chunks: Chunks {
            complete: 122,
            stored: 121,
            not_stored: 1,
            ..Chunks::default()
        },
        repairs: Repairs {
            total: 2,
            latest: vec![
                Repair {
                    cause: "lost".to_owned(),
                    stripe: 3,
                    ms: 184,
                },
                Repair {
                    cause: "leaving".to_owned(),
                    stripe: 0,
                    ms: 0,
                },
            ],
        },
        pending: Pending::default(),
    }
}

pub(crate) fn pending(count: u64) -> Pending {
    let file = |seq| PendingFile {
        name: format!("film_{seq:05}.mkv"),
        seq,
        bytes: 1_020_000 + seq,
        duration_ms: 2_000,
        age_ms: (count - seq) * 2_000,
    };
    Pending {
        count,
        bytes: count * 1_020_000,
        files: (0..count).map(file).collect(),
    }
}

pub(crate) fn said(now: Instant) -> Vec<Said> {
    let at = now - Duration::from_millis(4_200);
    vec![Said {
        at,
        words: "stripe 3 repaired in 184 ms (parent: lost)".to_owned(),
        trouble: false,
    }]
}
