//! Epic's signalling between streamers and players, as either of them sees it.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::peer::{Full, PATIENCE, Peer, Server};

async fn server(sessions: &[&str]) -> Server {
    let sessions = sessions.iter().map(|code| (*code).to_owned()).collect();
    Server::start(Arc::new(Full(sessions))).await
}

/// A player that sees the streamer of this name, and what the streamer was told about it.
async fn seen(server: &Server, streamer: &mut Peer, name: &str) -> (Peer, String) {
    let mut player = server.player().await;
    player
        .say(json!({ "type": "subscribe", "streamerId": name }))
        .await;
    let connected = streamer.expect("playerConnected").await;
    assert_eq!(
        (&connected["dataChannel"], &connected["sfu"]),
        (&json!(true), &json!(false))
    );
    let number = connected["playerId"].as_str().expect("a number").to_owned();
    (player, number)
}

#[tokio::test]
async fn the_first_message_has_the_version_and_the_ice_servers_that_have_an_address() {
    let server = server(&[]).await;
    let mut peer = Peer::connect(&format!("ws://{}/", server.players_address())).await;
    assert_eq!(
        peer.hear().await,
        json!({
            "type": "config",
            "protocolVersion": "1.3.0",
            "peerConnectionOptions": { "iceServers": [{ "urls": ["stun:stun.example"] }] },
        })
    );
}

#[tokio::test]
async fn sessions_and_named_streamers_are_listed() {
    let server = server(&["4711", "0815"]).await;
    let mut player = server.player().await;
    let _nameless = server.streamer().await;
    assert_eq!(player.list().await, ["0815", "4711"]);
    let (_first, first) = server.streamer_named("Editor").await;
    let (_second, second) = server.streamer_named("Editor").await;
    let (_third, third) = server.streamer_named("4711").await;
    assert_eq!([first, second, third], ["Editor", "Editor1", "47111"]);
    assert_eq!(
        player.list().await,
        ["0815", "4711", "47111", "Editor", "Editor1"]
    );
}

#[tokio::test]
async fn an_offer_an_answer_and_candidates_go_both_ways() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, number) = seen(&server, &mut streamer, &name).await;
    streamer
        .say(json!({ "type": "offer", "sdp": "v=0", "playerId": number, "multiplex": true }))
        .await;
    assert_eq!(
        player.hear().await,
        json!({ "type": "offer", "sdp": "v=0", "playerId": number, "multiplex": true })
    );
    // The real frontend says this first.
    player
        .say(json!({ "type": "layerPreference", "spatialLayer": 0, "temporalLayer": 0 }))
        .await;
    player
        .say(json!({ "type": "answer", "sdp": "v=1", "minBitrateBps": 1, "maxBitrateBps": 2 }))
        .await;
    assert_eq!(
        streamer.hear().await,
        json!({ "type": "answer", "sdp": "v=1", "minBitrateBps": 1, "maxBitrateBps": 2, "playerId": number })
    );
    let candidate = json!({ "candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "ab" });
    player
        .say(json!({ "type": "iceCandidate", "candidate": candidate }))
        .await;
    assert_eq!(
        streamer.hear().await,
        json!({ "type": "iceCandidate", "candidate": candidate, "playerId": number })
    );
    streamer
        .say(json!({ "type": "iceCandidate", "candidate": candidate, "playerId": number }))
        .await;
    assert_eq!(player.expect("iceCandidate").await["candidate"], candidate);
}

#[tokio::test]
async fn a_player_cannot_pretend_to_be_another() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, number) = seen(&server, &mut streamer, &name).await;
    player
        .say(json!({ "type": "answer", "sdp": "v=0", "playerId": "1" }))
        .await;
    assert_eq!(streamer.expect("answer").await["playerId"], number);
}

