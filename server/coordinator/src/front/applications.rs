//! Lists that many ask for and few change: computed once for each version of the world, or each second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use server_booking::model::{Application, ServerState, UnixSeconds};
use server_booking::start::start;
use server_booking::{Caller, Ledger, Policy};
use server_wire::{Range, ServerEntry};

use crate::convert;
use crate::service::{Service, any_code};

/// An application as the site shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    name: String,
    title: BTreeMap<String, String>,
    description: BTreeMap<String, String>,
    picture: Option<String>,
    free_now: bool,
    servers: usize,
}

/// The lists as they were computed last.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    entries: Mutex<Cached<u64, ServerEntry>>,
    shown: Mutex<Cached<(u64, UnixSeconds), Shown>>,
}

/// A list and what it was computed for; none: nothing yet.
type Cached<For, Entry> = (Option<For>, Arc<Vec<Entry>>);

impl Listing {
    /// Part of the list of servers, with a line for each application of each; those that are away are left out.
    pub(super) fn entries(&self, service: &Service, range: Range) -> Vec<ServerEntry> {
        let version = *service.desk.versions().borrow();
        let mut cached = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.0 != Some(version) {
            *cached = (Some(version), Arc::new(all_entries(&service.desk.look())));
        }
        let all = Arc::clone(&cached.1);
        drop(cached);
        let of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let count = of(range.last() - range.first()).saturating_add(1);
        all.iter()
            .skip(of(range.first()))
            .take(count)
            .cloned()
            .collect()
    }

    /// All applications.
    pub(super) fn applications(&self, service: &Service) -> Arc<Vec<Shown>> {
        let now = service.desk.now();
        let version = *service.desk.versions().borrow();
        let mut cached = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.0 != Some((version, now)) {
            let shown = all_shown(&service.desk.look(), &service.policy, now);
            *cached = (Some((version, now)), Arc::new(shown));
        }
        Arc::clone(&cached.1)
    }
}

fn all_entries(ledger: &Ledger) -> Vec<ServerEntry> {
    let world = ledger.world();
    let there = world
        .servers
        .values()
        .filter(|server| server.state != ServerState::Away);
    let each = there.flat_map(|server| server.applications.iter().map(move |name| (server, name)));
    (1..)
        .zip(each)
        .filter_map(|(number, (server, name))| {
            convert::entry(number, server, name, world.applications.get(name))
        })
        .collect()
}

fn all_shown(ledger: &Ledger, policy: &Policy, now: UnixSeconds) -> Vec<Shown> {
    let world = ledger.world();
    let shown = |application: &Application| {
        let name = &application.name;
        let runs = |server: &&server_booking::model::SessionServer| {
            server.state == ServerState::Online && server.applications.contains(name)
        };
        // Decided, and then not done.
        let caller = Caller { now, actor: "" };
        let free_now = start(ledger, policy, &caller, Some(name), "", &mut any_code).is_ok();
        Shown {
            name: name.clone(),
            title: application.title.clone(),
            description: application.description.clone(),
            picture: application.picture.clone(),
            free_now,
            servers: world.servers.values().filter(runs).count(),
        }
    };
    world.applications.values().map(shown).collect()
}
