//! Changes into rows.
//!
//! A code is active once: whoever takes one makes its row in `codes`, and the database refuses a second. An altered
//! booking or session is told from another one of the same code by what never changes in it: when a booking was made and
//! of which application, whose token a session has and of which application.

use server_booking::model::{
    Application, AuditEntry, Booking, Change, Code, EndReason, Session, SessionServer, UnixSeconds,
};

use super::link::{Failure, Link, Value};
use crate::ended::Holder;
use crate::error::StateError;
use crate::limits::{HISTORY_MAX, json};
use crate::word::word_of;

/// Why a change was not made.
pub(crate) enum Unwritten {
    /// The connection is not to be used any more.
    Failed(Failure),
    /// The database is as good as before.
    Refused(StateError),
}

impl From<Failure> for Unwritten {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Writes within a transaction that was begun, and counts what it writes.
pub(crate) struct Writer<'a> {
    link: &'a mut Link,
    next_number: i64,
    world_changed: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(link: &'a mut Link, next_number: i64) -> Self {
        Self {
            link,
            next_number,
            world_changed: false,
        }
    }

    pub(crate) async fn change(&mut self, change: &Change) -> Result<(), Unwritten> {
        self.world_changed |= !matches!(change, Change::Audit(_));
        match change {
            Change::PutApplication(application) => self.put_application(application).await,
            Change::RemoveApplication(name) => {
                self.run("DELETE FROM titles WHERE name = ?", vec![text(name)])
                    .await
            }
            Change::PutServer(server) => self.put_server(server).await,
            Change::RemoveServer(id) => {
                self.run(
                    "DELETE FROM session_servers WHERE id = ?",
                    vec![text(&id.0)],
                )
                .await
            }
            Change::PutBooking(booking) => self.put_booking(booking).await,
            Change::RemoveBooking { code, why } => self.remove_booking(*code, *why).await,
            Change::PutSession(session) => self.put_session(session).await,
            Change::RemoveSession { code, why, at } => self.remove_session(*code, *why, *at).await,
            Change::Audit(entry) => self.audit(entry).await,
        }
    }

    /// Notes the new version and removes what is too old; the version.
    pub(crate) async fn finish(
        mut self,
        version: u64,
        first_number: i64,
    ) -> Result<u64, Unwritten> {
        let version = version + u64::from(self.world_changed);
        let next = self.next_number;
        self.run(
            "UPDATE coordinator_state SET version = ?, next_number = ? WHERE id = 1",
            vec![Value::Int(version.cast_signed()), Value::Int(next)],
        )
        .await?;
        // History and audit draw their numbers from one row, so each keeps HISTORY_MAX at most.
        let keep = i64::try_from(HISTORY_MAX).unwrap_or(i64::MAX);
        let oldest = next.saturating_sub(keep);
        if next > first_number && oldest > 0 {
            for sql in [
                "DELETE FROM history WHERE number < ?",
                "DELETE FROM audit WHERE number < ?",
            ] {
                self.run(sql, vec![Value::Int(oldest)]).await?;
            }
        }
        Ok(version)
    }

    async fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Result<(), Unwritten> {
        self.link.run(sql, values).await?;
        Ok(())
    }

    async fn put_application(&mut self, application: &Application) -> Result<(), Unwritten> {
        self.run(
            "REPLACE INTO titles (name, title, description, picture) VALUES (?, ?, ?, ?)",
            vec![
                text(&application.name),
                Value::Text(json(&application.title)),
                Value::Text(json(&application.description)),
                Value::MaybeText(application.picture.clone()),
            ],
        )
        .await
    }

