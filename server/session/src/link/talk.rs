//! What is said on a link that stands: orders are passed on and answered; ends, audit and wishes are told until the
//! coordinator has answered; silence ends it.
//!
//! It must never know how the link came to stand.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use server_wire::{
    Audit, Deed, EndedSession, FromCoordinator, FromSessionServer, Heartbeat, Id, Message as Said,
    OrderAnswer, Report, ReportAnswer, read,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::{Link, MAX_WISHES, Socket, say, send, unexpected};
use crate::ask::{Ask, Here, Wish};
use crate::house::reasoned;

/// Heartbeats of silence after which the coordinator counts as lost; it answers a ping with each.
const LOST_AFTER: u32 = 3;
/// Orders that are being carried out at once; more are not read until one is answered.
const MAX_ORDERS: usize = 64;
/// Heartbeats after which ends that were not taken and deeds that were not noted are told again: a coordinator answers
/// nothing while it cannot write them down. A guess: ten seconds at its usual interval, seldom enough to do no harm.
const TELL_AGAIN: u32 = 5;
/// The id of audit reports: one at a time is under way.
const AUDIT_ID: u64 = 0;
/// The ids of wishes begin after this, those of ends are below.
const WISH_IDS: u64 = 1 << 32;

type Carried = BoxFuture<'static, (OrderAnswer, Option<Id>)>;

/// The talk on one link.
pub(super) struct Talk<'a> {
    link: &'a mut Link,
    socket: Socket,
    here: Here,
    every: Duration,
    orders: FuturesUnordered<Carried>,
    /// The number of the last end that was told; older ones wait for `TAKEN`, or to be told again.
    told: u64,
    /// The last deed that is under way to be noted.
    noting: Option<u64>,
    wishes: BTreeMap<u64, oneshot::Sender<ReportAnswer>>,
    last_wish: u64,
    until_again: u32,
}

impl<'a> Talk<'a> {
    pub(super) fn new(link: &'a mut Link, socket: Socket, here: Here, every: Duration) -> Self {
        Self {
            link,
            socket,
            here,
            every,
            orders: FuturesUnordered::new(),
            told: 0,
            noting: None,
            wishes: BTreeMap::new(),
            last_wish: WISH_IDS,
            until_again: TELL_AGAIN,
        }
    }

