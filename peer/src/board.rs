//! Where notices go: a line for scripts, words into the log, and the latest words onto a board for the menus.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::lines::Lines;
use crate::notice::Notice;

/// Words that the menus can still show. A screenful.
const MAX_KEPT: usize = 64;

/// Words and when they were said.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// When.
    pub(crate) at: Instant,
    /// What.
    pub(crate) words: String,
    /// Whether somebody should know.
    pub(crate) trouble: bool,
}

/// Where notices go. Clones share it; any thread may say something.
#[derive(Clone)]
pub(crate) struct Notices {
    kept: Arc<Mutex<VecDeque<Said>>>,
    lines: Lines,
    /// Whether lines for scripts are wanted.
    headless: bool,
}

impl Notices {
    /// Lines for scripts are written if `headless`.
    pub(crate) fn new(lines: Lines, headless: bool) -> Self {
        Self {
            kept: Arc::default(),
            lines,
            headless,
        }
    }

    /// Tells everybody. Never waits.
    pub(crate) fn say(&self, notice: &Notice) {
        let (words, trouble) = (notice.words(), notice.is_trouble());
        if trouble {
            tracing::warn!("{words}");
        } else {
            tracing::info!("{words}");
        }
        if self.headless {
            self.lines.out(notice.line());
        }
        if !notice.is_usual() {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(Said {
                at: Instant::now(),
                words,
                trouble,
            });
            if kept.len() > MAX_KEPT {
                kept.pop_front();
            }
        }
    }

    /// The latest, oldest first.
    pub(crate) fn latest(&self) -> Vec<Said> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menus_keep_the_latest_unusual_words_only() {
        let lines = Lines::start(crate::lines::LogTo::Stderr).expect("a thread");
        let notices = Notices::new(lines, false);
        for seq in 0..200 {
            notices.say(&Notice::Missed { seq });
            notices.say(&Notice::Stored {
                name: "x_00000.mkv".to_owned(),
            });
        }
        let latest = notices.latest();
        assert_eq!(latest.len(), MAX_KEPT);
        assert!(
            latest
                .iter()
                .all(|said| said.trouble && said.words.contains("is lost"))
        );
        assert!(latest.last().expect("one").words.contains("199"));
    }
}