#[tokio::test]
async fn a_streamer_reaches_only_its_own_players() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, number) = seen(&server, &mut streamer, &name).await;
    let (mut other, _) = server.streamer_named("Other").await;
    for message in [
        json!({ "type": "offer", "sdp": "v=0", "playerId": number }),
        json!({ "type": "disconnectPlayer", "playerId": number, "reason": "out" }),
        json!({ "type": "offer", "sdp": "v=0" }),
    ] {
        other.say(message).await;
    }
    other.expect_nothing().await;
    player.expect_nothing().await;
}

#[tokio::test]
async fn a_streamer_lets_a_player_go_and_says_why() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, number) = seen(&server, &mut streamer, &name).await;
    streamer
        .say(json!({ "type": "disconnectPlayer", "playerId": number, "reason": "the level is over" }))
        .await;
    assert_eq!(player.ended().await, (1011, "the level is over".to_owned()));
    let gone = streamer.expect("playerDisconnected").await;
    assert_eq!(gone["playerId"], number);
}

#[tokio::test]
async fn players_of_a_streamer_that_vanishes_are_told() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, _) = seen(&server, &mut streamer, &name).await;
    let mut bystander = server.player().await;
    drop(streamer);
    assert_eq!(player.ended().await, (1000, "Editor is gone".to_owned()));
    assert!(bystander.list().await.is_empty());
}

#[tokio::test]
async fn a_streamer_hears_of_players_that_leave_in_any_way() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, number) = seen(&server, &mut streamer, &name).await;
    player.say(json!({ "type": "unsubscribe" })).await;
    let left = streamer.expect("playerDisconnected").await;
    assert_eq!(left["playerId"], number);
    let (vanishing, number) = seen(&server, &mut streamer, &name).await;
    drop(vanishing);
    let left = streamer.expect("playerDisconnected").await;
    assert_eq!(left["playerId"], number);
    // Whoever subscribes to another one leaves the first.
    let (mut other, other_name) = server.streamer_named("Other").await;
    let (mut player, number) = seen(&server, &mut streamer, &name).await;
    player
        .say(json!({ "type": "subscribe", "streamerId": other_name }))
        .await;
    other.expect("playerConnected").await;
    let left = streamer.expect("playerDisconnected").await;
    assert_eq!(left["playerId"], number);
}

#[tokio::test]
async fn players_hear_that_their_streamer_has_another_name() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (mut player, _) = seen(&server, &mut streamer, &name).await;
    streamer
        .say(json!({ "type": "endpointId", "id": "Game" }))
        .await;
    streamer.expect("endpointIdConfirm").await;
    assert_eq!(player.expect("streamerIdChanged").await["newID"], "Game");
    assert_eq!(player.list().await, ["Game"]);
}

#[tokio::test]
async fn a_subscription_that_cannot_be_is_refused_with_a_reason() {
    let server = server(&["4711"]).await;
    let mut player = server.player().await;
    for (name, why) in [
        ("nobody", "nobody: there is no such streamer"),
        ("4711", "the session is full"),
    ] {
        player
            .say(json!({ "type": "subscribe", "streamerId": name }))
            .await;
        assert_eq!(player.expect("subscribeFailed").await["message"], why);
    }
}

#[tokio::test]
async fn whoever_subscribes_too_often_waits() {
    let server = server(&["4711"]).await;
    let mut player = server.player().await;
    let mut refusals = Vec::new();
    for _ in 0..6 {
        player
            .say(json!({ "type": "subscribe", "streamerId": "4711" }))
            .await;
        refusals.push(player.expect("subscribeFailed").await["message"].clone());
    }
    assert_eq!(refusals[4], "the session is full");
    assert_eq!(
        refusals[5],
        "too many subscriptions; try again in a few seconds"
    );
}

#[tokio::test]
async fn pings_are_answered_on_both_sides() {
    let server = server(&[]).await;
    server.player().await.expect_nothing().await;
    server.streamer().await.expect_nothing().await;
}

