//! What comes from inside of sessions: where one runs, more time for it, and what its users did.

use std::net::IpAddr;
use std::sync::Arc;

use server_booking::Caller;
use server_booking::deeds::{Deed, note};
use server_booking::extend::extend;
use server_booking::join::{Join, join, status};
use server_booking::model::{Code, ServerId};
use server_wire::{Audit, Count, ExtendWanted, Extendable, Reason, Reasoned, ReportAnswer};
use server_wire::{SessionExtended, TokenHash};

use super::{Failed, Service, whole};
use crate::convert::{code, wire_seconds};

impl Service {
    /// Where a session runs that has begun; nothing is started.
    ///
    /// # Errors
    /// No such code; locked out; it has not begun.
    pub(crate) fn runs_at(&self, from: IpAddr, code: Code) -> Result<(String, u16), Failed> {
        self.known(from, code)?;
        let now = self.desk.now();
        match join(&self.desk.look(), &self.policy, now, code) {
            Join::Running { address, .. } => Ok(address),
            Join::NotExist => Err(Failed::NotExist),
            Join::NotStarted { starts_at } => Err(Failed::NotStarted { starts_at }),
            Join::Starting | Join::StartIt => {
                let why = "the session has not begun: try again when somebody is in it";
                Err(Failed::TryAgain(why.to_owned()))
            }
        }
    }

    /// What a session server is answered that wants more time for one of its sessions, or asks how much there is.
    pub(crate) async fn extend_for(
        self: &Arc<Self>,
        server: &ServerId,
        wanted: ExtendWanted,
    ) -> ReportAnswer {
        let number = code(wanted.code);
        if !self.is_there(server, number, wanted.token_hash) {
            return not_extended("the coordinator knows no such session");
        }
        let Some(minutes) = wanted.minutes else {
            let now = self.desk.now();
            let found = status(&self.desk.look(), &self.policy, now, number);
            return ReportAnswer::Extendable(Extendable {
                code: wanted.code,
                minutes: Count(found.map_or(0, |found| found.can_extend_minutes)),
            });
        };
        let (service, server) = (Arc::clone(self), server.clone());
        let extended = whole(async move {
            let rules = Arc::clone(&service);
            let decided = service.desk.decide(move |ledger, now| {
                let actor = server.0.as_str();
                let caller = Caller { now, actor };
                extend(ledger, &rules.policy, &caller, number, minutes.0)
            });
            let extended = decided.await?;
            let (server, ends_at) = (&extended.server, extended.ends_at);
            service.links.tell_end(server, number, ends_at);
            Ok(extended)
        });
        match extended.await {
            Ok(extended) => ReportAnswer::Extended(SessionExtended {
                code: wanted.code,
                ends_at: wire_seconds(extended.ends_at),
            }),
            Err(Failed::Busy) => ReportAnswer::Busy,
            Err(why) => not_extended(&why.to_string()),
        }
    }

    /// Writes down what users did; false: it could not be, and is to be told again.
    pub(crate) async fn note_deeds(&self, server: &ServerId, audit: Audit) -> bool {
        let server = server.clone();
        let deed = |deed: server_wire::Deed| Deed {
            session: deed.code.to_string(),
            what: deed.what.as_str().to_owned(),
            detail: match deed.detail {
                Some(detail) => format!("{}: {detail}", deed.who),
                None => deed.who.as_str().to_owned(),
            },
        };
        let deeds: Vec<Deed> = audit.deeds.into_iter().map(deed).collect();
        let decided = self.desk.decide(move |_, now| {
            let actor = server.0.as_str();
            Ok(note(&Caller { now, actor }, &deeds))
        });
        !matches!(decided.await, Err(crate::desk::NotDone::Unavailable))
    }

    /// Whether that session runs on that server.
    fn is_there(&self, server: &ServerId, code: Code, token_hash: Option<TokenHash>) -> bool {
        let ledger = self.desk.look();
        let session = ledger.world().sessions.get(&code);
        session.is_some_and(|session| {
            session.server == *server
                && token_hash.is_none_or(|hash| session.token_hash == hash.to_string())
        })
    }
}

fn not_extended(why: &str) -> ReportAnswer {
    ReportAnswer::NotExtended(Reasoned {
        reason: Reason::cut(why),
    })
}
