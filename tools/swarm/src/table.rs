//! The summary: one row a peer, and what they are together.

use std::fmt;

use serde::Serialize;

use crate::player::Shown;

/// One peer at the end.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    /// What it is called.
    pub peer: String,
    /// Whether it was killed on purpose; of such a one nothing is expected.
    pub killed: bool,
    /// Most children.
    pub fan_out: u16,
    /// Children at the end.
    pub children: usize,
    /// Hops from the origin, in the stripe where they are most.
    pub depth: u16,
    /// Chunks that it stored.
    pub chunks: u64,
    /// Chunks after its first that it did not store.
    pub missing: u64,
    /// Chunks that are not what the origin cut.
    pub differing: u64,
    /// Blocks that it never got.
    pub blocks_missing: u64,
    /// Blocks that parity gave back.
    pub blocks_restored: u64,
    /// Blocks that were not what the origin signed.
    pub blocks_refused: u64,
    /// All of its links.
    pub bytes_received: u64,
    /// All of its links.
    pub bytes_sent: u64,
    /// Stripes that lost their parent and got another.
    pub repairs: u64,
    /// How long these took, milliseconds.
    pub repair_ms: Vec<u64>,
    /// What the player has shown here, if one played here.
    pub shown: Option<Shown>,
}

impl Row {
    /// Whether it has everything that it should have.
    pub fn is_whole(&self) -> bool {
        let faults = [
            self.missing,
            self.differing,
            self.blocks_missing,
            self.blocks_refused,
        ];
        let shown_well = self.shown.as_ref().is_none_or(Shown::is_flawless);
        self.killed || (self.chunks > 0 && faults == [0; 4] && shown_well)
    }
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Table {
    /// By peer.
    pub rows: Vec<Row>,
    /// Jain's fairness index of the bytes that the survivors sent; 1: all the same.
    pub jain_sent: f64,
    /// The same largest number of bytes, in means.
    pub max_over_mean_sent: f64,
    /// Bytes that the origin sent.
    pub origin_bytes_sent: u64,
    /// The same, in streams: a stream is what the survivors' chunks hold, once.
    pub origin_streams: f64,
    /// From the kill to the moment when every stripe of every survivor was seen to have a live parent; milliseconds.
    pub whole_again_ms: Option<u64>,
    /// Whether nothing was missing anywhere.
    pub passed: bool,
}

impl Table {
    /// Sums the rows up. `stream_bytes`: what the origin broadcast.
    pub fn new(
        rows: Vec<Row>,
        origin_bytes_sent: u64,
        stream_bytes: u64,
        whole_again_ms: Option<u64>,
    ) -> Self {
        let sent: Vec<f64> = rows
            .iter()
            .filter(|row| !row.killed)
            .map(|row| row.bytes_sent as f64)
            .collect();
        let mean = sent.iter().sum::<f64>() / sent.len().max(1) as f64;
        let max = sent.iter().copied().fold(0.0, f64::max);
        Self {
            jain_sent: jain(&sent),
            max_over_mean_sent: if mean > 0.0 { max / mean } else { 0.0 },
            origin_bytes_sent,
            origin_streams: if stream_bytes > 0 {
                origin_bytes_sent as f64 / stream_bytes as f64
            } else {
                0.0
            },
            whole_again_ms,
            passed: rows.iter().all(Row::is_whole) && rows.iter().any(|row| !row.killed),
            rows,
        }
    }
}

/// Jain's fairness index (DEC-TR-301): 1 if all are equal, 1/n if one has everything; 1 of nothing.
pub fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    if squares > 0.0 {
        sum * sum / (shares.len() as f64 * squares)
    } else {
        1.0
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "peer     kids depth chunks missing differ   in MB  out MB repairs max ms stalls"
        )?;
        for row in &self.rows {
            let kids = format!("{}/{}", row.children, row.fan_out);
            if row.killed {
                writeln!(
                    f,
                    "{:<8} {kids:>4}  killed with SIGKILL in the middle",
                    row.peer
                )?;
                continue;
            }
            let or_dash =
                |value: Option<&u64>| value.map_or_else(|| "-".to_owned(), u64::to_string);
            writeln!(
                f,
                "{:<8} {kids:>4} {:>5} {:>6} {:>7} {:>6} {:>7.1} {:>7.1} {:>7} {:>6} {:>6}{}",
                row.peer,
                row.depth,
                row.chunks,
                row.missing,
                row.differing,
                row.bytes_received as f64 / 1e6,
                row.bytes_sent as f64 / 1e6,
                row.repairs,
                or_dash(row.repair_ms.iter().max()),
                or_dash(row.shown.as_ref().map(|shown| &shown.stalls)),
                if row.is_whole() {
                    ""
                } else {
                    "  <-- not whole"
                }
            )?;
        }
        writeln!(f)?;
        for row in &self.rows {
            if let Some(shown) = &row.shown {
                writeln!(
                    f,
                    "player on {}: {} chunks and {} frames shown, {} dropped, {} chunks missing, {} stalls ({} ms)",
                    row.peer,
                    shown.chunks_shown,
                    shown.frames_shown,
                    shown.frames_dropped,
                    shown.chunks_missing,
                    shown.stalls,
                    shown.stall_ms
                )?;
            }
        }
        if let Some(ms) = self.whole_again_ms {
            writeln!(
                f,
                "every stripe of every survivor had a live parent again {ms} ms after the kill"
            )?;
        }
        writeln!(
            f,
            "bytes sent by the survivors: Jain index {:.3}, max/mean {:.2}; the origin sent {} ({:.2} streams)",
            self.jain_sent,
            self.max_over_mean_sent,
            megabytes(self.origin_bytes_sent),
            self.origin_streams
        )?;
        let verdict = if self.passed {
            "nobody missed anything: every survivor's chunks are byte-identical to the origin's"
        } else {
            "SOMETHING WAS MISSING: see the rows that are not whole"
        };
        write!(f, "{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bytes_sent: u64) -> Row {
        Row {
            peer: "peer 1".to_owned(),
            chunks: 5,
            bytes_sent,
            ..Row::default()
        }
    }

