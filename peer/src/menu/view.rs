//! What the menus show, as text: a function of the status, the files that wait and the latest words. Pure.

use std::time::Instant;

use super::state::{CHOICES, Page};
use super::table::{Column, Table};
use crate::board::Said;
use crate::pending::Pending;
use crate::status::{Neighbour, Status};
use crate::text::{bytes, duration, rate, rtt, short};

/// Words about events on the statistics page.
const SHOWN_EVENTS: usize = 8;
/// Repairs on the statistics page.
const SHOWN_REPAIRS: usize = 6;

/// Everything that can be seen.
pub(crate) struct View<'a> {
    status: &'a Status,
    pending: &'a Pending,
    said: &'a [Said],
    now: Instant,
}

/// A page's content: lines that stay, and lines that scroll.
pub(crate) struct Content {
    /// What it is.
    pub(crate) title: String,
    /// The head of a list; empty for none.
    pub(crate) head: String,
    /// The rest.
    pub(crate) lines: Vec<String>,
}

impl<'a> View<'a> {
    /// Of what is known at `now`.
    pub(crate) fn new(
        status: &'a Status,
        pending: &'a Pending,
        said: &'a [Said],
        now: Instant,
    ) -> Self {
        Self {
            status,
            pending,
            said,
            now,
        }
    }

    /// Two lines about the channel and this peer, the more important first.
    pub(crate) fn header(&self) -> [String; 2] {
        let s = self.status;
        let mut first = format!("Treecast  channel {}  {}", s.channel, s.state.words());
        if let Some(seq) = s.seq_on_air {
            first += &format!("  on air: chunk {seq}");
        }
        if s.epoch > 0 {
            first += &format!("  epoch {}", s.epoch);
        }
        if let Some(name) = &s.latest_stored {
            first += &format!("  {name}");
        }
        let reachable = if s.reachable {
            "reachable"
        } else {
            "not seen reachable"
        };
        let second = format!(
            "peer {}  fan-out {}  {} served  UDP {}  {reachable}",
            s.short_identity(),
            s.fan_out,
            s.children.len(),
            s.listen
        );
        [first, second]
    }

    /// The latest words, and whether they are about trouble.
    pub(crate) fn event(&self) -> Option<(String, bool)> {
        if self.status.chunks.disk_full {
            return Some((
                "the disk is full: chunks wait for space; relaying goes on".to_owned(),
                true,
            ));
        }
        self.said
            .last()
            .map(|said| (self.event_line(said), said.trouble))
    }

    fn event_line(&self, said: &Said) -> String {
        let age = self.now.saturating_duration_since(said.at).as_millis();
        format!(
            "{} ago: {}",
            duration(u64::try_from(age).unwrap_or(u64::MAX)),
            said.words
        )
    }

