//! Every time and bound of the state machine, each with where it comes from.

use crate::time::Span;

/// Times and bounds; the defaults are the product's, tests and simulations may shorten them.
#[derive(Debug, Clone)]
pub struct Params {
    /// Between heartbeats on active links, and between the root's ticks. Source: the design (50 ms).
    pub heartbeat: Span,
    /// Between heartbeats on links that carry no stripe: enough to keep QUIC and NAT mappings alive. A guess.
    pub idle_heartbeat: Span,
    /// An active link that was silent for this long is suspected, and its stripes are repaired; later where round trips are
    /// long. Source: the design (3 missed).
    pub suspect_after: Span,
    /// An active link that was silent for this long is dead and closed. Several times `suspect_after`, so that a process
    /// that was merely not scheduled (seen: 300 ms on a busy 2-core machine) is not thrown out.
    pub dead_after: Span,
    /// The same for idle links: 3 missed.
    pub idle_dead_after: Span,
    /// How long an answer to `Attach` may take before the next candidate is asked. Several RTTs of a far peer. A guess.
    pub attach_timeout: Span,
    /// How long an urgent search waits for an answer before it asks the next candidate as well; two round trips are added.
    pub hedge_after: Span,
    /// How long a request waits at the asked node for a newer tick: 3 heartbeats.
    pub defer: Span,
    /// The first pause after every candidate was asked in vain; doubles, with jitter, up to `retry_max`.
    pub retry_min: Span,
    /// The longest such pause. Source: a viewer's patience.
    pub retry_max: Span,
    /// How often a node looks for a better place for one of its stripes. A guess.
    pub improve_every: Span,
    /// How long a leaving node goes on serving children that find no other parent.
    pub leave_patience: Span,
    /// A block that its stripe's parent owes for longer than this is pulled from neighbours, if the stripe has no parent.
    pub pull_after: Span,
    /// The same where the stripe has a live parent: QUIC delivers late, but delivers.
    pub pull_after_served: Span,
    /// Between two pulls of the same chunk.
    pub pull_retry: Span,
    /// A link without any use is closed after this long.
    pub linger: Span,
    /// A peer that refused, evicted or failed us is not asked again for this long (`Lost` and busy ones; evictions ten times).
    pub avoid: Span,
    /// Chunks kept to serve from: 20 s, so that a process that was stopped for 10 s finds all that it missed.
    pub window_chunks: u64,
    /// Stripe links that the root serves in each stripe. Source: the origin's upload target, 2.3 times the stream.
    pub root_children_per_stripe: u16,
    /// Links at most, whatever for; more are refused as busy. Children, parents, backups of both directions, and joiners.
    pub max_links: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            heartbeat: Span::ms(50),
            idle_heartbeat: Span::ms(400),
            suspect_after: Span::ms(150),
            dead_after: Span::ms(1_000),
            idle_dead_after: Span::ms(1_500),
            attach_timeout: Span::ms(400),
            hedge_after: Span::ms(60),
            defer: Span::ms(150),
            retry_min: Span::ms(100),
            retry_max: Span::ms(2_000),
            improve_every: Span::ms(1_000),
            leave_patience: Span::ms(1_500),
            pull_after: Span::ms(100),
            pull_after_served: Span::ms(1_500),
            pull_retry: Span::ms(250),
            linger: Span::ms(2_000),
            avoid: Span::ms(3_000),
            window_chunks: 10,
            root_children_per_stripe: 2,
            max_links: 256,
        }
    }
}