    /// Until the coordinator closes it.
    ///
    /// # Errors
    /// Why it is lost.
    pub(super) async fn hold(mut self) -> Result<(), String> {
        let mut beat = interval(self.every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        self.link.view.mark_changed();
        loop {
            let has_room = self.orders.len() < MAX_ORDERS;
            tokio::select! {
                // An order is answered before the end of its session is told, however soon that comes.
                biased;
                _ = beat.tick() => {
                    if heard.elapsed() > self.every * LOST_AFTER && has_room {
                        return Err("nothing was heard from it".to_owned());
                    }
                    self.beat().await?;
                }
                Some(answered) = self.orders.next() => {
                    let (answer, id) = answered;
                    let answer = FromSessionServer::Answer(answer);
                    say(&mut self.socket, &answer, id.as_ref()).await?;
                }
                changed = self.link.view.changed() => {
                    changed.map_err(|_| "the server stops".to_owned())?;
                    self.tell_ends().await?;
                }
                Some(wish) = self.link.wishes.recv() => self.wish(wish).await?,
                (last, deeds) = self.link.deeds.oldest(), if self.noting.is_none() => {
                    self.tell_deeds(last, deeds).await?;
                }
                message = self.socket.next(), if has_room => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => match read::<FromCoordinator>(&text) {
                            Ok(said) => self.hear(said).await?,
                            Err(rejected) => {
                                send(&mut self.socket, Message::text(rejected.answer())).await?;
                            }
                        },
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                        Some(Ok(_)) => {}
                        Some(Err(why)) => return Err(why.to_string()),
                    }
                }
            }
        }
    }

    async fn beat(&mut self) -> Result<(), String> {
        let beat = {
            let view = self.link.view.borrow();
            Heartbeat {
                running: view.running.clone(),
                users: view.users.clone(),
                draining: view.draining,
            }
        };
        say(&mut self.socket, &Report::Heartbeat(beat), None).await?;
        send(&mut self.socket, Message::Ping(Bytes::new())).await?;
        self.until_again -= 1;
        if self.until_again == 0 {
            self.until_again = TELL_AGAIN;
            self.told = 0;
            self.noting = None;
            self.link.view.mark_changed();
        }
        Ok(())
    }

    async fn tell_ends(&mut self) -> Result<(), String> {
        let untold: Vec<(u64, EndedSession)> = {
            let view = self.link.view.borrow_and_update();
            let ended = view.ended.iter();
            ended
                .filter(|(number, _)| *number > self.told)
                .cloned()
                .collect()
        };
        for (number, ended) in untold {
            let report = Report::SessionEnded(ended);
            say(&mut self.socket, &report, Some(&Id::number(number))).await?;
            self.told = number;
        }
        Ok(())
    }

    async fn tell_deeds(&mut self, last: u64, deeds: Vec<Deed>) -> Result<(), String> {
        self.noting = Some(last);
        let report = Report::Audit(Audit { deeds });
        say(&mut self.socket, &report, Some(&Id::number(AUDIT_ID))).await
    }

    async fn wish(&mut self, wish: Wish) -> Result<(), String> {
        // Those that nobody waits for any more make room.
        self.wishes.retain(|_, answer| !answer.is_closed());
        if self.wishes.len() >= MAX_WISHES {
            return Ok(());
        }
        self.last_wish += 1;
        self.wishes.insert(self.last_wish, wish.answer);
        let report = Report::ExtendWanted(wish.wanted);
        say(&mut self.socket, &report, Some(&Id::number(self.last_wish))).await
    }

    async fn hear(&mut self, said: Said<FromCoordinator>) -> Result<(), String> {
        let number = said.id.as_ref().and_then(Id::as_number);
        let answer = match said.body {
            FromCoordinator::Order(order) => {
                let (answer, answered) = oneshot::channel();
                let here = self.here.clone();
                self.ask(Ask::Order {
                    order,
                    here,
                    answer,
                })
                .await?;
                let id = said.id;
                self.orders.push(Box::pin(async move {
                    let stops = |_| OrderAnswer::BadRequest(reasoned("the session server stops"));
                    (answered.await.unwrap_or_else(stops), id)
                }));
                return Ok(());
            }
            FromCoordinator::Answer(answer) => answer,
        };
        match answer {
            ReportAnswer::Taken(_) => {
                if let Some(number) = number {
                    self.ask(Ask::Taken(number)).await?;
                }
            }
            ReportAnswer::Noted => self.noted(),
            ReportAnswer::Extended(_)
            | ReportAnswer::Busy
            | ReportAnswer::NotExtended(_)
            | ReportAnswer::Extendable(_) => {
                if let Some(answered) = number.and_then(|number| self.wishes.remove(&number)) {
                    // Whoever wished may have stopped waiting.
                    let _ = answered.send(answer);
                }
            }
            ReportAnswer::BadRequest(why) => {
                tracing::warn!("the coordinator did not understand: {}", why.reason);
                // One that is older than these words would not understand them the next time either.
                match number {
                    Some(AUDIT_ID) => self.noted(),
                    Some(number) => drop(self.wishes.remove(&number)),
                    None => {}
                }
            }
            other => return Err(unexpected(other)),
        }
        Ok(())
    }

    fn noted(&mut self) {
        if let Some(last) = self.noting.take() {
            self.link.deeds.noted(last);
        }
    }

    fn ask(&self, ask: Ask) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let asks = self.link.hall.asks.clone();
        async move {
            let sent = asks.send(ask).await;
            sent.map_err(|_| "the server stops".to_owned())
        }
    }
}
