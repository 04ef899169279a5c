//! Many connections from one address.

use std::net::{Ipv4Addr, SocketAddr};

use server_wire::UserAnswer;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::lab::{Coordinator, Running, User, script};
use crate::processes::PATIENCE;

async fn connect(to: SocketAddr, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = Ipv4Addr::new(127, 0, 0, last);
    socket.bind((from, 0).into()).expect("an own address");
    socket.connect(to).await.expect("a connection")
}

#[tokio::test]
async fn one_address_with_many_idle_connections_keeps_out_itself_alone() {
    let coordinator = Coordinator::new().await;
    let server = Running::start(coordinator.config(vec![script("app", "sleep 1")])).await;
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(connect(server.address, 2).await);
    }
    let mut refused = connect(server.address, 2).await;
    let read = timeout(PATIENCE, refused.read(&mut [0])).await;
    // An end, or a reset.
    assert_eq!(read.expect("in time").unwrap_or(0), 0);
    let mut byte = [0];
    assert!(idle.iter().all(|one| one.try_read(&mut byte).is_err()));
    let data = coordinator.folder.path().join("data");
    let stream = connect(server.address, 3).await;
    let mut user = User::over(stream, &data).await;
    let answer: UserAnswer = user
        .ask(r#"{"verb":"CONNECT_TO_SESSION","code":"0001"}"#)
        .await;
    assert_eq!(answer, UserAnswer::NotExist);
    server.stop().await;
}
