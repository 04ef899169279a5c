//! A plain WebSocket client of the signalling, and a server with sessions that nobody can enter.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use server_bridge::IceServer;
use server_bridge::epic::{Epic, Joined, Sessions, serve_players, serve_streamers};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long anything may take that takes milliseconds when nothing is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Sessions that are listed, and full.
pub(crate) struct Full(pub(crate) Vec<String>);

#[async_trait]
impl Sessions for Full {
    fn list(&self) -> Vec<String> {
        self.0.clone()
    }

    async fn join(&self, _id: &str) -> Result<Joined, String> {
        Err("the session is full".to_owned())
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        vec![IceServer {
            urls: vec!["stun:stun.example".to_owned(), String::new()],
            username: None,
            credential: None,
            secret: None,
        }]
    }
}

/// A signalling server on free ports; it ends when it is dropped.
pub(crate) struct Server {
    players: String,
    streamers: String,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(sessions: Arc<dyn Sessions>) -> Self {
        let epic = Epic::new(sessions);
        let mut tasks = JoinSet::new();
        let (players, players_url) = listener().await;
        tasks.spawn(serve_players(players, Arc::clone(&epic)));
        let (streamers, streamers_url) = listener().await;
        tasks.spawn(serve_streamers(streamers, epic));
        Self {
            players: players_url,
            streamers: streamers_url,
            _tasks: tasks,
        }
    }

    /// A player that has heard its configuration.
    pub(crate) async fn player(&self) -> Peer {
        let mut peer = Peer::connect(&self.players).await;
        peer.expect("config").await;
        peer
    }

    /// A streamer that was asked who it is.
    pub(crate) async fn streamer(&self) -> Peer {
        let mut peer = Peer::connect(&self.streamers).await;
        peer.expect("identify").await;
        peer.expect("config").await;
        peer
    }

    /// A streamer of this name, and the name it got.
    pub(crate) async fn streamer_named(&self, name: &str) -> (Peer, String) {
        let mut peer = self.streamer().await;
        peer.say(
            serde_json::json!({ "type": "endpointId", "id": name, "protocolVersion": "1.3.0" }),
        )
        .await;
        let confirmed = peer.expect("endpointIdConfirm").await;
        let name = confirmed["committedId"]
            .as_str()
            .expect("a name")
            .to_owned();
        (peer, name)
    }

    pub(crate) fn players_address(&self) -> &str {
        self.players.trim_start_matches("ws://")
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("ws://{address}"))
}

/// One end of a WebSocket.
pub(crate) struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Peer {
    pub(crate) async fn connect(url: &str) -> Self {
        let (socket, _) = connect_async(url).await.expect("a WebSocket");
        Self { socket }
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.say_text(&message.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.say_raw(Message::text(text)).await;
    }

    pub(crate) async fn say_raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("it is taken");
    }

    /// What comes next.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let heard = timeout(PATIENCE, self.socket.next()).await;
            match heard.expect("something in time") {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// What comes next, which is of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let heard = self.hear().await;
        assert_eq!(heard["type"], kind, "{heard}");
        heard
    }

    /// The names that can be subscribed to.
    pub(crate) async fn list(&mut self) -> Vec<String> {
        self.say(serde_json::json!({ "type": "listStreamers" }))
            .await;
        let list = self.expect("streamerList").await;
        serde_json::from_value(list["ids"].clone()).expect("names")
    }

    /// Nothing was said but what a ping is answered with.
    pub(crate) async fn expect_nothing(&mut self) {
        self.say(serde_json::json!({ "type": "ping", "time": 4711 }))
            .await;
        let pong = self.expect("pong").await;
        assert_eq!(pong["time"], 4711);
    }

    /// The connection ends; its code and reason.
    pub(crate) async fn ended(&mut self) -> (u16, String) {
        loop {
            let heard = timeout(PATIENCE, self.socket.next()).await;
            match heard.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (0, String::new()),
            }
        }
    }
}
