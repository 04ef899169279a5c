//! A picture of the forest, made of what the peers say about their parents.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ::tests::Status;

/// Draws the tree of one stripe. `peers` are names and statuses; whoever is nobody's child here hangs below `origin`.
/// A peer without a parent in the stripe is named at the end.
pub fn draw(stripe: u8, origin: &str, peers: &[(String, Status)]) -> String {
    let names: BTreeMap<&str, &str> = peers
        .iter()
        .map(|(name, status)| (status.identity.as_str(), name.as_str()))
        .collect();
    let mut children: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut lost = Vec::new();
    for (at, (name, status)) in peers.iter().enumerate() {
        let parent = status
            .stripes
            .iter()
            .find(|s| s.stripe == stripe)
            .and_then(|s| s.parent.as_ref());
        match parent {
            Some(parent) if names.contains_key(parent.peer.as_str()) => {
                children.entry(parent.peer.as_str()).or_default().push(at);
            }
            Some(_) => children.entry("").or_default().push(at),
            None => lost.push(name.as_str()),
        }
    }
    let mut picture = format!("{origin}\n");
    // A peer is in the picture once even if statuses of different moments seem to make a ring.
    let mut drawn = vec![false; peers.len()];
    branch(&mut picture, "", "", &children, peers, &mut drawn);
    if !lost.is_empty() {
        let _ = writeln!(picture, "(without a parent: {})", lost.join(", "));
    }
    picture
}

fn branch(
    picture: &mut String,
    parent: &str,
    indent: &str,
    children: &BTreeMap<&str, Vec<usize>>,
    peers: &[(String, Status)],
    drawn: &mut [bool],
) {
    let below = children.get(parent).map_or(&[][..], Vec::as_slice);
    for (nth, at) in below.iter().enumerate() {
        if std::mem::replace(&mut drawn[*at], true) {
            continue;
        }
        let (name, status) = &peers[*at];
        let last = nth + 1 == below.len();
        let (fork, more) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(picture, "{indent}{fork}{name}");
        branch(
            picture,
            &status.identity,
            &format!("{indent}{more}"),
            children,
            peers,
            drawn,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, parent: Option<&str>) -> (String, Status) {
        let parent = parent.map(|id| serde_json::json!({ "peer": id, "addr": "127.0.0.1:1" }));
        let status = serde_json::json!({
            "identity": format!("id-{name}"), "state": "running", "channel": 0, "epoch": 1, "fan_out": 3,
            "listen": "127.0.0.1:1", "pid": 1, "uptime_ms": 1, "children": [],
            "stripes": [{ "stripe": 0, "parent": parent, "depth": 1, "bytes": 0 }],
            "bytes_sent": 0, "bytes_received": 0, "blocks": serde_json::json!({
                "verified": 0, "refused": 0, "restored": 0, "duplicate": 0, "missing": 0, "sent": 0 }),
            "chunks": serde_json::json!({ "complete": 0, "missing": 0, "stored": 0, "not_stored": 0,
                "evicted": 0, "disk_full": false }),
            "repairs": { "total": 0, "latest": [] }, "pending": { "count": 0, "bytes": 0, "files": [] },
        });
        (
            name.to_owned(),
            serde_json::from_value(status).expect("a status"),
        )
    }

    #[test]
    fn a_tree_is_drawn_as_a_tree() {
        let peers = [
            peer("a", Some("origin")),
            peer("b", Some("id-a")),
            peer("c", Some("id-a")),
            peer("d", Some("id-b")),
            peer("e", Some("origin")),
            peer("f", None),
        ];
        let expected = "origin\n├─ a\n│  ├─ b\n│  │  └─ d\n│  └─ c\n└─ e\n(without a parent: f)\n";
        assert_eq!(draw(0, "origin", &peers), expected);
    }

    #[test]
    fn statuses_that_contradict_each_other_do_not_hang_it() {
        let peers = [peer("a", Some("id-b")), peer("b", Some("id-a"))];
        assert_eq!(draw(0, "origin", &peers), "origin\n");
    }
}
