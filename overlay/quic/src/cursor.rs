//! Where one child stands in one stripe: what it is sent next, what it is spared, and when it is too far behind.
//!
//! Pure: it looks at the [`Window`] and says what to do; writing is `serve`'s.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use overlay_core::{PeerId, Want};

use crate::log::What;
use crate::window::Window;

/// How long a block may wait for a child before the child is too far behind: two chunks. A guess; a player's buffer is
/// longer, and what is left out can be pulled.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(4);
/// Payload bytes that may wait for a child in a stripe: four seconds of 32 Mb/s, the window's bound divided by stripes.
const MAX_WAITING_BYTES: u64 = 16 * 1024 * 1024;
/// Blocks that are written at once: enough to share the cost of a lock and a wake-up, few enough that a full link shows
/// soon.
const MAX_BATCH: usize = 4;
/// Chunks of which a child may have streams in a stripe: the one that ends and those that begin before it has ended.
pub(crate) const MAX_OPEN: usize = 4;
/// Chunks that a child does not want any more and that are remembered: those of the window.
const MAX_DONE: usize = 16;

/// A chunk that is being sent.
#[derive(Debug)]
struct Open {
    seq: u64,
    epoch: u64,
    /// Blocks passed by, sent or spared.
    passed: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Cursor {
    child: PeerId,
    stripe: u8,
    position: u64,
    want: Want,
    open: VecDeque<Open>,
    done: VecDeque<(u64, u64)>,
    /// What was there before counts as waiting from here on: a newcomer is not behind because the window is old.
    since: Instant,
    since_bytes: u64,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing until something new comes.
    Wait,
    /// The child is too far behind: give up its streams; the cursor is at the newest chunk now.
    Behind,
    /// Write these.
    Send(Batch),
}

/// Frames of one chunk, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) frames: Vec<Bytes>,
    pub(crate) blocks: u64,
    pub(crate) payload_bytes: u64,
    /// Nothing follows in this chunk and stripe.
    pub(crate) ends: bool,
    /// Chunks whose streams are to end now although blocks of them lack.
    pub(crate) closed: Vec<(u64, u64)>,
}

impl Cursor {
    /// At the start of what the window has.
    pub(crate) fn new(
        child: PeerId,
        stripe: u8,
        want: Want,
        window: &Window,
        now: Instant,
    ) -> Self {
        let log = window.log(stripe);
        Self {
            child,
            stripe,
            position: log.first(),
            want,
            open: VecDeque::new(),
            done: VecDeque::new(),
            since: now,
            since_bytes: log.bytes_ever(),
        }
    }

    /// The child refused the rest of a chunk.
    pub(crate) fn refused(&mut self, seq: u64, epoch: u64) {
        self.open
            .retain(|open| (open.seq, open.epoch) != (seq, epoch));
        if self.done.len() == MAX_DONE {
            self.done.pop_front();
        }
        self.done.push_back((seq, epoch));
    }

    fn spares(&self, seq: u64, epoch: u64) -> bool {
        seq < self.want.from_seq
            || self.want.whole.contains(&seq)
            || self.done.contains(&(seq, epoch))
    }

    fn has(&self, seq: u64, row: u32) -> bool {
        let byte = row as usize / 8;
        let has = |rows: &Vec<u8>| {
            rows.get(byte)
                .is_some_and(|bits| bits >> (row % 8) & 1 == 1)
        };
        self.want
            .have
            .iter()
            .any(|(chunk, rows)| *chunk == seq && has(rows))
    }

    /// To the newest chunk's start; past it, if that is where the cursor is.
    pub(crate) fn skip(&mut self, window: &Window, now: Instant) {
        let log = window.log(self.stripe);
        let current = log.get(self.position).map(|item| item.seq);
        match log.newest_chunk() {
            Some((newest, start)) if current.is_some_and(|seq| seq < newest) => {
                self.position = start.max(self.position)
            }
            Some((newest, _)) => {
                self.position = log.end();
                self.want.from_seq = self.want.from_seq.max(newest + 1);
            }
            None => self.position = log.end(),
        }
        self.open.clear();
        self.since = now;
        self.since_bytes = log.bytes_ever();
    }

    /// What to do next. Moves on: what is given is not given again.
    pub(crate) fn next(&mut self, window: &Window, now: Instant) -> Next {
        let log = window.log(self.stripe);
        self.position = self.position.max(log.first());
        let mut batch = Batch::default();
        while let Some(item) = log.get(self.position) {
            let chunk = (item.seq, item.epoch);
            if matches!(item.what, What::Gone) || self.spares(item.seq, item.epoch) {
                self.position += 1;
                continue;
            }
            if batch.frames.is_empty() {
                if self.is_behind(item.at, item.before, log.bytes_ever(), now) {
                    self.skip(window, now);
                    return Next::Behind;
                }
                (batch.seq, batch.epoch) = chunk;
            } else if (batch.seq, batch.epoch) != chunk || batch.blocks as usize == MAX_BATCH {
                break;
            }
            self.position += 1;
            let index = self.open_index(chunk, &mut batch.closed);
            match &item.what {
                What::Span(frame) => batch.frames.push(frame.clone()),
                What::Block { row, from, frame } => {
                    self.open[index].passed += 1;
                    if *from != Some(self.child) && !self.has(item.seq, *row) {
                        batch.frames.extend(frame.pieces());
                        batch.blocks += 1;
                        batch.payload_bytes += frame.payload().len() as u64;
                    }
                }
                What::Gone => {}
            }
            let open = &self.open[index];
            if window.rows(open.seq, open.epoch) == Some(open.passed) {
                self.open.remove(index);
                batch.ends = true;
                (batch.seq, batch.epoch) = chunk;
                return Next::Send(batch);
            }
        }
        if batch.frames.is_empty() && batch.closed.is_empty() {
            Next::Wait
        } else {
            Next::Send(batch)
        }
    }

