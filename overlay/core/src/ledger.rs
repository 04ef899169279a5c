//! Which blocks are there, which are due, and which must be asked of neighbours. Bitmaps only: it never sees media.
//!
//! The window of chunks moves with signed spans only, never with a neighbour's unsigned word on the broadcast's progress.

use std::collections::{BTreeMap, VecDeque};

use crate::params::Params;
use crate::tick::Progress;
use crate::time::{Span, Time};
use crate::wire::{MAX_BITMAP_LEN, MAX_WANT_CHUNKS, Want};

/// Rows of one chunk at most: what a bitmap of [`MAX_BITMAP_LEN`] bytes holds.
pub const MAX_ROWS: u32 = (MAX_BITMAP_LEN * 8) as u32;
/// Moments of the broadcast's progress that are remembered: at one a heartbeat (50 ms), 6 s.
const MAX_MARKS: usize = 128;
/// Pulls sent in one go; what is left is asked for at the next retry. A guess: 64 messages are a few KiB.
const MAX_PULLS: usize = 64;
/// A progress that runs ahead of every signed span by more than this is not believed.
const MAX_LEAD_CHUNKS: u64 = 4;

/// A want's `from_seq` that says "from the newest chunk that you have whole".
pub const FROM_NEWEST: u64 = u64::MAX;

#[derive(Debug, Clone)]
struct ChunkLedger {
    epoch: u64,
    rows: u32,
    ended: bool,
    whole: bool,
    have: Vec<Vec<u8>>,
    count: Vec<u8>,
    pulled_at: Option<Time>,
}

impl ChunkLedger {
    fn new(epoch: u64, stripes: usize) -> Self {
        Self {
            epoch,
            rows: 0,
            ended: false,
            whole: false,
            have: vec![Vec::new(); stripes],
            count: Vec::new(),
            pulled_at: None,
        }
    }

    fn grow(&mut self, rows: u32) {
        let rows = rows.min(MAX_ROWS);
        if rows > self.rows {
            self.rows = rows;
            self.count.resize(rows as usize, 0);
            for map in &mut self.have {
                map.resize((rows as usize).div_ceil(8), 0);
            }
        }
    }
}

fn bit(map: &[u8], row: u32) -> bool {
    map.get((row / 8) as usize)
        .is_some_and(|byte| byte & (1 << (row % 8)) != 0)
}

fn set_bit(map: &mut [u8], row: u32) {
    map[(row / 8) as usize] |= 1 << (row % 8);
}

/// Blocks to ask a neighbour for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The chunk.
    pub seq: u64,
    /// The stripe.
    pub stripe: u8,
    /// The rows; empty: all.
    pub rows: Vec<u8>,
}

/// What left the window.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Chunks that were broadcast in our time and never became whole.
    pub missed: Vec<u64>,
    /// The window's new start, if it moved.
    pub forget_before: Option<u64>,
}

/// The books of one channel's blocks within the window.
#[derive(Debug)]
pub struct Ledger {
    data: u8,
    stripes: u8,
    window: u64,
    chunks: BTreeMap<u64, ChunkLedger>,
    from_seq: Option<u64>,
    low: u64,
    newest: Option<u64>,
    newest_whole: Option<u64>,
    progress: Progress,
    marks: VecDeque<(Time, u64, u32)>,
    /// Chunks that became whole, ever.
    pub whole_total: u64,
    /// Chunks that were missed, ever.
    pub missed_total: u64,
}

impl Ledger {
    /// Empty books of a channel with `data` + `parity` stripes.
    pub fn new(data: u8, parity: u8, params: &Params) -> Self {
        Self {
            data,
            stripes: data + parity,
            window: params.window_chunks,
            chunks: BTreeMap::new(),
            from_seq: None,
            low: 0,
            newest: None,
            newest_whole: None,
            progress: Progress::default(),
            marks: VecDeque::new(),
            whole_total: 0,
            missed_total: 0,
        }
    }

    /// How far the broadcast has come, as far as is known here.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The newest chunk that is whole here.
    pub fn newest_whole(&self) -> Option<u64> {
        self.newest_whole
    }

    /// The first chunk that this node wants, once it is known.
    pub fn from_seq(&self) -> Option<u64> {
        self.from_seq
    }

    /// Sets the first wanted chunk, if that was not known.
    pub fn start_at(&mut self, seq: u64) {
        if self.from_seq.is_none() {
            self.from_seq = Some(seq);
            self.low = self.low.max(seq);
        }
    }

    /// Takes a neighbour's word on the broadcast's progress. Returns whether it is news.
    pub fn hear_progress(&mut self, now: Time, progress: Progress) -> bool {
        let believable = self
            .newest
            .is_none_or(|newest| progress.seq <= newest + MAX_LEAD_CHUNKS);
        if progress <= self.progress || !believable {
            return false;
        }
        self.progress = progress;
        self.marks.push_back((now, progress.seq, progress.rows));
        if self.marks.len() > MAX_MARKS {
            self.marks.pop_front();
        }
        true
    }

