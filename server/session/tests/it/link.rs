//! The link: who is let in, and what survives its loss.

use server_wire::{
    EndOrder, EndWord, ExtendOrder, FromCoordinator, FromSessionServer, KnowsCode, Order,
    OrderAnswer, Reason, Reasoned, Report, ReportAnswer, UnixSeconds,
};

use crate::lab::{Coordinator, Running, SECRET, code, script, unique};
use crate::processes::PATIENCE;

#[tokio::test]
async fn a_session_server_registers_with_what_it_runs_and_is_heard_every_second() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, register) = coordinator.link().await;
    assert_eq!(register.name.as_str(), "lab");
    assert_eq!(register.port.number(), server.address.port());
    assert_eq!((register.limit.0, register.running.len()), (4, 0));
    link.started("app", 7).await;
    loop {
        let said = link.hear().await.expect("a heartbeat").0;
        let FromSessionServer::Report(Report::Heartbeat(beat)) = said else {
            panic!("{said:?}")
        };
        if let [session] = &beat.running[..] {
            assert_eq!((session.code, beat.users[0].users.0), (code(7), 0));
            break;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_coordinator_that_does_not_know_the_secret_learns_nothing_and_gives_no_orders() {
    let coordinator = Coordinator::new().await;
    let server = Running::start(coordinator.config(vec![script("app", "sleep 1")])).await;
    let mut end = coordinator.accept().await;
    let register = end.hear_register().await;
    let wrong = server_wire::Secret::parse(&SECRET.replace('0', "1")).expect("a secret");
    let nonce = server_wire::Nonce([1; 32]);
    let proof = server_wire::prove(
        &wrong,
        server_wire::Role::Coordinator,
        &register.nonce,
        &nonce,
        &coordinator.fingerprint,
    );
    let challenge = ReportAnswer::Challenge(server_wire::Challenge { nonce, proof });
    end.say(&FromCoordinator::Answer(challenge), None).await;
    assert_eq!(end.hear().await, None);
    // It goes on trying, and takes the right one.
    coordinator.link().await;
    server.stop().await;
}

#[tokio::test]
async fn who_stands_between_with_another_certificate_is_not_dialled_further() {
    let coordinator = Coordinator::new().await;
    let other = Coordinator::new().await;
    let mut config = coordinator.config(vec![script("app", "sleep 1")]);
    let wrong = other.fingerprint.to_string();
    let link = config.coordinator.take().expect("a link");
    let url = format!("wss://{}:{}", link.host, link.port);
    let secret = coordinator.secret();
    let pinned = server_session::LinkConfig::new(&url, Some(&wrong), None, &secret);
    config.coordinator = Some(pinned.expect("a link"));
    let server = Running::start(config).await;
    let waited = tokio::time::timeout(std::time::Duration::from_secs(2), coordinator.accept());
    assert!(waited.await.is_err(), "it went through TLS");
    server.stop().await;
}

#[tokio::test]
async fn a_refused_server_comes_again() {
    let coordinator = Coordinator::new().await;
    let server = Running::start(coordinator.config(vec![script("app", "sleep 1")])).await;
    let mut end = coordinator.accept().await;
    end.prove(SECRET, &coordinator.fingerprint).await;
    let refused = ReportAnswer::Refused(Reasoned {
        reason: Reason::cut("the name is taken"),
    });
    end.say(&FromCoordinator::Answer(refused), None).await;
    coordinator.link().await;
    server.stop().await;
}

#[tokio::test]
async fn a_lost_link_is_dialled_again_with_what_still_runs_and_ends_are_told_until_they_are_taken()
{
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    link.started("app", 2).await;
    let end = Order::EndSession(EndOrder {
        code: code(1),
        why: Some(EndWord::Cancelled),
    });
    link.order(end).await;
    let (first, _) = link.ended().await;
    drop(link);
    let (mut link, register) = coordinator.link().await;
    let running: Vec<_> = register
        .running
        .iter()
        .map(|session| session.code)
        .collect();
    assert_eq!(running, [code(2)]);
    let (again, id) = link.ended().await;
    assert_eq!(again, first);
    assert_eq!(again.why, EndWord::Cancelled);
    link.take(&again, id.as_ref()).await;
    // An answered order behind it shows that TAKEN was heard.
    let knows = |number| Order::KnowsCode(KnowsCode { code: code(number) });
    let answer = link.order(knows(2)).await;
    assert!(matches!(answer, OrderAnswer::KnowsCode(answer) if answer.known));
    let answer = link.order(knows(1)).await;
    assert!(matches!(answer, OrderAnswer::KnowsCode(answer) if !answer.known));
    drop(link);
    let (mut link, _) = coordinator.link().await;
    // Nothing is told again: the order's helper accepts no report of an end.
    link.order(knows(2)).await;
    server.stop().await;
}

#[tokio::test]
async fn an_end_that_was_not_taken_is_told_again_on_the_same_link() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    let end = Order::EndSession(EndOrder {
        code: code(1),
        why: Some(EndWord::Cancelled),
    });
    link.order(end).await;
    let (ignored, first) = link.ended().await;
    let again = tokio::time::timeout(PATIENCE, link.ended()).await;
    let (again, second) = again.expect("it is told again");
    assert_eq!((again, second), (ignored.clone(), first.clone()));
    link.take(&ignored, first.as_ref()).await;
    server.stop().await;
}

#[tokio::test]
async fn nonsense_on_the_link_is_answered_and_does_not_end_it() {
    let coordinator = Coordinator::new().await;
    let server = Running::start(coordinator.config(vec![script("app", "sleep 1")])).await;
    let (mut link, _) = coordinator.link().await;
    use futures_util::SinkExt as _;
    let text = tokio_tungstenite::tungstenite::Message::text(r#"{"verb":"DANCE","id":"x"}"#);
    link.socket.send(text).await.expect("sent");
    loop {
        match link.hear().await.expect("an answer") {
            (FromSessionServer::Answer(OrderAnswer::BadRequest(why)), id) => {
                assert!(why.reason.contains("accepted are START_SESSION"));
                assert_eq!(id.expect("an id").as_json(), "\"x\"");
                break;
            }
            (FromSessionServer::Report(_), _) => {}
            other => panic!("{other:?}"),
        }
    }
    let unknown = Order::Extend(ExtendOrder {
        code: code(9),
        ends_at: UnixSeconds(UnixSeconds::MAX),
    });
    assert_eq!(link.order(unknown).await, OrderAnswer::NotExist);
    server.stop().await;
}