    async fn put_server(&mut self, server: &SessionServer) -> Result<(), Unwritten> {
        self.run(
            "REPLACE INTO session_servers (id, host, port, applications, session_limit, state, source, seen_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            vec![
                text(&server.id.0),
                text(&server.host),
                Value::Int(server.port.into()),
                Value::Text(json(&server.applications)),
                Value::Int(server.limit.into()),
                Value::Text(word_of(server.state)),
                Value::Text(word_of(server.source)),
                seconds(server.seen_at),
            ],
        )
        .await
    }

    async fn put_booking(&mut self, booking: &Booking) -> Result<(), Unwritten> {
        if self.take_code(booking.code, Holder::Booking).await? {
            return self
                .run(
                    "INSERT INTO bookings (code, application, server, starts_at, ends_at, time_zone, made_at) \
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                    vec![
                        number(booking.code),
                        text(&booking.application),
                        text(&booking.server.0),
                        seconds(booking.starts_at),
                        seconds(booking.ends_at),
                        text(&booking.time_zone),
                        seconds(booking.made_at),
                    ],
                )
                .await;
        }
        self.alter(
            booking.code,
            "UPDATE bookings SET server = ?, starts_at = ?, ends_at = ?, time_zone = ? \
             WHERE code = ? AND application = ? AND made_at = ?",
            vec![
                text(&booking.server.0),
                seconds(booking.starts_at),
                seconds(booking.ends_at),
                text(&booking.time_zone),
                number(booking.code),
                text(&booking.application),
                seconds(booking.made_at),
            ],
        )
        .await
    }

    async fn put_session(&mut self, session: &Session) -> Result<(), Unwritten> {
        let (host, port) = match &session.address {
            Some((host, port)) => (Some(host.clone()), Some(i64::from(*port))),
            None => (None, None),
        };
        if self.take_code(session.code, Holder::Session).await? {
            return self
                .run(
                    "INSERT INTO sessions \
                     (code, application, server, starts_at, ends_at, stage, host, port, token_hash, booked) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    vec![
                        number(session.code),
                        text(&session.application),
                        text(&session.server.0),
                        seconds(session.starts_at),
                        seconds(session.ends_at),
                        Value::Text(word_of(session.stage)),
                        Value::MaybeText(host),
                        Value::MaybeInt(port),
                        text(&session.token_hash),
                        Value::Int(session.booked.into()),
                    ],
                )
                .await;
        }
        self.alter(
            session.code,
            "UPDATE sessions \
             SET server = ?, starts_at = ?, ends_at = ?, stage = ?, host = ?, port = ?, booked = ? \
             WHERE code = ? AND application = ? AND token_hash = ?",
            vec![
                text(&session.server.0),
                seconds(session.starts_at),
                seconds(session.ends_at),
                Value::Text(word_of(session.stage)),
                Value::MaybeText(host),
                Value::MaybeInt(port),
                Value::Int(session.booked.into()),
                number(session.code),
                text(&session.application),
                text(&session.token_hash),
            ],
        )
        .await
    }

    /// Makes the row of a code; false if it is active already.
    async fn take_code(&mut self, code: Code, holder: Holder) -> Result<bool, Unwritten> {
        let taken = self
            .link
            .run(
                "INSERT INTO codes (code, holder) VALUES (?, ?)",
                vec![number(code), Value::Text(word_of(holder))],
            )
            .await;
        match taken {
            Ok(_) => Ok(true),
            // Of both databases only this statement fails then, not the transaction.
            Err(failure) if failure.is_duplicate() => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Alters the one row that the words find; if they find none, the code is another's.
    async fn alter(
        &mut self,
        code: Code,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<(), Unwritten> {
        match self.link.run(sql, values).await? {
            0 => Err(Unwritten::Refused(StateError::CodeTaken(code))),
            _ => Ok(()),
        }
    }

    async fn remove_booking(
        &mut self,
        code: Code,
        why: Option<EndReason>,
    ) -> Result<(), Unwritten> {
        if let Some(why) = why {
            self.keep(
                "INSERT INTO history (number, holder, code, application, server, starts_at, ends_at, why, ended_at) \
                 SELECT ?, ?, code, application, server, starts_at, ends_at, ?, ? FROM bookings WHERE code = ?",
                Holder::Booking,
                why,
                None,
                code,
            )
            .await?;
        }
        self.run("DELETE FROM bookings WHERE code = ?", vec![number(code)])
            .await?;
        self.free_code(code, Holder::Booking).await
    }

    async fn remove_session(
        &mut self,
        code: Code,
        why: EndReason,
        at: UnixSeconds,
    ) -> Result<(), Unwritten> {
        self.keep(
            "INSERT INTO history (number, holder, code, application, server, starts_at, ends_at, why, ended_at) \
             SELECT ?, ?, code, application, server, starts_at, ends_at, ?, ? FROM sessions WHERE code = ?",
            Holder::Session,
            why,
            Some(at.0),
            code,
        )
        .await?;
        self.run("DELETE FROM sessions WHERE code = ?", vec![number(code)])
            .await?;
        self.free_code(code, Holder::Session).await
    }

    async fn free_code(&mut self, code: Code, holder: Holder) -> Result<(), Unwritten> {
        self.run(
            "DELETE FROM codes WHERE code = ? AND holder = ?",
            vec![number(code), Value::Text(word_of(holder))],
        )
        .await
    }

    /// Copies the active row into the history, if there is one.
    async fn keep(
        &mut self,
        sql: &'static str,
        holder: Holder,
        why: EndReason,
        at: Option<i64>,
        code: Code,
    ) -> Result<(), Unwritten> {
        let kept = self
            .link
            .run(
                sql,
                vec![
                    Value::Int(self.next_number),
                    Value::Text(word_of(holder)),
                    Value::Text(word_of(why)),
                    Value::MaybeInt(at),
                    number(code),
                ],
            )
            .await?;
        self.next_number += i64::from(kept > 0);
        Ok(())
    }

    async fn audit(&mut self, entry: &AuditEntry) -> Result<(), Unwritten> {
        let values = vec![
            Value::Int(self.next_number),
            seconds(entry.at),
            text(&entry.actor),
            text(&entry.action),
            text(&entry.subject),
            text(&entry.detail),
        ];
        self.next_number += 1;
        self.run(
            "INSERT INTO audit (number, made_at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
        .await
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(code: Code) -> Value {
    Value::Int(code.number().into())
}

fn seconds(at: UnixSeconds) -> Value {
    Value::Int(at.0)
}
