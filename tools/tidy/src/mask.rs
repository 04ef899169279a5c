//! Rust source with comments and the insides of literals blanked, so that the
//! rules can look for words without being fooled by prose or by strings.
//!
//! Lengths and line breaks are kept: an offset in the masked text is the same
//! place in the source. It knows nothing of grammar beyond tokens.

/// Blanks comments and the contents of string and character literals.
pub(crate) fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if !follows_word(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            b'\'' => match char_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).expect("only whole tokens were replaced, and by spaces")
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word_byte(bytes[at - 1])
}

/// Whether a byte can be part of an identifier (non-ASCII letters count).
pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_u32;
    let mut index = at;
    while index < bytes.len() {
        if bytes[index..].starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if bytes[index..].starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut index = quote + 1;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' => index += 2,
            b'"' => return index + 1,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`; nothing if it is not one.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut index = at;
    if matches!(bytes[index], b'b' | b'c') {
        index += 1;
    }
    if bytes.get(index) != Some(&b'r') {
        return None;
    }
    index += 1;
    let hashes = bytes[index..].iter().take_while(|&&b| b == b'#').count();
    index += hashes;
    if bytes.get(index) != Some(&b'"') {
        return None;
    }
    index += 1;
    while index < bytes.len() {
        let closes = bytes[index] == b'"'
            && bytes[index + 1..].len() >= hashes
            && bytes[index + 1..index + 1 + hashes]
                .iter()
                .all(|&b| b == b'#');
        if closes {
            return Some(index + 1 + hashes);
        }
        index += 1;
    }
    Some(bytes.len())
}

/// The end of a character literal; nothing if the quote begins a lifetime.
fn char_end(bytes: &[u8], quote: usize) -> Option<usize> {
    if bytes.get(quote + 1) == Some(&b'\\') {
        let close = bytes.get(quote + 3..)?.iter().position(|&b| b == b'\'')?;
        return Some(quote + 3 + close + 1);
    }
    let first = *bytes.get(quote + 1)?;
    let width = match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (bytes.get(quote + 1 + width) == Some(&b'\'')).then_some(quote + width + 2)
}

/// The 1-based line of an offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
        + 1
}

/// The offsets at which `needle` stands as whole words: what comes before and
/// after it is not part of an identifier.
pub(crate) fn find_words<'a>(
    text: &'a str,
    needle: &'a str,
) -> impl Iterator<Item = usize> + use<'a> {
    let bytes = text.as_bytes();
    text.match_indices(needle)
        .map(|(offset, _)| offset)
        .filter(move |&offset| {
            let end = offset + needle.len();
            !follows_word(bytes, offset) && !bytes.get(end).is_some_and(|&b| is_word_byte(b))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_comments_and_strings_are_blanked_and_code_stays() {
        let source = "let a = \"fs \\\" fs\"; // fs\n/* fs /* fs */ fs */ b(fs);\n";
        let masked = mask(source);
        assert_eq!(masked.len(), source.len());
        assert_eq!(find_words(&masked, "fs").count(), 1);
        assert_eq!(line_of(&masked, masked.find("fs").expect("kept")), 2);
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        let masked = mask("let a = r#\"x \" fs\"#; let b = br\"fs\"; fs");
        assert_eq!(find_words(&masked, "fs").count(), 1);
    }

    #[test]
    fn a_lifetime_is_not_the_beginning_of_a_character() {
        let masked = mask("fn f<'a>(x: &'a str) { let q = '\"'; let e = '\\''; fs }");
        assert!(masked.contains("fn f<'a>(x: &'a str)"));
        assert_eq!(find_words(&masked, "fs").count(), 1);
    }

    #[test]
    fn a_word_inside_a_longer_word_does_not_count() {
        assert_eq!(find_words("offset fs2 my_fs", "fs").count(), 0);
        assert_eq!(
            find_words("std::fs::read(fs)", "fs").collect::<Vec<_>>(),
            [5, 14]
        );
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        for source in ["\"abc", "r#\"abc", "/* abc", "'\\", "'"] {
            assert_eq!(mask(source).len(), source.len());
        }
    }
}
