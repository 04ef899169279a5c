//! Worlds and changes to test with, by hand and drawn at random.

use std::collections::BTreeMap;

use proptest::prelude::*;
use server_booking::model::{
    Application, AuditEntry, Booking, Change, Code, EndReason, ServerId, ServerSource, ServerState,
    Session, SessionServer, SessionStage, UnixSeconds, World,
};

pub(crate) fn code(number: u16) -> Code {
    Code::new(number).expect("a test's code is one")
}

pub(crate) fn booking(number: u16, made_at: i64) -> Booking {
    Booking {
        code: code(number),
        application: "Atlas".to_owned(),
        server: ServerId("one".to_owned()),
        starts_at: UnixSeconds(1_800_000_000),
        ends_at: UnixSeconds(1_800_003_600),
        time_zone: "Europe/Moscow".to_owned(),
        made_at: UnixSeconds(made_at),
    }
}

pub(crate) fn session(number: u16, token: &str) -> Session {
    Session {
        code: code(number),
        application: "Atlas".to_owned(),
        server: ServerId("one".to_owned()),
        starts_at: UnixSeconds(1_800_000_000),
        ends_at: UnixSeconds(1_800_003_600),
        stage: SessionStage::Starting,
        address: None,
        token_hash: token.to_owned(),
        booked: false,
    }
}

pub(crate) fn entry(number: usize) -> AuditEntry {
    AuditEntry {
        at: UnixSeconds(1_700_000_000),
        actor: "coordinator".to_owned(),
        action: "counted".to_owned(),
        subject: number.to_string(),
        detail: String::new(),
    }
}

pub(crate) fn counter(title: u64) -> Change {
    Change::PutApplication(Application {
        name: "counter".to_owned(),
        title: BTreeMap::from([("en".to_owned(), title.to_string())]),
        ..Application::default()
    })
}

pub(crate) fn counted(world: &World) -> u64 {
    world
        .applications
        .get("counter")
        .map_or(0, |counter| counter.title["en"].parse().expect("a number"))
}

/// Any change, of few things, so that many meet; texts of every alphabet, blanks and quotes.
pub(crate) fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any_application().prop_map(Change::PutApplication),
        any_name().prop_map(Change::RemoveApplication),
        any_server().prop_map(Change::PutServer),
        any_name().prop_map(|name| Change::RemoveServer(ServerId(name))),
        any_booking().prop_map(Change::PutBooking),
        (any_code(), proptest::option::of(any_why()))
            .prop_map(|(code, why)| Change::RemoveBooking { code, why }),
        any_session().prop_map(Change::PutSession),
        (any_code(), any_why(), any_time()).prop_map(|(code, why, at)| Change::RemoveSession {
            code,
            why,
            at
        }),
        any_entry().prop_map(Change::Audit),
    ]
}

/// The changes of a commit that the state must not refuse: whoever puts a booking or session under a code that is
/// another's removes that first.
pub(crate) fn allowed(world: &World, drawn: Vec<Change>) -> (Vec<Change>, World) {
    let mut world = world.clone();
    let mut changes = Vec::new();
    for change in drawn {
        let in_the_way = match &change {
            Change::PutBooking(new) => Some((
                new.code,
                world.bookings.get(&new.code).is_some_and(|old| {
                    (&old.application, old.made_at) != (&new.application, new.made_at)
                }),
                world.sessions.contains_key(&new.code),
            )),
            Change::PutSession(new) => Some((
                new.code,
                world.bookings.contains_key(&new.code),
                world.sessions.get(&new.code).is_some_and(|old| {
                    (&old.application, &old.token_hash) != (&new.application, &new.token_hash)
                }),
            )),
            _ => None,
        };
        let mut make = |change: Change| {
            world.apply(&change);
            changes.push(change);
        };
        if let Some((code, booking, session)) = in_the_way {
            if booking {
                make(Change::RemoveBooking { code, why: None });
            }
            if session {
                let (why, at) = (EndReason::Operator, UnixSeconds(1));
                make(Change::RemoveSession { code, why, at });
            }
        }
        make(change);
    }
    (changes, world)
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Atlas"),
        Just("atlas"),
        Just("atlas "),
        Just(""),
        Just("Ätlas"),
        Just("глобус"),
        Just("a'b\"c\\d%_;--"),
        Just("\u{1f30d}\u{0}x"),
    ]
    .prop_map(str::to_owned)
}

