//! Every queue is bounded: an unbounded one is a leak that waits for a slow
//! reader.

use super::Finding;
use crate::mask::{find_words, line_of};
use crate::tree::Tree;

const UNBOUNDED: [&str; 4] = [
    "unbounded_channel",
    "unbounded",
    "UnboundedSender",
    "UnboundedReceiver",
];

/// Finds unbounded channels.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for name in UNBOUNDED {
            for offset in find_words(&file.masked, name) {
                findings.push(found(&file.path, &file.masked, offset));
            }
        }
        for offset in find_words(&file.masked, "channel") {
            if is_call_without_bound(&file.masked, offset) {
                findings.push(found(&file.path, &file.masked, offset));
            }
        }
    }
    findings
}

fn found(path: &str, masked: &str, offset: usize) -> Finding {
    Finding::at(
        path,
        line_of(masked, offset),
        "an unbounded channel; give it a bound with a named constant",
    )
}

/// `channel()` and `channel::<T>()` of anything but `oneshot`, whose bound is
/// one by nature.
fn is_call_without_bound(masked: &str, offset: usize) -> bool {
    let before = &masked[..offset];
    if before.ends_with("oneshot::") || before.ends_with("fn ") || before.ends_with('.') {
        return false;
    }
    let after = masked[offset + "channel".len()..].trim_start();
    let call = match after.strip_prefix("::<") {
        Some(generic) => after_generics(generic).trim_start(),
        None => after,
    };
    call.strip_prefix('(')
        .is_some_and(|inside| inside.trim_start().starts_with(')'))
}

/// What follows the `>` that closes the generics.
fn after_generics(text: &str) -> &str {
    let mut depth = 1_u32;
    let mut previous = ' ';
    for (offset, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if previous != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[offset + 1..];
        }
        previous = letter;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    #[test]
    fn unbounded_channels_are_found() {
        for line in [
            "let (a, b) = tokio::sync::mpsc::unbounded_channel();",
            "let (a, b) = mpsc::channel();",
            "let (a, b) = std::sync::mpsc::channel::<Vec<u8>>();",
            "let (a, b) = crossbeam_channel::unbounded();",
            "tx: UnboundedSender<u8>,",
        ] {
            let found = findings(check, &[("peer/src/main.rs", line)]);
            assert_eq!(found.len(), 1, "{line}: {found:?}");
        }
    }

    #[test]
    fn bounded_ones_are_fine() {
        for line in [
            "let (a, b) = mpsc::channel(QUEUE_LEN);",
            "let (a, b) = mpsc::channel::<Vec<u8>>(QUEUE_LEN);",
            "let (a, b) = mpsc::sync_channel(1);",
            "let (a, b) = oneshot::channel();",
            "let (a, b) = oneshot::channel::<u8>();",
            "let (a, b) = watch::channel(0);",
            "let number = invite.channel();",
            "pub fn channel() -> u32 {",
        ] {
            let found = findings(check, &[("peer/src/main.rs", line)]);
            assert!(found.is_empty(), "{line}: {found:?}");
        }
    }
}
