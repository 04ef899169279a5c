//! What an old client asks, as bytes: `<code><channel>`, two digits and one. Pure.
//!
//! This file must never know sockets, or which channels there are.

/// Bytes of a request at most, white space included: the original server reads no more.
pub const MAX_REQUEST_LEN: usize = 1024;

/// Channels that one digit can name.
pub const CHANNELS: usize = 10;

/// A request of one digit's channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `10X`: add the caller to channel X.
    Join(u8),
    /// `11X`: who receives channel X.
    List(u8),
    /// `12X`: remove the caller from channel X.
    Leave(u8),
    /// `13X`: how many receive channel X.
    Count(u8),
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Nothing but white space came.
    #[error("an empty request")]
    Empty,
    /// Not three characters.
    #[error("a request of another length than three digits")]
    Length,
    /// More than [`MAX_REQUEST_LEN`] bytes.
    #[error("a request of more than {MAX_REQUEST_LEN} bytes")]
    TooLong,
    /// Three bytes that are not all digits.
    #[error("a request of something else than digits")]
    NotDigits,
    /// Digits, but not 10, 11, 12 or 13 before the channel.
    #[error("a request with the unknown code {0:02}")]
    UnknownCode(u8),
    /// A channel that is not broadcast.
    #[error("a request for channel {0}, which is not broadcast")]
    UnknownChannel(u8),
}

/// How far a request has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Good so far; more bytes are needed.
    More,
    /// Whole, or beyond repair.
    Done(Result<Request, BadRequest>),
}

impl Request {
    /// Reads a whole request; ASCII white space around it is ignored.
    ///
    /// # Errors
    /// Whatever is not exactly a request.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRequest> {
        if bytes.len() > MAX_REQUEST_LEN {
            return Err(BadRequest::TooLong);
        }
        let [tens, ones, channel] = *trim(bytes) else {
            return Err(if trim(bytes).is_empty() {
                BadRequest::Empty
            } else {
                BadRequest::Length
            });
        };
        let (Some(tens), Some(ones), Some(channel)) = (digit(tens), digit(ones), digit(channel))
        else {
            return Err(BadRequest::NotDigits);
        };
        match (tens, ones) {
            (1, 0) => Ok(Self::Join(channel)),
            (1, 1) => Ok(Self::List(channel)),
            (1, 2) => Ok(Self::Leave(channel)),
            (1, 3) => Ok(Self::Count(channel)),
            _ => Err(BadRequest::UnknownCode(tens * 10 + ones)),
        }
    }

    /// Looks at what has come so far; `ended`: nothing more will come.
    ///
    /// A client waits for its answer with the connection open, so three characters are a request at once.
    pub fn progress(bytes: &[u8], ended: bool) -> Progress {
        let text = bytes.iter().skip_while(|byte| is_space(**byte)).count();
        if !ended && text < 3 && bytes.len() <= MAX_REQUEST_LEN {
            return Progress::More;
        }
        Progress::Done(Self::parse(bytes))
    }

    /// The channel it names, below [`CHANNELS`].
    pub fn channel(self) -> u8 {
        match self {
            Self::Join(channel)
            | Self::List(channel)
            | Self::Leave(channel)
            | Self::Count(channel) => channel,
        }
    }

    /// As it is on the wire.
    pub fn to_bytes(self) -> [u8; 3] {
        let ones = match self {
            Self::Join(_) => b'0',
            Self::List(_) => b'1',
            Self::Leave(_) => b'2',
            Self::Count(_) => b'3',
        };
        [b'1', ones, b'0' + self.channel()]
    }
}

/// What the original's own `strip` takes away, of ASCII.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ')
}

fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_space(*byte));
    let end = bytes.iter().rposition(|byte| !is_space(*byte));
    match (start, end) {
        (Some(start), Some(end)) => &bytes[start..=end],
        _ => &[],
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_requests_are_read_with_and_without_white_space() {
        for (text, wanted) in [
            ("100", Request::Join(0)),
            ("109", Request::Join(9)),
            (" \r\n114\r\n", Request::List(4)),
            ("121\t", Request::Leave(1)),
            ("\x0b132\x1f", Request::Count(2)),
        ] {
            assert_eq!(Request::parse(text.as_bytes()), Ok(wanted), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_reason() {
        let long = vec![b' '; MAX_REQUEST_LEN + 1];
        for (bytes, why) in [
            (&b""[..], BadRequest::Empty),
            (b" \r\n", BadRequest::Empty),
            (b"1", BadRequest::Length),
            (b"10", BadRequest::Length),
            (b"1000", BadRequest::Length),
            (b"100\0", BadRequest::Length),
            (b"1 0 0", BadRequest::Length),
            (b"10X", BadRequest::NotDigits),
            (b"-10", BadRequest::NotDigits),
            (b"1.0", BadRequest::NotDigits),
            (b"\xff\xfe\x00", BadRequest::NotDigits),
            ("١٠٠".as_bytes(), BadRequest::Length),
            (b"140", BadRequest::UnknownCode(14)),
            (b"090", BadRequest::UnknownCode(9)),
            (b"001", BadRequest::UnknownCode(0)),
            (&long, BadRequest::TooLong),
        ] {
            assert_eq!(Request::parse(bytes), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn a_request_is_whole_at_its_third_character_and_not_before() {
        for (bytes, wanted) in [
            (&b""[..], Progress::More),
            (b"1", Progress::More),
            (b"  10", Progress::More),
            (b"100", Progress::Done(Ok(Request::Join(0)))),
            (b"10 ", Progress::Done(Err(BadRequest::Length))),
            (b"1000", Progress::Done(Err(BadRequest::Length))),
        ] {
            assert_eq!(Request::progress(bytes, false), wanted, "{bytes:?}");
        }
        let ended = Progress::Done(Err(BadRequest::Length));
        assert_eq!(Request::progress(b"10", true), ended);
        let spaces = vec![b' '; MAX_REQUEST_LEN];
        assert_eq!(Request::progress(&spaces, false), Progress::More);
        let spaces = vec![b' '; MAX_REQUEST_LEN + 1];
        let too_long = Progress::Done(Err(BadRequest::TooLong));
        assert_eq!(Request::progress(&spaces, false), too_long);
    }
}