fn any_texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-z]{2}", any::<String>(), 0..3)
}

fn any_application() -> impl Strategy<Value = Application> {
    (
        any_name(),
        any_texts(),
        any_texts(),
        proptest::option::of(any::<String>()),
    )
        .prop_map(|(name, title, description, picture)| Application {
            name,
            title,
            description,
            picture,
        })
}

fn any_server() -> impl Strategy<Value = SessionServer> {
    (
        any_name(),
        "[ -~]{0,40}",
        any::<u16>(),
        proptest::collection::vec(any_name(), 0..4),
        any::<u32>(),
        prop_oneof![
            Just(ServerState::Online),
            Just(ServerState::Draining),
            Just(ServerState::Away)
        ],
        prop_oneof![Just(ServerSource::File), Just(ServerSource::Registered)],
        any_time(),
    )
        .prop_map(
            |(id, host, port, applications, limit, state, source, seen_at)| SessionServer {
                id: ServerId(id),
                host,
                port,
                applications,
                limit,
                state,
                source,
                seen_at,
            },
        )
}

fn any_booking() -> impl Strategy<Value = Booking> {
    (
        any_code(),
        any_name(),
        any_name(),
        any_time(),
        any_time(),
        "[A-Za-z/_]{0,30}",
        0..2_i64,
    )
        .prop_map(
            |(code, application, server, starts_at, ends_at, time_zone, made_at)| Booking {
                code,
                application,
                server: ServerId(server),
                starts_at,
                ends_at,
                time_zone,
                made_at: UnixSeconds(made_at),
            },
        )
}

fn any_session() -> impl Strategy<Value = Session> {
    (
        any_code(),
        any_name(),
        any_name(),
        (any_time(), any_time()),
        prop_oneof![Just(SessionStage::Starting), Just(SessionStage::Running)],
        proptest::option::of(("[ -~]{0,40}", any::<u16>())),
        "[ab]",
        any::<bool>(),
    )
        .prop_map(
            |(
                code,
                application,
                server,
                (starts_at, ends_at),
                stage,
                address,
                token_hash,
                booked,
            )| {
                Session {
                    code,
                    application,
                    server: ServerId(server),
                    starts_at,
                    ends_at,
                    stage,
                    address,
                    token_hash,
                    booked,
                }
            },
        )
}

fn any_entry() -> impl Strategy<Value = AuditEntry> {
    (
        any_time(),
        any_name(),
        "[a-z_]{1,20}",
        any_name(),
        any::<String>(),
    )
        .prop_map(|(at, actor, action, subject, detail)| AuditEntry {
            at,
            actor,
            action,
            subject,
            detail,
        })
}

fn any_code() -> impl Strategy<Value = Code> {
    prop_oneof![Just(0), Just(7), Just(42), Just(9_999)].prop_map(code)
}

fn any_time() -> impl Strategy<Value = UnixSeconds> {
    prop_oneof![Just(0), Just(-1), Just(1_800_000_000), any::<i64>()].prop_map(UnixSeconds)
}

fn any_why() -> impl Strategy<Value = EndReason> {
    prop_oneof![
        Just(EndReason::TimeOver),
        Just(EndReason::Empty),
        Just(EndReason::Idle),
        Just(EndReason::Operator),
        Just(EndReason::Cancelled),
        Just(EndReason::Unused),
        Just(EndReason::NotStarted),
        Just(EndReason::ServerLost),
        Just(EndReason::ApplicationEnded),
    ]
}
