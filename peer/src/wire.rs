//! The old server's words: what is asked of it, and what comes from it. Pure; docs/protocols/legacy-6060.md has the whole.
//!
//! This file must never know a socket or a clock.

use std::net::IpAddr;

/// Bytes of a list of receivers at most: some four thousand addresses.
pub const MAX_LIST_LEN: usize = 64 * 1024;
/// Receivers of a list that are looked at: a real old server has one or a few. A guess.
pub const MAX_RECEIVERS: usize = 16;

/// What is asked of an old server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Add me to the channel.
    Add,
    /// Who receives it?
    List,
    /// Remove me.
    Remove,
}

/// The request as it goes on the wire: two digits and the channel's.
pub fn request(ask: Ask, channel: u8) -> [u8; 3] {
    let code = match ask {
        Ask::Add => b'0',
        Ask::List => b'1',
        Ask::Remove => b'2',
    };
    [b'1', code, b'0' + channel.min(9)]
}

/// What a connection from the old server brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// We are a receiver now.
    Accepted,
    /// The channel is full.
    Full,
    /// The receivers: the other way of answering.
    List,
    /// Nothing at all.
    Empty,
    /// Something else: a block, if it is one.
    Block,
}

/// Sorts what a connection brought.
pub fn sort(bytes: &[u8]) -> Word {
    match bytes.trim_ascii() {
        b"" => Word::Empty,
        b"10" => Word::Accepted,
        b"00" => Word::Full,
        [b'[', .., b']'] if bytes.len() <= MAX_LIST_LEN && bytes.is_ascii() => Word::List,
        _ => Word::Block,
    }
}

/// Why an answer is no list of receivers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Longer than any list.
    #[error("{0} bytes are too many for a list of receivers")]
    Long(usize),
    /// Not in brackets.
    #[error("a list of receivers is written ['10.0.0.2', '10.0.0.3']")]
    Form,
    /// No address.
    #[error("{0:?} is no IP address")]
    Address(String),
}

/// Reads `['10.0.0.2', '10.0.0.3']`; of a longer one the first [`MAX_RECEIVERS`].
///
/// # Errors
/// When it is no such list, or too long for one.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<IpAddr>, ListError> {
    if bytes.len() > MAX_LIST_LEN {
        return Err(ListError::Long(bytes.len()));
    }
    let ascii = Some(bytes.trim_ascii()).filter(|bytes| bytes.is_ascii());
    let inner = ascii
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .ok_or(ListError::Form)?
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .ok_or(ListError::Form)?;
    if inner.trim().is_empty() {
        return Ok(Vec::new());
    }
    let entries = inner.split(',').take(MAX_RECEIVERS).map(|entry| {
        let entry = entry.trim().trim_matches(['\'', '"']);
        let shown = || ListError::Address(entry.chars().take(64).collect());
        entry.parse().map_err(|_| shown())
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_two_digits_and_the_channels() {
        assert_eq!(&request(Ask::Add, 0), b"100");
        assert_eq!(&request(Ask::List, 9), b"119");
        assert_eq!(&request(Ask::Remove, 3), b"123");
    }

    #[test]
    fn a_connection_is_an_answer_a_list_or_a_block() {
        assert_eq!(sort(b"10"), Word::Accepted);
        assert_eq!(sort(b"00\r\n"), Word::Full);
        assert_eq!(sort(b""), Word::Empty);
        assert_eq!(sort(b" \n"), Word::Empty);
        assert_eq!(sort(b"[]"), Word::List);
        assert_eq!(sort(b"['10.0.0.2']"), Word::List);
        assert_eq!(sort(b"\x1a\x45\xdf\xa3"), Word::Block);
        assert_eq!(sort(b"[\xff]"), Word::Block);
        assert_eq!(sort(b"100"), Word::Block);
    }

    #[test]
    fn a_list_reads_as_python_writes_it() {
        let list = parse_list(b"['10.0.0.2', '10.0.0.3']").expect("a list");
        assert_eq!(
            list,
            ["10.0.0.2", "10.0.0.3"].map(|ip| ip.parse::<IpAddr>().expect("one"))
        );
        assert_eq!(parse_list(b" [] \n"), Ok(Vec::new()));
        assert_eq!(
            parse_list(br#"["::1"]"#),
            Ok(vec![IpAddr::from(std::net::Ipv6Addr::LOCALHOST)])
        );
    }

    #[test]
    fn what_is_no_list_is_refused_and_long_ones_are_bounded() {
        for wrong in [
            &b""[..],
            b"10",
            b"['x']",
            b"[1.2.3.4",
            b"[,]",
            b"[\xff]",
            b"['10.0.0.2' '10.0.0.3']",
        ] {
            assert!(parse_list(wrong).is_err(), "{wrong:?} was taken");
        }
        let long = format!("[{}]", vec!["'10.0.0.2'"; 6_000].join(", "));
        assert_eq!(
            parse_list(long.as_bytes()),
            Err(ListError::Long(long.len()))
        );
        let many = format!("[{}]", vec!["'10.0.0.2'"; 1_000].join(", "));
        assert_eq!(
            parse_list(many.as_bytes()).map(|list| list.len()),
            Ok(MAX_RECEIVERS)
        );
    }
}
