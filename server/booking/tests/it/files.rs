//! Keeping step with files that name servers and applications.

use server_booking::Refusal;
use server_booking::files::{FileServer, Files, Reconciled, reconcile};
use server_booking::model::{Application, EndReason, ServerState};
use server_booking::{applications, end, servers};

use crate::lab::{HOUR, Lab, MIDNIGHT, server};

fn files(computers: &[(&str, &str)]) -> Files {
    let servers = computers.iter().map(|(id, application)| FileServer {
        id: server(id),
        host: "192.0.2.7".to_owned(),
        port: 111,
        applications: vec![(*application).to_owned()],
        limit: None,
    });
    let applications = computers.iter().map(|(_, application)| Application {
        name: (*application).to_owned(),
        ..Application::default()
    });
    Files {
        servers: servers.collect(),
        applications: applications.collect(),
    }
}

fn read(lab: &mut Lab, before: Option<&Files>, after: &Files) -> Reconciled {
    let decision = reconcile(&lab.ledger, &lab.policy, &lab.caller(), before, after);
    let done = lab.take(decision);
    let again = reconcile(&lab.ledger, &lab.policy, &lab.caller(), Some(after), after);
    let removes_more = !again.answer.removed.is_empty();
    assert!(
        again.changes.is_empty() || removes_more,
        "a second reading changes {:?}",
        again.changes
    );
    done
}

fn state(lab: &Lab, id: &str) -> Option<ServerState> {
    lab.world()
        .servers
        .get(&server(id))
        .map(|server| server.state)
}

#[test]
fn servers_and_applications_of_the_files_can_be_used() {
    let mut lab = Lab::new(&[]);
    let done = read(&mut lab, None, &files(&[("a", "chess"), ("b", "draw")]));
    assert_eq!(done.put, [server("a"), server("b")]);
    lab.start("chess").expect("free");
    assert_eq!(
        lab.start("chess"),
        Err(Refusal::Busy),
        "one place, where the file says nothing"
    );
    lab.book("draw", MIDNIGHT + HOUR, 60).expect("free");
}

#[test]
fn an_altered_server_is_altered_and_its_promises_go_on() {
    let mut lab = Lab::new(&[]);
    let before = files(&[("a", "chess")]);
    read(&mut lab, None, &before);
    let code = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free").code;
    let mut after = files(&[("a", "chess"), ("b", "chess")]);
    after.servers[0].applications = vec!["draw".to_owned()];
    after.servers[0].limit = Some(5);
    let done = read(&mut lab, Some(&before), &after);
    assert_eq!(done.put, [server("a"), server("b")]);
    assert_eq!(lab.world().servers[&server("a")].limit, 5);
    assert_eq!(
        lab.booking(code).server,
        server("b"),
        "the other one still runs it"
    );
}

#[test]
fn a_server_that_is_removed_with_promises_is_emptied_first() {
    let mut lab = Lab::new(&[]);
    let before = files(&[("a", "chess"), ("b", "draw")]);
    let after = files(&[]);
    read(&mut lab, None, &before);
    let code = lab.book("chess", MIDNIGHT, 60).expect("free").code;
    let done = read(&mut lab, Some(&before), &after);
    assert_eq!(
        (done.removed, done.draining),
        (vec![server("b")], vec![server("a")])
    );
    assert!(lab.world().applications.is_empty());
    assert!(lab.book("chess", MIDNIGHT + HOUR, 60).is_err());

    lab.start_booking(code).expect("what was promised is kept");
    read(&mut lab, Some(&after), &after);
    assert_eq!(state(&lab, "a"), Some(ServerState::Draining));
    let over = end::end(&lab.ledger, &lab.caller(), code, EndReason::Operator);
    lab.take(over.expect("it is known"));
    read(&mut lab, Some(&after), &after);
    assert_eq!(state(&lab, "a"), None);
}

