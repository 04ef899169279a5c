//! The services on a real database, without session servers that answer.

use std::sync::Arc;
use std::time::Duration;

use server_booking::model::{ServerId, Session};
use server_booking::servers::{Hello, server_back};
use server_booking::start::start;
use server_booking::{Caller, Policy};
use server_state::{State, StateUrl};
use server_wire::{Fingerprint, Secret};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Failed, Service, any_code, whole};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::desk::Desk;
use crate::link::{Addresses, Links};

/// Services whose database is in this folder.
pub(crate) async fn service(dir: &TempDir) -> Arc<Service> {
    let url = StateUrl::Sqlite(dir.path().join("state.db"));
    let state = State::open(&url).await.expect("opens");
    let desk = Desk::open(state, Arc::new(Clock::new())).await;
    let desk = desk.expect("reads the world");
    let secret = Secret::parse(&Secret::text_from_random([7; 32])).expect("a secret");
    let certificate = Fingerprint::from_hex(&"0".repeat(64)).expect("a fingerprint");
    let links = Links::new(secret, certificate, Addresses(Arc::new(|_| None)));
    let counters = Arc::new(Counters::default());
    Arc::new(Service::new(desk, Policy::default(), links, counters))
}

/// A session that waits for its server.
async fn asked(service: &Service) -> Session {
    let hello = Hello {
        id: ServerId("one".to_owned()),
        host: "127.0.0.1".to_owned(),
        port: 9,
        applications: vec!["Chess".to_owned()],
        limit: 1,
    };
    let back = service.desk.decide(move |ledger, now| {
        let actor = "one";
        server_back(ledger, &Caller { now, actor }, &hello, &[])
    });
    back.await.expect("it is taken");
    let ask = service.desk.decide(|ledger, now| {
        let caller = Caller { now, actor: "test" };
        let policy = Policy::default();
        start(
            ledger,
            &policy,
            &caller,
            Some("Chess"),
            "hash",
            &mut any_code,
        )
    });
    ask.await.expect("a place is free").session
}

#[tokio::test]
async fn a_session_whose_start_is_written_down_already_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(&dir).await;
    let session = asked(&service).await;
    let address = ("127.0.0.1".to_owned(), 4711);
    // As after a commit whose answer was lost: the second time nothing waits for the news any more.
    for _ in 0..2 {
        let news = service.news_of_start(&session, address.clone()).await;
        assert_eq!(news.expect("it runs").address, Some(address.clone()));
    }
    let other = Session {
        token_hash: "another".to_owned(),
        ..session
    };
    let news = service.news_of_start(&other, address).await;
    assert_eq!(news, Err(Failed::Busy), "its code is another session's");
}

#[tokio::test]
async fn what_was_begun_is_finished_though_whoever_asked_hangs_up() {
    let (go, waits) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let asks = whole(async move {
        waits.await.expect("the test lets it go on");
        tell.send(()).expect("the test waits");
        Ok(())
    });
    timeout(Duration::from_millis(50), asks)
        .await
        .expect_err("it is not finished");
    go.send(()).expect("it waits");
    told.await.expect("it is finished");
}
