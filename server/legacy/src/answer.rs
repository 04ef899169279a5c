//! What the server says, as bytes. Pure.
//!
//! This file must never know on which connection an answer goes.

use std::net::IpAddr;

/// Answers `10X`: the caller is on the channel.
pub(crate) const ACCEPTED: &[u8] = b"10";

/// Answers `10X`: the channel is full.
pub(crate) const FULL: &[u8] = b"00";

/// Answers `11X`: the addresses as the original prints its list, `['10.0.0.2', '10.0.0.3']`.
pub(crate) fn list(addresses: &[IpAddr]) -> String {
    let quoted: Vec<String> = addresses.iter().map(|ip| format!("'{ip}'")).collect();
    format!("[{}]", quoted.join(", "))
}

/// Answers `13X`: a decimal number.
pub(crate) fn count(clients: usize) -> String {
    clients.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_as_the_original_writes_it() {
        let ips: Vec<IpAddr> = ["10.0.0.2", "10.0.0.3", "2001:db8::1"]
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        assert_eq!(list(&[]), "[]");
        assert_eq!(list(&ips[..1]), "['10.0.0.2']");
        assert_eq!(list(&ips), "['10.0.0.2', '10.0.0.3', '2001:db8::1']");
        assert_eq!(count(0), "0");
        assert_eq!(count(1_500), "1500");
    }
}