    /// What the keys do on a page, in at most `width` characters if that can be.
    pub(crate) fn keys(page: Page, width: usize) -> &'static str {
        let (long, short) = match page {
            Page::Main => (
                "Up/Down choose  Enter or 1-4 or c f s l open  q leave",
                "1-4 open  q leave",
            ),
            _ => (
                "Esc back  Up/Down PgUp/PgDn scroll  1-3 other lists  q leave",
                "Esc back  q leave",
            ),
        };
        if long.len() <= width { long } else { short }
    }

    /// What is on a page of this width.
    pub(crate) fn content(&self, page: Page, width: usize) -> Content {
        match page {
            Page::Main => self.main(),
            Page::Connections => self.connections(width),
            Page::Pending => self.files(width),
            Page::Statistics => self.statistics(),
        }
    }

    fn main(&self) -> Content {
        let s = self.status;
        let senders = s
            .stripes
            .iter()
            .filter(|stripe| stripe.parent.is_some())
            .count();
        let come = match s.legacy.as_ref().filter(|old| old.head) {
            Some(old) => format!("{} blocks from {}", old.blocks, old.server),
            None => format!("{senders} of {} stripes come", s.stripes.len()),
        };
        let facts = [
            format!("{come}, serving {}", s.children.len()),
            format!(
                "{} files, {}",
                self.pending.count,
                bytes(self.pending.bytes)
            ),
            format!(
                "in {}, out {}, {} repairs",
                rate(s.bytes_per_s_received),
                rate(s.bytes_per_s_sent),
                s.repairs.total
            ),
            "hands the children over first".to_owned(),
        ];
        let line = |(number, ((name, _), facts)): (usize, (&(&str, char), &String))| {
            format!("{}  {name:<20}  {facts}", number + 1)
        };
        let lines = CHOICES.iter().zip(&facts).enumerate().map(line).collect();
        Content {
            title: "Main menu".to_owned(),
            head: String::new(),
            lines,
        }
    }

    fn connections(&self, width: usize) -> Content {
        let column = |title, right, expendable| Column {
            title,
            right,
            expendable,
        };
        let mut table = Table {
            columns: vec![
                column("", false, 0),
                column("STRIPE", true, 0),
                column("ADDRESS", false, 0),
                column("RTT", true, 3),
                column("RATE", true, 2),
                column("BYTES", true, 1),
                column("PEER", false, 4),
            ],
            rows: Vec::new(),
        };
        let row = |what: &str, stripe: u8, to: &Neighbour, sums: [String; 2]| {
            let [rate, bytes] = sums;
            let (addr, peer) = (to.addr.to_string(), short(&to.peer).to_owned());
            vec![
                what.to_owned(),
                stripe.to_string(),
                addr,
                rtt(to.rtt_us),
                rate,
                bytes,
                peer,
            ]
        };
        let s = self.status;
        let head_of = s.legacy.as_ref().filter(|old| old.head);
        if let Some(old) = head_of {
            table.rows.push(vec![
                "from".to_owned(),
                "all".to_owned(),
                old.server.clone(),
                "-".to_owned(),
                "-".to_owned(),
                bytes(old.bytes),
                "old server".to_owned(),
            ]);
        }
        for stripe in s.stripes.iter().filter(|_| head_of.is_none()) {
            match &stripe.parent {
                Some(parent) => {
                    let sums = [rate(stripe.bytes_per_s), bytes(stripe.bytes)];
                    table.rows.push(row("from", stripe.stripe, parent, sums));
                }
                None => table.rows.push(vec![
                    "from".to_owned(),
                    stripe.stripe.to_string(),
                    "nobody, looking".to_owned(),
                ]),
            }
        }
        let mut sent: Vec<_> = s
            .children
            .iter()
            .flat_map(|c| c.sent.iter().map(move |s| (s, c)))
            .collect();
        sent.sort_by_key(|(sent, child)| (sent.stripe, child.addr));
        for (sent, child) in sent {
            let to = Neighbour {
                peer: child.peer.clone(),
                addr: child.addr,
                rtt_us: child.rtt_us,
            };
            let sums = [rate(sent.bytes_per_s), bytes(sent.bytes)];
            table.rows.push(row("to", sent.stripe, &to, sums));
        }
        for stripe in &s.stripes {
            if let Some(backup) = &stripe.backup {
                let sums = ["-".to_owned(), "-".to_owned()];
                table.rows.push(row("backup", stripe.stripe, backup, sums));
            }
        }
        let (head, lines) = table.lines(width);
        let parents = s.stripes.iter().filter_map(|stripe| stripe.parent.as_ref());
        let mut parents: Vec<&str> = parents.map(|parent| parent.peer.as_str()).collect();
        parents.sort_unstable();
        parents.dedup();
        let title = format!(
            "Connections: receiving from {}, sending to {}",
            parents.len() + usize::from(head_of.is_some()),
            s.children.len()
        );
        Content { title, head, lines }
    }

    fn files(&self, width: usize) -> Content {
        let column = |title, right, expendable| Column {
            title,
            right,
            expendable,
        };
        let table = Table {
            columns: vec![
                column("FILE", false, 0),
                column("SIZE", true, 1),
                column("DURATION", true, 2),
                column("AGE", true, 1),
                column("CHUNK", true, 3),
            ],
            rows: self
                .pending
                .files
                .iter()
                .map(|file| {
                    vec![
                        file.name.clone(),
                        bytes(file.bytes),
                        duration(file.duration_ms),
                        duration(file.age_ms),
                        file.seq.to_string(),
                    ]
                })
                .collect(),
        };
        let (head, mut lines) = table.lines(width);
        let unlisted = self
            .pending
            .count
            .saturating_sub(self.pending.files.len() as u64);
        if unlisted > 0 {
            lines.push(format!("and {unlisted} more"));
        }
        if lines.is_empty() {
            lines.push("nothing waits to be shown".to_owned());
        }
        let title = format!(
            "Pending files: {}, {}",
            self.pending.count,
            bytes(self.pending.bytes)
        );
        Content { title, head, lines }
    }

    fn statistics(&self) -> Content {
        let s = self.status;
        let (b, c) = (&s.blocks, &s.chunks);
        // What fairness is about: how much of what it gets a peer gives on.
        let from_old = s.legacy.as_ref().map_or(0, |old| old.bytes);
        let received = s.bytes_received.saturating_add(from_old);
        let share = s.bytes_sent as f64 / received.max(1) as f64;
        let primary = s
            .primary
            .map_or("none".to_owned(), |stripe| stripe.to_string());
        let mut lines = vec![
            format!(
                "Channel   {}+{} stripes, prefers to relay stripe {primary}, up {}",
                s.data_stripes,
                s.parity_stripes,
                duration(s.uptime_ms)
            ),
            format!(
                "Received  {}, {}",
                bytes(received),
                rate(s.bytes_per_s_received)
            ),
            format!(
                "Sent      {}, {}, {share:.2} times what it received",
                bytes(s.bytes_sent),
                rate(s.bytes_per_s_sent)
            ),
            format!("Chunks    {} complete, {} missing", c.complete, c.missing),
            format!(
                "Storing   {} stored, {} not stored, {} evicted at the limit",
                c.stored, c.not_stored, c.evicted
            ),
            format!(
                "Blocks    {} verified, {} restored by parity, {} duplicate",
                b.verified, b.restored, b.duplicate
            ),
            format!(
                "          {} missing, {} refused, {} sent",
                b.missing, b.refused, b.sent
            ),
            format!("Repairs   {}", s.repairs.total),
        ];
        lines.extend(
            s.repairs
                .latest
                .iter()
                .rev()
                .take(SHOWN_REPAIRS)
                .map(|repair| {
                    format!(
                        "          stripe {}: parent {}, {} ms",
                        repair.stripe, repair.cause, repair.ms
                    )
                }),
        );
        if !self.said.is_empty() {
            lines.push("Events".to_owned());
        }
        let events = self.said.iter().rev().take(SHOWN_EVENTS);
        lines.extend(events.map(|said| format!("          {}", self.event_line(said))));
        Content {
            title: "Statistics".to_owned(),
            head: String::new(),
            lines,
        }
    }
}