    /// A signed span: the chunk has at least `rows` rows in this epoch. Moves the window.
    pub fn span(&mut self, now: Time, epoch: u64, seq: u64, rows: u32, last: bool) -> Moved {
        if seq < self.low {
            return Moved::default();
        }
        self.start_at(seq);
        let stripes = usize::from(self.stripes);
        let chunk = self
            .chunks
            .entry(seq)
            .or_insert_with(|| ChunkLedger::new(epoch, stripes));
        if epoch > chunk.epoch && !chunk.whole {
            *chunk = ChunkLedger::new(epoch, stripes);
        }
        if epoch == chunk.epoch {
            chunk.grow(rows);
            chunk.ended |= last;
        }
        if self.newest.is_none_or(|newest| seq > newest) {
            self.newest = Some(seq);
        }
        let first_seq = if self.progress.epoch == epoch {
            self.progress.first_seq
        } else {
            seq
        };
        self.hear_progress(
            now,
            Progress {
                epoch,
                seq,
                rows: 0,
                first_seq,
            },
        );
        self.advance_window()
    }

    fn advance_window(&mut self) -> Moved {
        let Some(newest) = self.newest else {
            return Moved::default();
        };
        let low = (newest + 1).saturating_sub(self.window);
        if low <= self.low {
            return Moved::default();
        }
        let mut moved = Moved {
            missed: Vec::new(),
            forget_before: Some(low),
        };
        let wanted_from = self.from_seq.unwrap_or(low).max(self.low);
        // A jump by more than two windows is a restart of the channel's clock, not a loss that can be listed.
        let listed_from = wanted_from.max(low.saturating_sub(2 * self.window));
        for seq in listed_from..low {
            let missed = match self.chunks.get(&seq) {
                Some(chunk) => !chunk.whole,
                None => self.progress.first_seq <= seq,
            };
            if missed {
                moved.missed.push(seq);
            }
        }
        self.missed_total += moved.missed.len() as u64;
        self.chunks = self.chunks.split_off(&low);
        self.low = low;
        moved
    }

    /// A block is there. Returns false if it was there before, or is outside the window.
    pub fn block(&mut self, seq: u64, row: u32, stripe: u8) -> bool {
        let Some(chunk) = self.chunks.get_mut(&seq) else {
            return false;
        };
        if row >= chunk.rows || stripe >= self.stripes || bit(&chunk.have[usize::from(stripe)], row)
        {
            return false;
        }
        set_bit(&mut chunk.have[usize::from(stripe)], row);
        chunk.count[row as usize] += 1;
        true
    }

    /// Rows that were given out by the root itself: the broadcast's progress.
    pub fn published(&mut self, now: Time, epoch: u64, seq: u64, rows: u32, first_seq: u64) {
        self.hear_progress(
            now,
            Progress {
                epoch,
                seq,
                rows,
                first_seq,
            },
        );
    }

    /// All of a chunk is there.
    pub fn whole(&mut self, seq: u64) {
        let Some(chunk) = self.chunks.get_mut(&seq).filter(|chunk| !chunk.whole) else {
            return;
        };
        chunk.whole = true;
        self.whole_total += 1;
        if self.newest_whole.is_none_or(|newest| seq > newest) {
            self.newest_whole = Some(seq);
        }
    }

    /// What this node lacks in a stripe: for `Attach`.
    pub fn want(&self, stripe: u8) -> Want {
        let Some(from_seq) = self.from_seq else {
            return Want {
                from_seq: FROM_NEWEST,
                have: Vec::new(),
                whole: Vec::new(),
            };
        };
        let from_seq = from_seq.max(self.low);
        let mut want = Want {
            from_seq,
            have: Vec::new(),
            whole: Vec::new(),
        };
        for (&seq, chunk) in self.chunks.range(from_seq..).rev().take(MAX_WANT_CHUNKS) {
            if chunk.whole {
                want.whole.push(seq);
            } else if chunk.have[usize::from(stripe)]
                .iter()
                .any(|byte| *byte != 0)
            {
                want.have
                    .push((seq, chunk.have[usize::from(stripe)].clone()));
            }
        }
        want
    }

    /// The broadcast's progress as it was known at `then`.
    fn due_at(&self, then: Time) -> Option<(u64, u32)> {
        self.marks
            .iter()
            .rev()
            .find(|(at, _, _)| *at <= then)
            .map(|(_, seq, rows)| (*seq, *rows))
    }

