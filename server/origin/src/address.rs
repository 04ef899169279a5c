//! Which address goes into an invite.

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Somewhere far away (documentation addresses, RFC 5737 and RFC 3849): only the way there is asked for, nothing is sent.
const FAR_V4: (&str, u16) = ("203.0.113.1", 9);
const FAR_V6: (&str, u16) = ("2001:db8::1", 9);

/// The `host:port` for invites of an origin that listens at `bound`, and where it was taken from.
pub(crate) fn for_invite(advertise: Option<&str>, bound: SocketAddr) -> (String, &'static str) {
    if let Some(advertise) = advertise {
        return (advertise.to_owned(), "as configured");
    }
    if !bound.ip().is_unspecified() {
        return (bound.to_string(), "where it listens");
    }
    let outward = outward(FAR_V4).or_else(|| outward(FAR_V6).filter(|_| bound.is_ipv6()));
    match outward {
        Some(ip) => {
            let addr = SocketAddr::new(ip, bound.port());
            (addr.to_string(), "this machine's address towards others")
        }
        None => {
            let addr = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), bound.port());
            (addr.to_string(), "this machine has no way to others")
        }
    }
}

/// The source address that the kernel would choose; sends nothing.
fn outward(far: (&str, u16)) -> Option<IpAddr> {
    let far: SocketAddr = SocketAddr::new(far.0.parse().ok()?, far.1);
    let any: IpAddr = if far.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(far).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_is_configured_wins_and_what_is_bound_comes_next() {
        let bound = addr("127.0.0.1:7000");
        let configured = Some("tv.example.org:80");
        assert_eq!(for_invite(configured, bound).0, "tv.example.org:80");
        assert_eq!(for_invite(None, bound).0, "127.0.0.1:7000");
        assert_eq!(for_invite(None, addr("[::1]:7000")).0, "[::1]:7000");
    }

    #[test]
    fn an_unspecified_address_never_stands_in_an_invite() {
        for bound in ["0.0.0.0:7000", "[::]:7000"] {
            let (chosen, _) = for_invite(None, addr(bound));
            let chosen = addr(&chosen);
            assert!(!chosen.ip().is_unspecified(), "{chosen}");
            assert_eq!(chosen.port(), 7000);
        }
    }
}
