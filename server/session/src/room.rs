//! The people of one session: who they are, who of them is there, and who may say how much.
//!
//! Who drives is in `control`. A method is called for what happens and gives what has to be done about it, in order. Pure:
//! time is an argument. It must never know connections, pictures or what input is.

mod colour;
mod control;
mod rate;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use server_wire::{Client, Count, PersonName, Text, Token, TokenHash};

use rate::Rate;

/// How long somebody whose connection was lost may take to come back as who they were. A guess: a phone that changes
/// its network, a computer that is opened again.
pub(crate) const RESUME_GRACE: Duration = Duration::from_secs(60);
/// How long somebody who came from another program than our page counts as active after what they did.
const QUIET: Duration = Duration::from_secs(30);

/// What has to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// Nobody drives any more, and every key and button that is held is let go.
    ReleaseAll,
    /// From now on this one drives, or nobody.
    Driver(Option<u32>),
    /// All are told who drives and who wants to.
    Control,
    /// All are told who is there.
    People,
    /// This one came back as who they were.
    Returned(u32),
    /// This one does not come back.
    Gone(u32),
    /// This one did something for the audit, as a word, and to whom or what.
    Did(Who, &'static str, Option<String>),
}

/// Somebody as the audit names them: a number and what they were called then.
pub(crate) type Who = Text<64>;

/// Why something is not done, for people.
pub(crate) type No = &'static str;

/// Who wants to come in.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) name: Option<PersonName>,
    pub(crate) owner: bool,
    pub(crate) watching: bool,
    /// They come from a program that says nothing about presence.
    pub(crate) quiet: bool,
    /// The secret of who they say they were.
    pub(crate) resume: Option<Token>,
}

#[derive(Clone, Debug)]
struct Member {
    name: PersonName,
    owner: bool,
    watching: bool,
    quiet: bool,
    colour: usize,
    resume: TokenHash,
    /// Since when the member does nothing, as far as it was said.
    idle_since: Option<Duration>,
    did_at: Duration,
    /// Since when its connection is lost.
    absent_since: Option<Duration>,
    chat: Rate,
    relay: Rate,
    asks: Rate,
}

/// The people of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    members: BTreeMap<u32, Member>,
    /// The number that was given last; none is given twice.
    last: u32,
    control: control::State,
}

/// Who wants control, in turn.
type Queue = VecDeque<control::Request>;

impl Room {
    /// Somebody comes in, or comes back as who they were; none: as many are there as may be. `secret` is how a new one
    /// can come back.
    pub(crate) fn enter(
        &mut self,
        now: Duration,
        guest: &Guest,
        secret: &Token,
        most: u32,
    ) -> Option<(u32, Vec<Out>)> {
        let mut outs = Vec::new();
        let was = self.who_was(guest.resume.as_ref());
        let is_full = self.present().count() as u64 >= u64::from(most);
        if let Some(client) = was.filter(|&client| !is_full || self.is_there(client)) {
            self.come_back(now, client, guest, &mut outs);
            return Some((client, outs));
        }
        if is_full {
            return None;
        }
        if self.members.len() as u64 >= 2 * u64::from(most) {
            self.forget_one(&mut outs);
        }
        self.last += 1;
        let client = self.last;
        let name = guest.name.clone();
        let member = Member {
            name: name.unwrap_or_else(|| Text::cut(&format!("Guest {client}"))),
            owner: guest.owner,
            watching: guest.watching,
            quiet: guest.quiet,
            colour: colour::free(self.present().map(|(_, member)| member.colour)),
            resume: secret.hash(),
            idle_since: None,
            did_at: now,
            absent_since: None,
            chat: rate::CHAT.full(now),
            relay: rate::RELAY.full(now),
            asks: rate::ASKS.full(now),
        };
        self.members.insert(client, member);
        outs.push(Out::People);
        self.first_drives(now, client, &mut outs);
        Some((client, outs))
    }

    /// The member who has this secret. Looks at every member, so that the time it takes says nothing; comparing two
    /// hashes takes the same time whatever they are.
    fn who_was(&self, secret: Option<&Token>) -> Option<u32> {
        let hash = secret?.hash();
        let mut found = None;
        for (&client, member) in &self.members {
            if member.resume == hash {
                found = Some(client);
            }
        }
        found
    }

    fn come_back(&mut self, now: Duration, client: u32, guest: &Guest, outs: &mut Vec<Out>) {
        let Some(member) = self.members.get_mut(&client) else {
            return;
        };
        if let Some(name) = &guest.name {
            member.name = name.clone();
        }
        member.absent_since = None;
        member.idle_since = None;
        member.did_at = now;
        outs.extend([Out::Returned(client), Out::People]);
        self.drives_again(now, client, outs);
    }

    /// Forgets who was lost first.
    fn forget_one(&mut self, outs: &mut Vec<Out>) {
        let absent = self.members.iter();
        let absent = absent.filter_map(|(&client, member)| Some((member.absent_since?, client)));
        if let Some((_, client)) = absent.min() {
            self.members.remove(&client);
            self.forget_held(client);
            outs.push(Out::Gone(client));
        }
    }

    /// A connection is lost: who had it may come back.
    pub(crate) fn lost(&mut self, now: Duration, client: u32) -> Vec<Out> {
        let mut outs = Vec::new();
        let Some(member) = self.members.get_mut(&client) else {
            return outs;
        };
        if member.absent_since.is_none() {
            member.absent_since = Some(now);
            outs.push(Out::People);
            self.goes(now, client, true, &mut outs);
        }
        outs
    }

