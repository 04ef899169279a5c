//! Which addresses viewers are told.
//!
//! It must never know names: the operator gives addresses.

use std::net::{IpAddr, SocketAddr};

/// Candidates of one viewer; a computer with more addresses advertises the first. Each costs every viewer a check.
const MAX_CANDIDATES: usize = 8;

/// The addresses of this computer; loopback only if there is nothing else.
pub(crate) fn own() -> Vec<IpAddr> {
    let Ok(interfaces) = rtc::shared::ifaces::ifaces() else {
        return Vec::new();
    };
    let mut all: Vec<IpAddr> = interfaces
        .iter()
        .filter_map(|interface| interface.addr)
        .map(|address| address.ip())
        .collect();
    all.sort_by_key(|address| (address.is_loopback(), address.is_ipv6()));
    all.dedup();
    all
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// What is written into answers for a socket bound to `bound`.
pub(crate) fn advertised(bound: SocketAddr, wanted: &[IpAddr], own: &[IpAddr]) -> Vec<SocketAddr> {
    let fits = |address: &IpAddr| bound.is_ipv6() || address.is_ipv4();
    let mut chosen: Vec<IpAddr> = if !wanted.is_empty() {
        wanted.to_vec()
    } else if !bound.ip().is_unspecified() {
        vec![bound.ip()]
    } else {
        let all: Vec<IpAddr> = own
            .iter()
            .copied()
            .filter(|address| fits(address) && !is_link_local(address))
            .collect();
        let outside: Vec<IpAddr> = all
            .iter()
            .copied()
            .filter(|address| !address.is_loopback())
            .collect();
        if outside.is_empty() { all } else { outside }
    };
    chosen.truncate(MAX_CANDIDATES);
    chosen
        .into_iter()
        .map(|address| SocketAddr::new(address, bound.port()))
        .collect()
}

/// The candidate a datagram to `address` came to. Behind a NAT that is none of them by name, so the first of its kind.
pub(crate) fn candidate(candidates: &[SocketAddr], address: Option<IpAddr>) -> Option<SocketAddr> {
    let address = address.map(|address| address.to_canonical());
    let exact = candidates
        .iter()
        .find(|candidate| Some(candidate.ip()) == address);
    let alike = || {
        candidates.iter().find(|candidate| {
            address.is_none_or(|address| address.is_ipv4() == candidate.is_ipv4())
        })
    };
    exact.or_else(alike).or(candidates.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_is_wanted_goes_before_what_is_bound_before_what_there_is() {
        let own = [ip("10.0.0.5"), ip("127.0.0.1"), ip("fe80::1")];
        let (any, loopback) = (at("0.0.0.0:7"), at("127.0.0.1:7"));
        assert_eq!(advertised(any, &[ip("1.2.3.4")], &own), [at("1.2.3.4:7")]);
        assert_eq!(advertised(loopback, &[], &own), [loopback]);
        assert_eq!(advertised(any, &[], &own), [at("10.0.0.5:7")]);
        assert_eq!(advertised(any, &[], &own[1..]), [loopback]);
    }

    #[test]
    fn behind_a_nat_the_first_candidate_stands_for_all() {
        let outside: SocketAddr = "1.2.3.4:7".parse().expect("an address");
        let inside: SocketAddr = "10.0.0.5:7".parse().expect("an address");
        assert_eq!(
            candidate(&[outside, inside], Some(ip("10.0.0.5"))),
            Some(inside)
        );
        assert_eq!(candidate(&[outside], Some(ip("10.0.0.5"))), Some(outside));
        assert_eq!(candidate(&[], None), None);
    }
}
