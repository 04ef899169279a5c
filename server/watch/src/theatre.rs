//! The channels as what WHEP shows.

use std::net::IpAddr;

use async_trait::async_trait;
use server_bridge::whep::{Theatre, WhepRefusal};
use server_bridge::{IceServer, Stage};

use crate::channels::{Channels, Refused};

/// Seconds until it is worth to ask again when the bridge could not be opened. A guess.
const RETRY_AFTER_S: u32 = 10;

#[async_trait]
impl Theatre for Channels {
    async fn stage(&self, path: &str, _: IpAddr) -> Result<Stage, WhepRefusal> {
        let number = path
            .strip_prefix("channel/")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| WhepRefusal::NotFound(format!("there is no {path} here")))?;
        Channels::stage(self, number)
            .await
            .map_err(|refused| refusal(&refused))
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        Channels::ice_servers(self)
    }
}

fn refusal(refused: &Refused) -> WhepRefusal {
    let why = refused.to_string();
    match refused {
        Refused::NoSuchChannel { .. } => WhepRefusal::NotFound(why),
        Refused::Silent(_) => WhepRefusal::NotOn(why),
        Refused::Unplayable(_) => WhepRefusal::NotPlayable(why),
        Refused::NoBridge(_) => WhepRefusal::Busy {
            why,
            retry_after_s: RETRY_AFTER_S,
        },
    }
}
