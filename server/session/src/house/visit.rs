//! How users come into sessions and go: by code, by a token, by another door, and back.
//!
//! It must never know connections.

use server_wire::{Code, ConnectToSession, Token};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use super::{Action, Entrance, House, actions};
use crate::life::{Key, Now, Stage};
use crate::room::Guest;

impl House {
    /// The session that somebody may enter who says this. Looks at every session, however early one fits, so that the
    /// time it takes says nothing.
    fn open_to(&self, asked: &ConnectToSession) -> Option<Key> {
        let token = asked.token.as_ref().map(|token| token.hash());
        let watch = asked.watch.as_ref().map(|token| token.hash());
        let mut found = 0_u64;
        for (key, life) in &self.sessions {
            let runs = life.stage == Stage::Running;
            let fits = match (&watch, &token, asked.code) {
                // BLAKE3's own comparison takes the same time whatever it compares.
                (Some(hash), _, _) => u8::from(life.watch.hash() == *hash).into(),
                (_, Some(hash), _) => u8::from(life.token_hash.as_ref() == Some(hash)).into(),
                (_, _, Some(code)) => life.code.number().ct_eq(&code.number()),
                (None, None, None) => 0.into(),
            };
            found.conditional_assign(&key.0, fits & u8::from(runs).into());
        }
        self.sessions
            .contains_key(&Key(found))
            .then_some(Key(found))
    }

    /// Somebody wants to come in, by code or by a token; `secret` is how they can come back.
    pub(crate) fn enter(
        &mut self,
        now: Now,
        asked: &ConnectToSession,
        secret: &Token,
    ) -> (Entrance, Vec<Action>) {
        let Some(key) = self.open_to(asked) else {
            return (Entrance::NotExist, Vec::new());
        };
        let watching = asked.watch.is_some();
        let guest = Guest {
            name: asked.name.clone(),
            owner: !watching && asked.token.is_some(),
            watching,
            quiet: false,
            resume: asked.resume.clone(),
        };
        self.let_in(now, key, &guest, secret)
    }

    /// Somebody comes in by another door than that of users.
    pub(crate) fn let_in(
        &mut self,
        now: Now,
        key: Key,
        guest: &Guest,
        secret: &Token,
    ) -> (Entrance, Vec<Action>) {
        let most = self.rules.users_per_session;
        let Some(life) = self.sessions.get_mut(&key) else {
            return (Entrance::NotExist, Vec::new());
        };
        let Some((client, outs)) = life.room.enter(now.at, guest, secret, most) else {
            return (Entrance::Full, Vec::new());
        };
        life.counted(now);
        life.remind();
        (Entrance::In(key, client), actions(key, outs))
    }

    /// The session that runs under a code, for those who may know that.
    pub(crate) fn runs(&self, code: Code) -> Option<Key> {
        let key = self.alive(code)?;
        let life = self.sessions.get(&key)?;
        (life.stage == Stage::Running).then_some(key)
    }

    /// A user goes for good.
    pub(crate) fn leave(&mut self, now: Now, key: Key, client: u32) -> Vec<Action> {
        let Some(life) = self.sessions.get_mut(&key) else {
            return Vec::new();
        };
        let outs = life.room.leave(now.at, client);
        life.counted(now);
        actions(key, outs)
    }

    /// A user's connection is gone.
    pub(crate) fn lost(&mut self, now: Now, key: Key, client: u32) -> Vec<Action> {
        let Some(life) = self.sessions.get_mut(&key) else {
            return Vec::new();
        };
        let outs = life.room.lost(now.at, client);
        life.counted(now);
        actions(key, outs)
    }
}