#[test]
fn a_server_that_is_named_again_takes_sessions_again_but_not_one_that_is_drained() {
    let mut lab = Lab::new(&[]);
    let with = files(&[("a", "chess")]);
    let without = files(&[]);
    read(&mut lab, None, &with);
    lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    read(&mut lab, Some(&with), &without);
    read(&mut lab, Some(&without), &with);
    assert_eq!(state(&lab, "a"), Some(ServerState::Online));
    lab.drain("a");
    read(&mut lab, Some(&with), &with);
    assert_eq!(state(&lab, "a"), Some(ServerState::Draining));
}

#[test]
fn what_registered_or_an_operator_added_is_none_of_the_files_business() {
    let mut lab = Lab::new(&[("self", 3, &["fly"])]);
    lab.add_application("mine");
    let before = files(&[("a", "chess"), ("self", "fly")]);
    read(&mut lab, None, &before);
    assert_eq!(lab.world().servers[&server("self")].limit, 3);
    read(&mut lab, Some(&before), &files(&[]));
    let known: Vec<&String> = lab.world().applications.keys().collect();
    assert_eq!(known, ["fly", "mine"]);
    assert_eq!(state(&lab, "self"), Some(ServerState::Online));
}

#[test]
fn what_is_wrong_in_a_file_is_left_out_and_said() {
    let mut lab = Lab::new(&[]);
    let long = "x".repeat(200);
    let done = read(
        &mut lab,
        None,
        &files(&[("a", "chess"), ("a", "draw"), ("", "chess"), ("c", &long)]),
    );
    assert_eq!(done.put, [server("a")]);
    assert_eq!(done.ignored.len(), 4, "{:?}", done.ignored);
    assert_eq!(lab.world().servers[&server("a")].applications, ["chess"]);
}

#[test]
fn more_than_there_may_be_is_left_out() {
    let mut lab = Lab::new(&[]);
    let names: Vec<(String, String)> = (0..2_100)
        .map(|n| (format!("s{n:04}"), format!("game{n:04}")))
        .collect();
    let named: Vec<(&str, &str)> = names
        .iter()
        .map(|(id, name)| (id.as_str(), name.as_str()))
        .collect();
    let done = read(&mut lab, None, &files(&named));
    assert_eq!(
        (lab.world().servers.len(), lab.world().applications.len()),
        (2_000, 1_000)
    );
    assert_eq!(done.ignored.len(), 100 + 1_100);
}

#[test]
fn what_an_operator_wrote_stays_until_the_file_says_something_else() {
    let mut lab = Lab::new(&[]);
    let before = files(&[("a", "chess")]);
    read(&mut lab, None, &before);
    let mut edited = lab.world().applications["chess"].clone();
    edited.picture = Some("/chess.png".to_owned());
    let put = applications::put_application(&lab.ledger, &lab.caller(), &edited);
    lab.take(put.expect("it is fine"));
    read(&mut lab, Some(&before), &before);
    assert_eq!(lab.world().applications["chess"], edited);
    let mut after = before.clone();
    after.applications[0].picture = Some("/new.png".to_owned());
    read(&mut lab, Some(&before), &after);
    assert_eq!(lab.world().applications["chess"], after.applications[0]);
}

#[test]
fn an_application_is_added_altered_and_removed_once() {
    let mut lab = Lab::new(&[]);
    lab.add_application("chess");
    let chess = lab.world().applications["chess"].clone();
    let same =
        applications::put_application(&lab.ledger, &lab.caller(), &chess).expect("it is fine");
    assert!(same.changes.is_empty());
    let mut endless = chess.clone();
    endless.title.insert("en".to_owned(), "x".repeat(5_000));
    assert!(applications::put_application(&lab.ledger, &lab.caller(), &endless).is_err());
    let mut endless = chess.clone();
    endless.picture = Some("x".repeat(2_001));
    assert!(applications::put_application(&lab.ledger, &lab.caller(), &endless).is_err());
    let removed = applications::remove_application(&lab.ledger, &lab.caller(), "chess");
    lab.take(removed.expect("it is known"));
    let again = applications::remove_application(&lab.ledger, &lab.caller(), "chess");
    assert_eq!(again, Err(Refusal::NotExist));
    let unknown = servers::server_away(&lab.ledger, &lab.caller(), &server("a"));
    assert_eq!(unknown, Err(Refusal::NotExist));
}
