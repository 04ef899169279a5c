//! Applications are real programs: they start, they end, and nothing of them is left.

use server_wire::{Drain, EndOrder, EndWord, Order, OrderAnswer};

use crate::lab::{Coordinator, Running, code, script, unique};
use crate::processes::{kill, until, until_count, with};

fn end(number: u16) -> Order {
    Order::EndSession(EndOrder {
        code: code(number),
        why: None,
    })
}

fn works(coordinator: &Coordinator) -> usize {
    let work = coordinator.folder.path().join("data/work");
    std::fs::read_dir(work).expect("a folder").count()
}

#[tokio::test]
async fn a_session_ends_with_all_that_it_started_whatever_that_did_to_get_away() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    // A child, one that forks away twice in a session of its own, and one that forgets its environment as well.
    let application = script(
        "app",
        &format!(
            "touch here; sleep {mark} & (setsid sh -c 'sleep {mark} &' &); \
             (env -i setsid sh -c 'trap \"\" TERM; sleep {mark} &' &); exec sleep {mark}"
        ),
    );
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    let data = link.started("app", 1).await;
    assert_eq!(data.code, Some(code(1)));
    assert_eq!(
        (data.ip.as_str(), data.port.number()),
        ("127.0.0.1", server.address.port())
    );
    until_count(&format!("sleep {mark}"), 4).await;
    // The application's, and that of its helpers.
    assert_eq!(works(&coordinator), 2);
    assert!(matches!(link.order(end(1)).await, OrderAnswer::Ending(_)));
    let (ended, id) = link.ended().await;
    assert_eq!((ended.code, ended.why), (code(1), EndWord::Operator));
    assert_eq!(with(&mark), []);
    assert_eq!(works(&coordinator), 0);
    link.take(&ended, id.as_ref()).await;
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_listen_to_a_request_to_end_is_killed() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let text = format!("trap '' TERM; sleep {mark}; sleep {mark}");
    let server = Running::start(coordinator.config(vec![script("app", &text)])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    until_count(&format!("sleep {mark}"), 2).await;
    link.order(end(1)).await;
    assert_eq!(link.ended().await.0.why, EndWord::Operator);
    assert_eq!(with(&mark), []);
    server.stop().await;
}

#[tokio::test]
async fn an_application_that_ends_by_itself_is_reported_with_its_status_and_what_it_left_is_killed()
{
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let go = coordinator.folder.path().join("go");
    let text = format!(
        "(setsid sleep {mark} &); while [ ! -e '{}' ]; do sleep 0.01; done; exit 3",
        go.display()
    );
    let server = Running::start(coordinator.config(vec![script("app", &text)])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    until_count(&format!("sleep {mark}"), 2).await;
    std::fs::write(go, "").expect("written");
    let (ended, _) = link.ended().await;
    assert_eq!(ended.why, EndWord::ApplicationEnded);
    assert!(ended.detail.expect("a detail").contains("status 3"));
    assert_eq!(with(&mark), []);
    server.stop().await;
}

#[tokio::test]
async fn the_death_of_a_guardian_ends_its_session_and_leaves_nobody() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let text = format!("(setsid sh -c 'sleep {mark} &' &); exec sleep {mark}");
    let server = Running::start(coordinator.config(vec![script("app", &text)])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    // The guardian has adopted the one that got away: it is the parent of both.
    let guardian = until("both have one parent", || {
        match with(&format!("sleep {mark}"))[..] {
            [one, other] if one.parent == other.parent => Some(one.parent),
            _ => None,
        }
    })
    .await;
    kill(guardian);
    let (ended, _) = link.ended().await;
    assert_eq!(ended.why, EndWord::ApplicationEnded);
    until_count(&mark, 0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_costs_no_place_and_says_so() {
    let coordinator = Coordinator::new().await;
    let mut broken = script("broken", "");
    broken.command = "/nowhere/program".into();
    let mark = unique();
    let good = script("good", &format!("exec sleep {mark}"));
    let mut config = coordinator.config(vec![broken, good]);
    config.limit = 1;
    let server = Running::start(config).await;
    let (mut link, register) = coordinator.link().await;
    assert_eq!(register.applications.len(), 2);
    let OrderAnswer::NotStarted(why) = link.start("broken", 1).await else {
        panic!("it started")
    };
    assert!(
        why.reason.contains("cannot run /nowhere/program"),
        "{}",
        why.reason
    );
    assert_eq!(works(&coordinator), 0);
    link.started("good", 2).await;
    assert_eq!(link.start("good", 3).await, OrderAnswer::LimitReached);
    server.stop().await;
    assert_eq!(with(&mark), []);
}

#[tokio::test]
async fn a_draining_server_refuses_until_it_is_resumed() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    let drain = |draining| Order::Drain(Drain { draining });
    link.order(drain(true)).await;
    assert_eq!(link.start("app", 1).await, OrderAnswer::LimitReached);
    link.order(drain(false)).await;
    link.started("app", 1).await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_nobody_either() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let text = format!("(setsid sh -c 'sleep {mark} &' &); exec sleep {mark}");
    let config = coordinator.config(vec![script("app", &text)]);
    let task = tokio::spawn(server_session::run(config, |_| (), std::future::pending()));
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    until_count(&format!("sleep {mark}"), 2).await;
    task.abort();
    until_count(&mark, 0).await;
}