    #[test]
    fn fairness_is_one_among_equals_and_one_nth_for_a_single_giver() {
        assert!((jain(&[3.0, 3.0, 3.0]) - 1.0).abs() < 1e-9);
        assert!((jain(&[9.0, 0.0, 0.0]) - 1.0 / 3.0).abs() < 1e-9);
        assert!((jain(&[]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_killed_one_counts_neither_in_the_verdict_nor_in_the_balance() {
        let killed = Row {
            killed: true,
            ..row(1_000_000)
        };
        let table = Table::new(vec![row(5), row(5), killed], 10, 10, Some(200));
        assert!(table.passed && (table.jain_sent - 1.0).abs() < 1e-9);
        assert!(table.to_string().contains("nobody missed anything"));
    }

    #[test]
    fn whatever_lacks_is_no_pass() {
        let faults: [fn(&mut Row); 6] = [
            |row| row.missing = 1,
            |row| row.differing = 1,
            |row| row.blocks_missing = 1,
            |row| row.chunks = 0,
            |row| {
                row.shown = Some(Shown {
                    chunks_shown: 5,
                    stalls: 1,
                    ..Shown::default()
                })
            },
            |row| {
                row.shown = Some(Shown {
                    chunks_shown: 5,
                    frames_dropped: 1,
                    ..Shown::default()
                })
            },
        ];
        for fault in faults {
            let mut bad = row(5);
            fault(&mut bad);
            let table = Table::new(vec![row(5), bad], 0, 0, None);
            assert!(
                !table.passed && table.to_string().contains("not whole"),
                "{table}"
            );
        }
        assert!(!Table::new(Vec::new(), 0, 0, None).passed);
    }
}
