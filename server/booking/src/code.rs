//! Which code is given next: at random among the free ones, and none again soon after it ended.

use std::collections::{BTreeSet, VecDeque};

use crate::decision::Refusal;
use crate::ledger::Ledger;
use crate::model::Code;

/// Codes that rest after their end, the latest ones. A tenth of all: somebody who comes late with an old code should
/// not find other people's session, and nine tenths are enough to give.
pub const RESTING_CODES: usize = 1_000;

/// Candidates that are drawn before the free codes are counted. With half of the codes in use, one in 2^16 draws
/// comes to the counting.
const DRAWS: usize = 16;

/// The codes that ended last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resting {
    order: VecDeque<Code>,
    set: BTreeSet<Code>,
}

impl Resting {
    /// Lets a code rest; the one that rests for longest gives way if there are too many.
    pub(crate) fn rest(&mut self, code: Code) {
        if !self.set.insert(code) {
            return;
        }
        self.order.push_back(code);
        if self.order.len() > RESTING_CODES
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }

    /// The code is in use.
    pub(crate) fn wake(&mut self, code: Code) {
        if self.set.remove(&code) {
            self.order.retain(|resting| *resting != code);
        }
    }

    pub(crate) fn contains(&self, code: Code) -> bool {
        self.set.contains(&code)
    }
}

/// A code that nothing has, out of uniformly random candidates. A code that ended lately is taken only when no other is
/// free: then the one that rests for longest.
///
/// # Errors
/// [`Refusal::NoCodeFree`] when all are in use.
pub(crate) fn draw(
    ledger: &Ledger,
    candidates: &mut impl FnMut() -> Code,
) -> Result<Code, Refusal> {
    let rested = |code: Code| ledger.is_free(code) && !ledger.resting.contains(code);
    for _ in 0..DRAWS {
        let code = candidates();
        if rested(code) {
            return Ok(code);
        }
    }
    let free: Vec<Code> = (0..Code::COUNT)
        .filter_map(Code::new)
        .filter(|code| rested(*code))
        .collect();
    if free.is_empty() {
        let oldest = ledger
            .resting
            .order
            .iter()
            .find(|code| ledger.is_free(**code));
        return oldest.copied().ok_or(Refusal::NoCodeFree);
    }
    Ok(free[usize::from(candidates().number()) % free.len()])
}
