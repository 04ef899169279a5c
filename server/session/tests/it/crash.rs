//! The session server itself is killed: nobody is left, and the next start says what is gone.

use server_session::{RecordError, SessionError};
use server_wire::{EndWord, Token};

use crate::lab::{Coordinator, code, unique};
use crate::own_process::{Server, configure};
use crate::processes::{kill, until_count};

#[tokio::test]
async fn after_a_kill_nobody_is_left_and_the_next_start_says_which_codes_are_gone() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let script = format!(
        "(setsid sh -c 'sleep {mark} &' &); (env -i setsid sh -c 'sleep {mark} &' &); exec sleep {mark}"
    );
    let config = configure(&coordinator, &script);
    let mut server = Server::start(&config);
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    link.started("app", 2).await;
    until_count(&format!("sleep {mark}"), 6).await;
    server.kill();
    // Without any next start: the guardians see to it.
    until_count(&mark, 0).await;

    let _server = Server::start(&config);
    let (mut link, register) = coordinator.link().await;
    assert_eq!(register.running, []);
    for number in [1, 2] {
        let (ended, id) = link.ended().await;
        assert_eq!((ended.code, ended.why), (code(number), EndWord::ServerLost));
        assert_eq!(
            ended.token_hash,
            Some(Token::from_random([number as u8; 16]).hash())
        );
        link.take(&ended, id.as_ref()).await;
    }
    let work = coordinator.folder.path().join("data/work");
    assert_eq!(std::fs::read_dir(work).expect("a folder").count(), 0);
    link.started("app", 1).await;
}

#[tokio::test]
async fn what_escaped_a_guardian_too_is_found_by_the_next_start() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let config = configure(
        &coordinator,
        &format!("(setsid sh -c 'sleep {mark} &' &); exec sleep {mark}"),
    );
    let mut server = Server::start(&config);
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    let guardian =
        crate::processes::until("both have one parent", || {
            match crate::processes::with(&format!("sleep {mark}"))[..] {
                [one, other] if one.parent == other.parent => Some(one.parent),
                _ => None,
            }
        })
        .await;
    // The server first stops where it is, so that it cannot clean up after the guardian.
    // SAFETY: a signal to a process of this test.
    unsafe { libc::kill(server.0.id().cast_signed(), libc::SIGSTOP) };
    kill(guardian);
    server.kill();
    until_count(&format!("sleep {mark}"), 1).await;
    let _server = Server::start(&config);
    until_count(&mark, 0).await;
}

#[tokio::test]
async fn two_servers_do_not_share_a_data_directory() {
    let coordinator = Coordinator::new().await;
    let config = configure(&coordinator, "sleep 1");
    let _server = Server::start(&config);
    let config = server_session::SessionConfig::read(&config).expect("a configuration");
    let error = server_session::run(config, |_| (), std::future::pending()).await;
    let error = error.expect_err("it is in use");
    assert!(
        matches!(error, SessionError::Record(RecordError::InUse(_))),
        "{error}"
    );
}