    /// What to pull now: rows that cannot be restored and are overdue. `served[s]`: stripe `s` has a live parent, which
    /// owes its blocks and is given more time.
    pub fn needs(&mut self, now: Time, params: &Params, served: &[bool]) -> Vec<Need> {
        let mut needs = Vec::new();
        let Some(from_seq) = self.from_seq else {
            return needs;
        };
        let any_unserved = served.iter().any(|served| !served);
        let due_soon = if any_unserved {
            self.due_at(now - params.pull_after)
        } else {
            None
        };
        let due_long = self.due_at(now - params.pull_after_served);
        let Some((until, _)) = due_soon.max(due_long) else {
            return needs;
        };
        let first = from_seq
            .max(self.low)
            .max((until + 1).saturating_sub(self.window));
        for seq in first..=until {
            if needs.len() >= MAX_PULLS {
                break;
            }
            let first_seq = self.progress.first_seq;
            let long = rows_due(due_long, seq);
            let soon = rows_due(due_soon, seq);
            match self.chunks.get_mut(&seq) {
                Some(chunk) => {
                    if chunk.whole || recently(chunk.pulled_at, now, params.pull_retry) {
                        continue;
                    }
                    let asked = chunk_needs(chunk, self.data, served, soon, long);
                    if !asked.is_empty() {
                        chunk.pulled_at = Some(now);
                    }
                    needs.extend(asked.into_iter().map(|(stripe, rows)| Need {
                        seq,
                        stripe,
                        rows,
                    }));
                }
                None if seq >= first_seq
                    && (long.is_some() || served.iter().all(|served| !served)) =>
                {
                    // Not even its span came: the first data stripes bring it. The entry remembers when it was asked for.
                    let mut chunk = ChunkLedger::new(0, usize::from(self.stripes));
                    chunk.pulled_at = Some(now);
                    self.chunks.insert(seq, chunk);
                    needs.extend((0..self.data).map(|stripe| Need {
                        seq,
                        stripe,
                        rows: Vec::new(),
                    }));
                }
                None => {}
            }
        }
        needs.truncate(MAX_PULLS);
        needs
    }

    /// Whether a stripe's own blocks are overdue although others of the same rows came: its parent does not deliver.
    pub fn stripe_lags(&self, now: Time, late: Span, stripe: u8) -> bool {
        let Some((until, _)) = self.due_at(now - late) else {
            return false;
        };
        let Some(from_seq) = self.from_seq else {
            return false;
        };
        let first = from_seq.max(self.low);
        self.chunks
            .range(first..=until.max(first))
            .any(|(&seq, chunk)| {
                let due = match rows_due(
                    Some((until, self.due_at(now - late).map_or(0, |d| d.1))),
                    seq,
                ) {
                    Some(due) => due.min(chunk.rows),
                    None => 0,
                };
                let map = &chunk.have[usize::from(stripe)];
                (0..due).any(|row| chunk.count[row as usize] > 0 && !bit(map, row))
            })
    }
}

fn recently(at: Option<Time>, now: Time, within: Span) -> bool {
    at.is_some_and(|at| now.since(at) < within)
}

/// How many rows of `seq` are due: all (`u32::MAX`) of chunks before the mark's.
fn rows_due(mark: Option<(u64, u32)>, seq: u64) -> Option<u32> {
    let (until, rows) = mark?;
    match seq.cmp(&until) {
        std::cmp::Ordering::Less => Some(u32::MAX),
        std::cmp::Ordering::Equal => Some(rows),
        std::cmp::Ordering::Greater => None,
    }
}

fn chunk_needs(
    chunk: &ChunkLedger,
    data: u8,
    served: &[bool],
    soon: Option<u32>,
    long: Option<u32>,
) -> Vec<(u8, Vec<u8>)> {
    if chunk.rows == 0 || (!chunk.ended && long == Some(u32::MAX)) {
        // Its end is not known: whoever has it may send all that follows.
        return if long.is_some() {
            (0..data).map(|stripe| (stripe, Vec::new())).collect()
        } else {
            Vec::new()
        };
    }
    let mut asked: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let due = soon.unwrap_or(0).max(long.unwrap_or(0)).min(chunk.rows);
    for row in 0..due {
        let mut lacking = usize::from(data).saturating_sub(usize::from(chunk.count[row as usize]));
        for (stripe, served) in served.iter().enumerate().take(chunk.have.len()) {
            if lacking == 0 {
                break;
            }
            let owed_long = long.is_some_and(|rows| row < rows);
            if bit(&chunk.have[stripe], row) || (*served && !owed_long) {
                continue;
            }
            let map = asked
                .entry(stripe as u8)
                .or_insert_with(|| vec![0; (chunk.rows as usize).div_ceil(8)]);
            set_bit(map, row);
            lacking -= 1;
        }
    }
    asked.into_iter().collect()
}