#[tokio::test]
async fn what_is_unknown_or_deprecated_is_passed_over() {
    let server = server(&[]).await;
    let mut player = server.player().await;
    let mut streamer = server.streamer().await;
    for peer in [&mut player, &mut streamer] {
        for message in [
            json!({ "type": "playerCount", "count": 3 }),
            json!({ "type": "stats", "data": "x" }),
            json!({ "type": "somethingNew", "of": [1, 2] }),
            json!({ "type": "layerPreference" }),
            json!({ "type": "answer", "sdp": "v=0", "playerId": "1" }),
        ] {
            peer.say(message).await;
        }
        peer.expect_nothing().await;
    }
}

#[tokio::test]
async fn nonsense_is_borne_for_a_while() {
    let server = server(&[]).await;
    for mut peer in [server.player().await, server.streamer().await] {
        for _ in 0..31 {
            peer.say_text("nonsense").await;
        }
        peer.expect_nothing().await;
        peer.say_text("{}").await;
        assert_eq!(peer.ended().await, (1008, "no type".to_owned()));
    }
}

#[tokio::test]
async fn messages_that_are_too_long_or_no_text_end_the_connection() {
    let server = server(&[]).await;
    let mut player = server.player().await;
    let long = json!({ "type": "answer", "sdp": "x".repeat(70_000) });
    player.say(long).await;
    assert_eq!(player.ended().await.0, 1009);
    let mut player = server.player().await;
    player.say_raw(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(player.ended().await.0, 1003);
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let server = server(&[]).await;
    let mut players = Vec::new();
    for _ in 0..64 {
        players.push(server.player().await);
    }
    let url = format!("ws://{}/", server.players_address());
    let one_more = timeout(PATIENCE, connect_async(url.as_str())).await;
    assert!(one_more.expect("an end in time").is_err());
    players.pop();
    // The place is free once the server has seen the end.
    let freed = timeout(PATIENCE, async {
        while connect_async(url.as_str()).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    freed.await.expect("a place in time");
}

#[tokio::test]
async fn a_player_that_takes_nothing_is_let_go_and_its_streamer_is_not_held_up() {
    let server = server(&[]).await;
    let (mut streamer, name) = server.streamer_named("Editor").await;
    let (_silent, number) = seen(&server, &mut streamer, &name).await;
    let (mut lively, other) = seen(&server, &mut streamer, &name).await;
    // Far more than the sockets' buffers and the queue take.
    let sdp = "x".repeat(60_000);
    let gone = timeout(PATIENCE, async {
        loop {
            streamer
                .say(json!({ "type": "offer", "sdp": sdp, "playerId": number }))
                .await;
            streamer.say(json!({ "type": "ping", "time": 1 })).await;
            let heard = streamer.hear().await;
            if heard["type"] == "playerDisconnected" {
                return heard["playerId"].clone();
            }
        }
    });
    assert_eq!(gone.await.expect("it is let go"), number);
    streamer
        .say(json!({ "type": "offer", "sdp": "v=0", "playerId": other }))
        .await;
    lively.expect("offer").await;
}

#[tokio::test]
async fn a_protocol_that_is_offered_is_taken() {
    let server = server(&[]).await;
    let url = format!("ws://{}/", server.players_address());
    let mut request = url.into_client_request().expect("a request");
    request.headers_mut().insert(
        "sec-websocket-protocol",
        "ws, other".parse().expect("a value"),
    );
    let (_socket, response) = connect_async(request).await.expect("a WebSocket");
    assert_eq!(response.headers()["sec-websocket-protocol"], "ws");
}

#[tokio::test]
async fn what_is_no_websocket_is_closed() {
    let server = server(&[]).await;
    let mut stream = TcpStream::connect(server.players_address())
        .await
        .expect("a connection");
    stream
        .write_all(b"POST /whatever HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("it is taken");
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    let _ = read.expect("an end in time");
}