    fn is_behind(&self, at: Instant, before: u64, bytes_ever: u64, now: Instant) -> bool {
        let waited = now.saturating_duration_since(at.max(self.since));
        let waiting = bytes_ever - before.max(self.since_bytes);
        waited > MAX_WAIT || waiting > MAX_WAITING_BYTES
    }

    fn open_index(&mut self, (seq, epoch): (u64, u64), closed: &mut Vec<(u64, u64)>) -> usize {
        if let Some(index) = self
            .open
            .iter()
            .position(|open| (open.seq, open.epoch) == (seq, epoch))
        {
            return index;
        }
        if self.open.len() == MAX_OPEN {
            closed.extend(self.open.pop_front().map(|open| (open.seq, open.epoch)));
        }
        self.open.push_back(Open {
            seq,
            epoch,
            passed: 0,
        });
        self.open.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use media_model::{ChunkDraft, Coding, EncodedSpan, SigningKey, encode_chunk};

    use super::*;

    const CHILD: PeerId = PeerId([1; 32]);

    fn chunk(seq: u64) -> EncodedSpan {
        let draft = ChunkDraft {
            channel: 0,
            epoch: 1,
            seq,
            name: format!("film_{seq:05}.mkv"),
            wall_time_us: 1,
            duration_us: 2_000_000,
            coding: Coding::new(1, 0).expect("the plain tree"),
        };
        encode_chunk(
            draft,
            &vec![seq as u8; 100_000].into(),
            &SigningKey::from_bytes(&[1; 32]),
        )
        .expect("a proper chunk")
    }

    fn publish(
        window: &mut Window,
        chunk: &EncodedSpan,
        rows: std::ops::Range<usize>,
        now: Instant,
    ) {
        if rows.start == 0 {
            window.publish_span(&chunk.span, now);
        }
        for block in &chunk.blocks[rows] {
            window.publish_block(1, block.clone(), now);
        }
    }

    /// Everything that is sent until nothing more is: (chunk, blocks, whether it ends).
    fn drain(cursor: &mut Cursor, window: &Window, now: Instant) -> Vec<(u64, u64, bool)> {
        std::iter::from_fn(|| match cursor.next(window, now) {
            Next::Send(batch) => Some((batch.seq, batch.blocks, batch.ends)),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_newcomer_gets_the_window_from_where_it_wants_and_each_chunk_ends() {
        let (mut window, now) = (Window::new(), Instant::now());
        for seq in 0..3 {
            publish(&mut window, &chunk(seq), 0..7, now);
        }
        let want = Want {
            from_seq: 1,
            ..Want::default()
        };
        let mut cursor = Cursor::new(CHILD, 0, want, &window, now);
        assert_eq!(
            drain(&mut cursor, &window, now),
            [(1, 4, false), (1, 3, true), (2, 4, false), (2, 3, true)]
        );
        publish(&mut window, &chunk(3), 0..2, now);
        assert_eq!(drain(&mut cursor, &window, now), [(3, 2, false)]);
    }

    #[test]
    fn rows_and_chunks_that_the_child_has_are_spared() {
        let (mut window, now) = (Window::new(), Instant::now());
        for seq in 0..3 {
            publish(&mut window, &chunk(seq), 0..7, now);
        }
        let want = Want {
            from_seq: 0,
            have: vec![(0, vec![0b0111_1110])],
            whole: vec![1],
        };
        let mut cursor = Cursor::new(CHILD, 0, want, &window, now);
        assert_eq!(
            drain(&mut cursor, &window, now),
            [(0, 1, true), (2, 4, false), (2, 3, true)]
        );
        cursor.refused(3, 1);
        publish(&mut window, &chunk(3), 0..7, now);
        assert_eq!(drain(&mut cursor, &window, now), []);
    }

    #[test]
    fn a_child_that_takes_nothing_for_too_long_resumes_at_the_newest_chunk() {
        let (mut window, start) = (Window::new(), Instant::now());
        let mut cursor = Cursor::new(CHILD, 0, Want::default(), &window, start);
        publish(&mut window, &chunk(0), 0..7, start);
        assert!(matches!(cursor.next(&window, start), Next::Send(_)));
        publish(&mut window, &chunk(1), 0..7, start + MAX_WAIT);
        let late = start + MAX_WAIT + Duration::from_millis(1);
        assert!(matches!(cursor.next(&window, late), Next::Behind));
        assert_eq!(
            drain(&mut cursor, &window, late),
            [(1, 4, false), (1, 3, true)]
        );
    }

    #[test]
    fn a_window_that_was_there_before_the_child_does_not_make_it_late() {
        let (mut window, start) = (Window::new(), Instant::now());
        publish(&mut window, &chunk(0), 0..7, start);
        let later = start + 3 * MAX_WAIT;
        let mut cursor = Cursor::new(CHILD, 0, Want::default(), &window, later);
        assert_eq!(
            drain(&mut cursor, &window, later),
            [(0, 4, false), (0, 3, true)]
        );
    }

    #[test]
    fn a_chunk_that_never_ends_does_not_keep_its_stream_for_ever() {
        let (mut window, now) = (Window::new(), Instant::now());
        let mut cursor = Cursor::new(CHILD, 0, Want::default(), &window, now);
        let mut closed = Vec::new();
        for seq in 0..6 {
            publish(&mut window, &chunk(seq), 0..2, now);
            if let Next::Send(batch) = cursor.next(&window, now) {
                closed.extend(batch.closed);
            }
        }
        assert_eq!(closed, [(0, 1), (1, 1)]);
    }
}