    /// Somebody goes for good.
    pub(crate) fn leave(&mut self, now: Duration, client: u32) -> Vec<Out> {
        let mut outs = Vec::new();
        if self.members.remove(&client).is_some() {
            outs.extend([Out::Gone(client), Out::People]);
            self.goes(now, client, false, &mut outs);
        }
        outs
    }

    /// Somebody says whether they do something; whoever does anything else does something.
    pub(crate) fn presence(&mut self, now: Duration, client: u32, active: bool) -> Vec<Out> {
        let Some(member) = self.members.get_mut(&client) else {
            return Vec::new();
        };
        let was_active = member.idle_since.is_none();
        member.idle_since = match active {
            true => None,
            false => member.idle_since.or(Some(now)),
        };
        if active {
            member.did_at = now;
        }
        match was_active == active {
            true => Vec::new(),
            false => vec![Out::People],
        }
    }

    /// Another name.
    pub(crate) fn rename(&mut self, client: u32, name: PersonName) -> Vec<Out> {
        let who = self.who(client);
        let Some(member) = self.members.get_mut(&client) else {
            return Vec::new();
        };
        if member.name == name {
            return Vec::new();
        }
        let detail = Some(format!("to {name}"));
        member.name = name;
        vec![Out::People, Out::Did(who, "renamed", detail)]
    }

    /// Whether a word more from this one is within the rate.
    pub(crate) fn may_chat(&mut self, now: Duration, client: u32) -> bool {
        let member = self.members.get_mut(&client);
        member.is_some_and(|member| member.chat.take(&rate::CHAT, now))
    }

    /// Whether data more from this one is within the rate.
    pub(crate) fn may_relay(&mut self, now: Duration, client: u32) -> bool {
        let member = self.members.get_mut(&client);
        member.is_some_and(|member| member.relay.take(&rate::RELAY, now))
    }

    /// Whether a wish more of any other kind is within the rate.
    pub(crate) fn may_ask(&mut self, now: Duration, client: u32) -> bool {
        let member = self.members.get_mut(&client);
        member.is_some_and(|member| member.asks.take(&rate::ASKS, now))
    }

    /// What time has brought.
    pub(crate) fn tick(&mut self, now: Duration) -> Vec<Out> {
        let mut outs = Vec::new();
        let over = |member: &Member| {
            let since = member.absent_since;
            since.is_some_and(|since| now >= since + RESUME_GRACE)
        };
        let gone: Vec<u32> = self.numbers_of(over).collect();
        for client in gone {
            self.members.remove(&client);
            self.forget_held(client);
            outs.push(Out::Gone(client));
        }
        let mut changed = false;
        for member in self.members.values_mut().filter(|member| member.quiet) {
            let idle = now >= member.did_at + QUIET;
            changed |= idle != member.idle_since.is_some();
            member.idle_since = idle.then_some(member.did_at);
        }
        if changed {
            outs.push(Out::People);
        }
        self.control_tick(now, &mut outs);
        outs
    }

    fn present(&self) -> impl Iterator<Item = (u32, &Member)> {
        let all = self.members.iter();
        all.filter(|(_, member)| member.absent_since.is_none())
            .map(|(&client, member)| (client, member))
    }

    fn numbers_of(&self, which: impl Fn(&Member) -> bool) -> impl Iterator<Item = u32> {
        let all = self.members.iter();
        all.filter(move |(_, member)| which(member))
            .map(|(&client, _)| client)
    }

    fn is_there(&self, client: u32) -> bool {
        let member = self.members.get(&client);
        member.is_some_and(|member| member.absent_since.is_none())
    }

    fn is_owner(&self, client: u32) -> bool {
        self.members.get(&client).is_some_and(|member| member.owner)
    }

    /// Whether somebody who is there may do more than watch.
    pub(crate) fn may_drive(&self, client: u32) -> bool {
        let member = self.members.get(&client);
        member.is_some_and(|member| member.absent_since.is_none() && !member.watching)
    }

    /// Whether somebody who is there started the session.
    pub(crate) fn owns(&self, client: u32) -> bool {
        self.is_there(client) && self.is_owner(client)
    }

    /// Nobody is there; somebody may still come back.
    pub(crate) fn is_empty(&self) -> bool {
        self.present().next().is_none()
    }

    /// What somebody is called.
    pub(crate) fn name(&self, client: u32) -> Option<&PersonName> {
        self.members.get(&client).map(|member| &member.name)
    }

    /// Somebody as the audit names them.
    pub(crate) fn who(&self, client: u32) -> Who {
        match self.name(client) {
            Some(name) => Text::cut(&format!("{client} ({name})")),
            None => Text::cut(&client.to_string()),
        }
    }

    /// Since when everybody who is there does nothing. Who never said anything about it counts as active.
    pub(crate) fn idle_since(&self) -> Option<Duration> {
        let each: Option<Vec<_>> = self
            .present()
            .map(|(_, member)| member.idle_since)
            .collect();
        each?.into_iter().max()
    }

    /// Who is there.
    pub(crate) fn clients(&self) -> Vec<Client> {
        let each = self.present().map(|(client, member)| Client {
            client: Count(client),
            name: member.name.clone(),
            owner: member.owner,
            active: member.idle_since.is_none(),
            colour: Some(colour::of(member.colour)),
            watching: member.watching,
        });
        each.collect()
    }

    /// The numbers of those who are there.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.present().map(|(client, _)| client).collect()
    }
}

#[cfg(test)]
mod tests;
