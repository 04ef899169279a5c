//! What is printed of a simulated forest.

use std::fmt;

use overlay_core::{Event, PeerId, Time};
use overlay_sim::World;

/// A forest in one line.
pub(crate) struct Shape {
    at_s: u64,
    depth_p50: u16,
    depth_max: u16,
    jain: f64,
    max_to_mean: f64,
    parents: f64,
    root_links: usize,
    whole: usize,
    members: usize,
}

impl Shape {
    /// The columns of a line.
    pub(crate) const HEADER: &'static str =
        "    s  members  depth p50  max   Jain  max/mean  parents  root links  whole";

    /// The forest as it is now, with the load since `World::take_sent` was called last.
    pub(crate) fn of(world: &mut World, at_s: u64) -> Self {
        let sent: Vec<f64> = world
            .take_sent()
            .into_iter()
            .map(|blocks| blocks as f64)
            .collect();
        let members = world.live_members();
        let mut depths = Vec::new();
        let mut parents = 0;
        let mut whole = 0;
        for facts in members
            .iter()
            .filter_map(|id| Some(world.sim(*id)?.node().facts(world.now())))
        {
            depths.extend(facts.stripes.iter().map(|stripe| stripe.depth));
            let mut ids: Vec<PeerId> = facts
                .stripes
                .iter()
                .filter_map(|s| Some(s.parent?.id))
                .collect();
            whole += usize::from(ids.len() == facts.stripes.len() && !ids.is_empty());
            ids.sort_unstable();
            ids.dedup();
            parents += ids.len();
        }
        depths.sort_unstable();
        let sum: f64 = sent.iter().sum();
        let squares: f64 = sent.iter().map(|blocks| blocks * blocks).sum();
        let count = sent.len().max(1) as f64;
        let most = sent.iter().copied().fold(0.0, f64::max);
        let root = world
            .sim(world.root())
            .map(|sim| sim.node().facts(world.now()));
        Self {
            at_s,
            depth_p50: depths.get(depths.len() / 2).copied().unwrap_or(0),
            depth_max: depths.last().copied().unwrap_or(0),
            jain: sum * sum / (count * squares).max(f64::MIN_POSITIVE),
            max_to_mean: most / (sum / count).max(f64::MIN_POSITIVE),
            parents: parents as f64 / count,
            root_links: root.map_or(0, |facts| {
                facts.children.iter().map(|child| child.stripes.len()).sum()
            }),
            whole,
            members: members.len(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:5}  {:7}  {:9}  {:3}  {:.3}  {:8.2}  {:7.2}  {:10}  {:5}",
            self.at_s,
            self.members,
            self.depth_p50,
            self.depth_max,
            self.jain,
            self.max_to_mean,
            self.parents,
            self.root_links,
            self.whole
        )
    }
}

/// How long stripes were without a parent, since `since`.
pub(crate) fn print_repairs(world: &World, since: Time) {
    let members = world.live_members();
    let events = members
        .iter()
        .filter_map(|id| world.sim(*id))
        .flat_map(|sim| sim.events.iter());
    let mut outages: Vec<u64> = events
        .filter(|(at, _)| *at > since)
        .filter_map(|(_, event)| match event {
            Event::Repaired { outage_ms, .. } => Some(*outage_ms),
            _ => None,
        })
        .collect();
    outages.sort_unstable();
    let at = |percent: usize| {
        outages.get((outages.len() * percent / 100).min(outages.len().saturating_sub(1)))
    };
    if let (Some(p50), Some(p99), Some(max)) = (at(50), at(99), outages.last()) {
        println!(
            "  {} repairs: p50 {p50} ms, p99 {p99} ms, max {max} ms",
            outages.len()
        );
    }
}

/// One stripe's tree, from a node down.
pub(crate) fn print_tree(world: &World, at: PeerId, stripe: u8, depth: usize) {
    let Some(sim) = world.sim(at) else { return };
    let facts = sim.node().facts(world.now());
    let load: usize = facts.children.iter().map(|child| child.stripes.len()).sum();
    let primary = facts
        .primary
        .map_or_else(|| "-".to_owned(), |primary| primary.to_string());
    println!(
        "{}{} primary {primary} children {}/{} links {load}",
        "  ".repeat(depth),
        at.short(),
        facts.children.len(),
        facts.fan_out
    );
    for child in facts
        .children
        .iter()
        .filter(|child| child.stripes.contains(&stripe))
    {
        print_tree(world, child.id, stripe, depth + 1);
    }
}
