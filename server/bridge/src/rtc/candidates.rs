//! Our addresses as lines of a description (RFC 8839 section 5.1).
//!
//! It must never know how an address was found.

use super::engine::Local;
use std::net::SocketAddr;

/// RFC 8445 section 5.1.2.2: type preferences.
const HOST: u32 = 126;
const REFLEXIVE: u32 = 100;
const RELAYED: u32 = 0;

/// RFC 8445 section 5.1.2.1, for component 1.
fn priority(kind: u32, local: u32) -> u32 {
    (kind << 24) | (local << 8) | 255
}

/// Candidates of the state machine: what is sent from them, and comes to them, says so.
pub(super) fn ours(local: &Local) -> Vec<String> {
    let udp = local.udp.iter().map(|address| (address, false));
    let all = udp.chain(local.tcp.iter().map(|address| (address, true)));
    let hosts = all.enumerate().map(|(number, (address, tcp))| {
        // RFC 6544 section 4.2: TCP below UDP.
        let preference = (if tcp { 0x7fff } else { 0xffff }) - number as u32;
        let (protocol, end) = if tcp {
            ("tcp", " tcptype passive")
        } else {
            ("udp", "")
        };
        format!(
            "candidate:{} 1 {protocol} {} {} {} typ host{end}",
            number + 1,
            priority(HOST, preference),
            address.ip(),
            address.port()
        )
    });
    let relayed = local.relayed.map(|address| {
        let base = nobody(address);
        format!(
            "candidate:relay 1 udp {} {} {} typ relay raddr {} rport 0",
            priority(RELAYED, 0xffff),
            address.ip(),
            address.port(),
            base
        )
    });
    hosts.chain(relayed).collect()
}

/// Candidates that only the viewer is told: what comes to them comes to one of [`ours`], from which the answer goes too
/// (RFC 8445 section 6.1.2.4 takes them out of the state machine's pairs).
pub(super) fn told(local: &Local) -> Vec<String> {
    let seen = local.seen.iter().enumerate();
    let lines = seen.map(|(number, address)| {
        format!(
            "candidate:seen{number} 1 udp {} {} {} typ srflx raddr {} rport 0",
            priority(REFLEXIVE, 0xffff - number as u32),
            address.ip(),
            address.port(),
            nobody(*address)
        )
    });
    lines.collect()
}

/// The related address says nothing that is of use (RFC 8839 section 5.1 allows that).
fn nobody(address: SocketAddr) -> &'static str {
    if address.is_ipv4() { "0.0.0.0" } else { "::" }
}

/// The description with more candidates, behind those of each media section that has some.
pub(super) fn with(sdp: String, lines: &[String]) -> String {
    if lines.is_empty() {
        return sdp;
    }
    let mut out = String::with_capacity(sdp.len() + lines.len() * 100);
    let mut rest = sdp.split_inclusive('\n').peekable();
    while let Some(line) = rest.next() {
        out.push_str(line);
        let is_candidate = |line: &str| line.starts_with("a=candidate:");
        if is_candidate(line) && !rest.peek().is_some_and(|next| is_candidate(next)) {
            for more in lines {
                out.push_str("a=");
                out.push_str(more);
                out.push_str("\r\n");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Local {
        let at = |text: &str| text.parse().expect("an address");
        Local {
            udp: vec![at("10.0.0.5:7"), at("[2001:db8::5]:7")],
            tcp: vec![at("10.0.0.5:8")],
            seen: vec![at("198.51.100.7:9")],
            relayed: Some(at("192.0.2.15:50000")),
        }
    }

    #[test]
    fn each_address_is_told_as_what_it_is_the_better_the_earlier() {
        let lines = [ours(&local()), told(&local())].concat();
        let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        let kinds: Vec<&str> = words.iter().map(|words| words[7]).collect();
        assert_eq!(kinds, ["host", "host", "host", "relay", "srflx"]);
        assert!(lines[2].contains(" tcp ") && lines[2].ends_with(" tcptype passive"));
        let priority = |at: usize| words[at][3].parse::<u32>().expect("a number");
        assert!(priority(0) > priority(1) && priority(1) > priority(2));
        assert!(priority(2) > priority(4) && priority(4) > priority(3));
        let mut foundations: Vec<&str> = words.iter().map(|words| words[0]).collect();
        foundations.sort_unstable();
        foundations.dedup();
        assert_eq!(foundations.len(), lines.len());
    }

    #[test]
    fn more_candidates_stand_behind_those_that_are_there() {
        let sdp = "v=0\r\nm=video\r\na=candidate:1 x\r\na=candidate:2 x\r\na=end-of-candidates\r\nm=audio\r\n";
        let more = ["candidate:3 x".to_owned()];
        let wanted = sdp.replace(
            "a=candidate:2 x\r\n",
            "a=candidate:2 x\r\na=candidate:3 x\r\n",
        );
        assert_eq!(with(sdp.into(), &more), wanted);
        assert_eq!(with(sdp.into(), &[]), sdp);
    }
}
