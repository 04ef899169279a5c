//! Those who come by another door than our page: players that speak WHEP, and Epic's frontend.
//!
//! It must never know how sessions live; it asks the driver.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use server_bridge::epic::{Joined, Member, Sessions};
use server_bridge::input::Input;
use server_bridge::whep::{Theatre, WhepRefusal};
use server_bridge::{Bridge, IceServer, Stage};
use server_wire::Code;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ask::{Ask, NoPicture, View};
use crate::gate::Gate;
use crate::life::Key;

/// Before the code in the path of what WHEP shows.
const SESSION: &str = "session/";
/// Seconds after which somebody may ask a driver that stops again: another server may be there then.
const RETRY_AFTER_S: u32 = 5;

/// What there is to see, for all of them.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) bridge: Bridge,
}

#[async_trait]
impl Theatre for Outside {
    async fn stage(&self, path: &str, from: IpAddr) -> Result<Stage, WhepRefusal> {
        let no_such = || WhepRefusal::NotFound("there is no such session".to_owned());
        let digits = path.strip_prefix(SESSION).ok_or_else(no_such)?;
        let code = Code::from_digits(digits).ok_or_else(no_such)?;
        let (answer, answered) = oneshot::channel();
        let asked = self.asks.send(Ask::Picture { code, from, answer }).await;
        let stopping = || WhepRefusal::Busy {
            why: "the server stops".to_owned(),
            retry_after_s: RETRY_AFTER_S,
        };
        asked.map_err(|_| stopping())?;
        match answered.await.map_err(|_| stopping())? {
            Ok(stage) => Ok(stage),
            Err(NoPicture::NotExist) => Err(no_such()),
            Err(NoPicture::None) => {
                let why = "this application has no picture";
                Err(WhepRefusal::NotPlayable(why.to_owned()))
            }
            Err(NoPicture::LockedOut(retry_after_s)) => Err(WhepRefusal::TooMany {
                why: "too many wrong codes; wait, then try again".to_owned(),
                retry_after_s,
            }),
        }
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        self.bridge.ice_servers()
    }
}

#[async_trait]
impl Sessions for Outside {
    fn list(&self) -> Vec<String> {
        let view = self.view.borrow();
        view.pictures.iter().map(ToString::to_string).collect()
    }

    async fn join(&self, id: &str) -> Result<Joined, String> {
        let code = Code::from_digits(id).ok_or("there is no such session")?;
        let (answer, answered) = oneshot::channel();
        let asked = self.asks.send(Ask::Board { code, answer }).await;
        asked.map_err(|_| "the server stops")?;
        let board = answered.await.map_err(|_| "the server stops")??;
        Ok(Joined {
            stage: board.stage,
            member: Box::new(Passenger {
                key: board.key,
                client: board.client,
                gate: board.gate,
                control: board.control,
                asks: self.asks.clone(),
            }),
        })
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        self.bridge.ice_servers()
    }
}

/// A user who came by Epic's frontend. Dropped, they leave.
struct Passenger {
    key: Key,
    client: u32,
    gate: Arc<Gate>,
    control: watch::Receiver<bool>,
    asks: mpsc::Sender<Ask>,
}

impl Member for Passenger {
    fn input(&self, input: Input) {
        self.gate.input(self.client, input);
    }

    fn wants_control(&self) {
        let ask = Ask::Wants {
            key: self.key,
            client: self.client,
        };
        // A driver that is busy is asked with the next press.
        let _ = self.asks.try_send(ask);
    }

    fn has_control(&self) -> watch::Receiver<bool> {
        self.control.clone()
    }
}

impl Drop for Passenger {
    fn drop(&mut self) {
        let ask = Ask::Unboard {
            key: self.key,
            client: self.client,
        };
        let Err(mpsc::error::TrySendError::Full(ask)) = self.asks.try_send(ask) else {
            // A driver that is gone has no sessions left either.
            return;
        };
        // Only while the driver is very busy; there are no more of these than passengers.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let asks = self.asks.clone();
            runtime.spawn(async move {
                let _ = asks.send(ask).await;
            });
        }
    }
}
