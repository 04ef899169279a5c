//! Connections at a real door, with the driver's end of the asks in the test's hands.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use server_bridge::Stage;
use server_bridge::whep::{Theatre, WhepRefusal};
use server_wire::{OrderAnswer, UserAnswer, UserRequest, read};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio_rustls::{TlsConnector, client};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::ask::{Door, Inside};
use crate::config::Trust;
use crate::life::Key;
use crate::tls;

/// Where nothing is shown.
struct Dark;

#[async_trait]
impl Theatre for Dark {
    async fn stage(&self, path: &str, _from: IpAddr) -> Result<Stage, WhepRefusal> {
        Err(WhepRefusal::NotFound(format!("{path}: nothing is shown")))
    }
}

/// How long anything that has to happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

type Client = WebSocketStream<client::TlsStream<TcpStream>>;

async fn connect(to: SocketAddr, last: u8, tls: &TlsConnector) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = Ipv4Addr::new(127, 0, 0, last);
    socket.bind((from, 0).into()).expect("an own address");
    let stream = socket.connect(to).await.expect("a connection");
    let name = "localhost".try_into().expect("a name");
    let stream = tls.connect(name, stream).await.expect("TLS");
    let upgraded = tokio_tungstenite::client_async("wss://localhost/", stream).await;
    upgraded.expect("a WebSocket").0
}

async fn ask(client: &mut Client, text: &str) -> String {
    client.send(Message::text(text)).await.expect("sent");
    loop {
        let next = timeout(PATIENCE, client.next()).await.expect("in time");
        if let Message::Text(text) = next.expect("open").expect("open") {
            return text.to_string();
        }
    }
}

async fn until_closed(client: &mut Client) {
    let closed = async { while let Some(Ok(_)) = client.next().await {} };
    timeout(PATIENCE, closed).await.expect("it is closed");
}

/// Lets everybody in; what they would be told is kept and nothing is.
async fn let_all_in(mut asked: mpsc::Receiver<Ask>) {
    let mut kept = Vec::new();
    while let Some(ask) = asked.recv().await {
        if let Ask::Enter { tell, answer, .. } = ask {
            kept.push(tell);
            let told = r#"{"msg":"SESSION_CONNECTION_ESTABLISHED","WebRTC_connection_data":"https://localhost","client":1,"clients":[]}"#;
            let told = read::<UserAnswer>(told).expect("an answer").body;
            let UserAnswer::Established(established) = told else {
                panic!("{told:?}")
            };
            let inside = Inside {
                door: Door {
                    key: Key(1),
                    client: 1,
                    number: 1,
                },
                answer: established,
            };
            assert!(answer.send(Ok(inside)).is_ok(), "somebody waits");
        } else if let Ask::Say { said, answer, .. } = ask {
            let UserRequest::Presence(presence) = said else {
                panic!("{said:?}")
            };
            let told = answer.send(UserAnswer::Presence(presence));
            assert!(told.is_ok(), "somebody waits");
        }
    }
}

#[tokio::test]
async fn who_is_in_no_session_is_let_go_after_a_while_and_users_and_coordinators_are_not() {
    let folder = TempDir::new().expect("a folder");
    let names = vec!["localhost".to_owned()];
    let (server, fingerprint) = tls::server(None, folder.path(), names).expect("a certificate");
    let client = tls::client(&Trust::Fingerprint(fingerprint)).expect("a client");
    let client = TlsConnector::from(Arc::new(client));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("bound");
    let name = server_wire::Text::cut("lab");
    let mut config = SessionConfig::local(name, folder.path(), Vec::new());
    config.coordinators = vec![Ipv4Addr::LOCALHOST.into()];
    let (asks, asked) = mpsc::channel(8);
    let hall = Hall {
        config: Arc::new(config),
        port: address.port(),
        asks,
        enter_patience: Duration::from_secs(2),
        whep: Whep::new(Arc::new(Dark)),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(listener, Arc::new(server).into(), Arc::new(hall)));
    tasks.spawn(let_all_in(asked));

    let mut coordinator = connect(address, 1, &client).await;
    let mut user = connect(address, 2, &client).await;
    let enter = r#"{"verb":"CONNECT_TO_SESSION","code":"0001"}"#;
    let answer = ask(&mut user, enter).await;
    assert!(answer.contains("ESTABLISHED"), "{answer}");
    let mut idler = connect(address, 2, &client).await;
    until_closed(&mut idler).await;
    let answer = ask(&mut user, r#"{"verb":"PRESENCE","active":true}"#).await;
    assert!(answer.contains("PRESENCE"), "{answer}");
    let answer = ask(&mut coordinator, "nonsense").await;
    let answer = read::<OrderAnswer>(&answer).expect("an answer").body;
    assert!(matches!(answer, OrderAnswer::BadRequest(_)), "{answer:?}");

    let answer = ask(&mut user, r#"{"verb":"LEAVE_SESSION"}"#).await;
    assert!(answer.contains("SESSION_LEFT"), "{answer}");
    until_closed(&mut user).await;
}
