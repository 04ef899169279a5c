//! Somebody on a WebSocket: what they say goes to the driver and is answered in turn, what they are told goes out between.
//!
//! It must never know what a verb means, but for coming in and going.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use server_wire::{
    Body, FromVisitor, Id, Order, OrderAnswer, Rejected, UserAnswer, UserRequest, read, write,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::{Hall, OUTSIDE, STOPPED, at};
use crate::ask::{Ask, Door, Here};
use crate::house::reasoned;

/// How long one message may take to leave.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How often a silent peer is pinged; one that says nothing for three times that is gone. A guess: keys of a driver whose
/// computer has lost its network are held no longer than that.
const PING: Duration = Duration::from_secs(5);
/// Messages that wait for one user. A guess: who is that far behind does not read.
pub(crate) const MAX_TOLD: usize = 64;

pub(super) type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

pub(super) struct Visitor<'a> {
    pub(super) socket: Socket,
    pub(super) from: IpAddr,
    pub(super) here: Here,
    pub(super) hall: &'a Arc<Hall>,
    /// Who it is, and what it is told unasked.
    pub(super) inside: Option<(Door, mpsc::Receiver<UserAnswer>)>,
    /// While it is in no session: when it is let go.
    pub(super) enter_by: Option<Instant>,
}

impl Visitor<'_> {
    pub(super) async fn talk(&mut self) -> Result<(), String> {
        let mut ping = tokio::time::interval(PING);
        let mut heard = Instant::now();
        loop {
            let enter_by = self.enter_by.filter(|_| self.inside.is_none());
            let told = async {
                match &mut self.inside {
                    Some((_, told)) => told.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = self.socket.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.hear(text.as_str()).await?,
                        Some(Ok(Message::Binary(_))) => {
                            let why = reasoned("text messages are accepted");
                            self.say(&UserAnswer::BadRequest(why), None).await?;
                        }
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                        Some(Ok(_)) => {}
                        Some(Err(why)) => return Err(why.to_string()),
                    }
                }
                told = told => match told {
                    Some(told) => {
                        self.say(&told, None).await?;
                        if matches!(told, UserAnswer::Ended(_)) {
                            self.inside = None;
                            self.enter_by = self.hall.enter_by(self.from);
                        }
                    }
                    None => return Err("it does not take what it is told".to_owned()),
                },
                () = at(enter_by) => return Err(OUTSIDE.to_owned()),
                _ = ping.tick() => {
                    if heard.elapsed() > 3 * PING {
                        return Err("nothing was heard".to_owned());
                    }
                    self.send(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), String> {
        timeout(SEND_PATIENCE, self.socket.send(message))
            .await
            .map_err(|_| "a message did not leave in time".to_owned())?
            .map_err(|why| why.to_string())
    }

    async fn say<T: Body>(&mut self, body: &T, id: Option<&Id>) -> Result<(), String> {
        self.send(Message::text(write(body, id))).await
    }

    async fn hear(&mut self, text: &str) -> Result<(), String> {
        let message = match read::<FromVisitor>(text) {
            Ok(message) => message,
            Err(rejected) => return self.reject(&rejected).await,
        };
        let id = message.id.as_ref();
        match message.body {
            FromVisitor::Order(order) => {
                let answer = self.order(order).await?;
                self.say(&answer, id).await
            }
            FromVisitor::User(UserRequest::ConnectToSession(asked)) => {
                // Who comes in again on the same connection may come back as who they were.
                self.lost().await;
                let (tell, told) = mpsc::channel(MAX_TOLD);
                let (answer, answered) = oneshot::channel();
                self.ask(Ask::Enter {
                    asked,
                    from: self.from,
                    here: self.here.clone(),
                    tell,
                    answer,
                })
                .await?;
                let answer = match answered.await.map_err(|_| STOPPED)? {
                    Ok(inside) => {
                        self.inside = Some((inside.door, told));
                        UserAnswer::Established(inside.answer)
                    }
                    Err(answer) => answer,
                };
                self.say(&answer, id).await
            }
            FromVisitor::User(UserRequest::LeaveSession) => {
                if let Some((door, _)) = self.inside.take() {
                    self.enter_by = self.hall.enter_by(self.from);
                    self.ask(Ask::Leave(door)).await?;
                }
                self.say(&UserAnswer::Left, id).await
            }
            FromVisitor::User(said) => {
                let Some((door, _)) = self.inside else {
                    return self.say(&UserAnswer::NotExist, id).await;
                };
                let (answer, answered) = oneshot::channel();
                self.ask(Ask::Say { door, said, answer }).await?;
                // Dropped unanswered: the session is over meanwhile, or the user has done the same again.
                let answer = answered.await.unwrap_or(UserAnswer::NotExist);
                self.say(&answer, id).await
            }
        }
    }

    async fn reject(&mut self, rejected: &Rejected) -> Result<(), String> {
        self.send(Message::text(rejected.answer())).await
    }

    async fn order(&mut self, order: Order) -> Result<OrderAnswer, String> {
        if !self.hall.is_coordinator(self.from) {
            let why = "orders are accepted from the coordinator's address only";
            return Ok(OrderAnswer::BadRequest(reasoned(why)));
        }
        let (answer, answered) = oneshot::channel();
        let here = self.here.clone();
        self.ask(Ask::Order {
            order,
            here,
            answer,
        })
        .await?;
        Ok(answered.await.map_err(|_| STOPPED)?)
    }

    async fn ask(&mut self, ask: Ask) -> Result<(), String> {
        self.hall
            .asks
            .send(ask)
            .await
            .map_err(|_| STOPPED.to_owned())
    }

    /// The connection is gone, or is about to be another user's.
    pub(super) async fn lost(&mut self) {
        if let Some((door, _)) = self.inside.take() {
            self.enter_by = self.hall.enter_by(self.from);
            // A driver that is gone has no sessions left either.
            let _ = self.hall.asks.send(Ask::Lost(door)).await;
        }
    }
}
