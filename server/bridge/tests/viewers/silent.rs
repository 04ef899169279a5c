//! A player of Epic's frontend whose network dies with a key held: the key is let go long before ICE gives it up, though the
//! protocol has nothing for it.

use crate::client::Offerer;
use crate::feed::Feed;
use crate::relay::Relay;
use crate::{bridge, stage, within};
use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use rtc::peer_connection::sdp::RTCSessionDescription;
use serde_json::{Value, json};
use server_bridge::Stage;
use server_bridge::epic::{Epic, Joined, Member, Sessions, serve_players};
use server_bridge::input::Input;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use webrtc::data_channel::DataChannelEvent;

const CODE: &str = "4711";
/// Epic's message, and JavaScript's code of Enter, which types nothing.
const KEY_DOWN: u8 = 60;
const ENTER: u8 = 13;
/// ICE gives up a second or more after the silence is noticed; on a computer that stands still both may be at once.
const TRIES: usize = 5;

/// What is seen of a player: a key, its release, and that they left.
const MAX_SEEN: usize = 8;

/// Who may always drive; none: they left.
struct Driver(mpsc::Sender<Option<Input>>, watch::Sender<bool>);

impl Member for Driver {
    fn input(&self, input: Input) {
        // Whoever looks may have seen enough.
        let _ = self.0.try_send(Some(input));
    }

    fn has_control(&self) -> watch::Receiver<bool> {
        self.1.subscribe()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.try_send(None);
    }
}

struct One(Stage, mpsc::Sender<Option<Input>>);

#[async_trait]
impl Sessions for One {
    fn list(&self) -> Vec<String> {
        vec![CODE.to_owned()]
    }

    async fn join(&self, _: &str) -> Result<Joined, String> {
        let member = Driver(self.1.clone(), watch::Sender::new(true));
        Ok(Joined {
            stage: self.0.clone(),
            member: Box::new(member),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_player_of_epics_holds_is_let_go_when_its_network_dies() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    for _ in 0..TRIES {
        if is_let_go_before_it_leaves(&stage, &Relay::start(bridge.udp_address()).await).await {
            return;
        }
    }
    panic!("a key was held until ICE gave the player up, {TRIES} times");
}

/// Plays, holds a key, and loses the network.
async fn is_let_go_before_it_leaves(stage: &Stage, relay: &Relay) -> bool {
    let (done, mut seen) = mpsc::channel(MAX_SEEN);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    let players = serve_players(listener, Epic::new(Arc::new(One(stage.clone(), done))));
    let players = tokio::spawn(players);
    let offerer = Offerer::new().await;
    let (mut socket, _) = connect_async(url).await.expect("a WebSocket");
    let offer = json!({ "type": "offer", "sdp": offerer.offer });
    socket
        .send(Message::text(offer.to_string()))
        .await
        .expect("it is taken");
    let answer = async {
        loop {
            let heard = socket.next().await.expect("open").expect("good");
            let Message::Text(text) = heard else { continue };
            let heard: Value = serde_json::from_str(&text).expect("JSON");
            if heard["type"] == "answer" {
                return heard["sdp"].as_str().expect("a description").to_owned();
            }
        }
    };
    let answer = within("an answer", answer).await;
    let answer = RTCSessionDescription::answer(relay.instead(&answer)).expect("a description");
    let taken = offerer.peer.set_remote_description(answer).await;
    taken.expect("the answer is understood");
    let opened = async {
        loop {
            let event = offerer.channel.poll().await.expect("it is there");
            if matches!(event, DataChannelEvent::OnOpen) {
                return;
            }
        }
    };
    within("the channel is open", opened).await;
    let press = BytesMut::from(&[KEY_DOWN, ENTER, 0][..]);
    offerer.channel.send(press).await.expect("it is sent");
    let pressed = async {
        loop {
            match seen.recv().await.flatten() {
                Some(Input::Key { down: true, .. }) => return true,
                // A computer that stood still for a second looks like a dead network too.
                Some(_) => {}
                None => return false,
            }
        }
    };
    if !within("the key", pressed).await {
        return false;
    }
    relay.badness.silent.store(1, Ordering::Relaxed);
    let next = within("an end of it", seen.recv()).await.flatten();
    players.abort();
    match next {
        Some(input) => {
            assert_eq!(input, Input::ReleaseAll);
            true
        }
        None => false,
    }
}
