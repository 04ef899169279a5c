//! How a row is coded: K data blocks and M parity blocks.

use std::fmt;
use std::str::FromStr;

use crate::{MAX_DATA, MAX_PARITY, MAX_STRIPES};

/// K data blocks and M parity blocks a row; a channel's setting. Written `K+M`, for example `4+1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coding {
    data: u8,
    parity: u8,
}

/// A coding outside of the bounds, or not written as `K+M`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// K is zero or too large.
    #[error("{0} data blocks a row: 1 to {MAX_DATA} are possible")]
    Data(u8),
    /// M is too large.
    #[error("{0} parity blocks a row: 0 to {MAX_PARITY} are possible")]
    Parity(u8),
    /// K + M is too large.
    #[error("{0} stripes: at most {MAX_STRIPES} are possible, data and parity together")]
    Stripes(usize),
    /// The text is not `K+M`.
    #[error("stripes must be written K+M, for example 4+1")]
    Text,
}

impl Coding {
    /// `data` (K, 1 to 16) and `parity` (M, 0 to 8) blocks a row, together at most [`MAX_STRIPES`].
    ///
    /// # Errors
    /// When a number is out of its bounds.
    pub fn new(data: u8, parity: u8) -> Result<Self, CodingError> {
        let stripes = usize::from(data) + usize::from(parity);
        if data == 0 || data > MAX_DATA {
            Err(CodingError::Data(data))
        } else if parity > MAX_PARITY {
            Err(CodingError::Parity(parity))
        } else if stripes > MAX_STRIPES {
            Err(CodingError::Stripes(stripes))
        } else {
            Ok(Self { data, parity })
        }
    }

    /// K: data blocks a row.
    pub fn data(self) -> u8 {
        self.data
    }

    /// M: parity blocks a row.
    pub fn parity(self) -> u8 {
        self.parity
    }

    /// S = K + M: blocks a row, and so stripes of the channel.
    pub fn stripes(self) -> u8 {
        self.data + self.parity
    }
}

impl Default for Coding {
    /// 4+1.
    fn default() -> Self {
        Self { data: 4, parity: 1 }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.data, self.parity)
    }
}

impl FromStr for Coding {
    type Err = CodingError;

    fn from_str(text: &str) -> Result<Self, CodingError> {
        let (data, parity) = text.split_once('+').ok_or(CodingError::Text)?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u8>().ok()).flatten()
        };
        match (number(data), number(parity)) {
            (Some(data), Some(parity)) => Self::new(data, parity),
            _ => Err(CodingError::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_coding_reads_back() {
        let coding: Coding = "4+1".parse().expect("the default");
        assert_eq!(coding, Coding::default());
        assert_eq!(coding.to_string(), "4+1");
        assert_eq!(coding.stripes(), 5);
    }

    #[test]
    fn a_coding_out_of_bounds_is_refused_with_the_bound() {
        assert_eq!("0+1".parse::<Coding>(), Err(CodingError::Data(0)));
        assert_eq!("17+0".parse::<Coding>(), Err(CodingError::Data(17)));
        assert_eq!("4+9".parse::<Coding>(), Err(CodingError::Parity(9)));
        assert_eq!("12+5".parse::<Coding>(), Err(CodingError::Stripes(17)));
        for text in [
            "", "4", "+", "4+", "+1", "4+1+1", "4 + 1", "-4+1", "++1", "300+1",
        ] {
            assert_eq!(text.parse::<Coding>(), Err(CodingError::Text), "{text}");
        }
    }
}
