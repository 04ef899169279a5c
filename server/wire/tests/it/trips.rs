//! Whatever can be said is read as it was written.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use server_wire::{
    Audit, Body, CancelPlan, ClientRequest, Code, ConnectWithCode, ConnectionData, Count, Date,
    Deed, Drain, EndOrder, EndWord, EndedSession, ExtendOrder, ExtendSession, ExtendWanted,
    Extendable, FreeSlots, FromCoordinator, FromSessionServer, GetServers, Heartbeat, Id,
    KnowsCode, Minutes, Nonce, OfferedApplication, Order, OrderAnswer, PlanSession, Port, Range,
    Register, Report, ReportAnswer, RunningSession, SessionStatus, StartOrder, StartSession, Taken,
    Text, TimeOfDay, Token, UnixSeconds, UsersOf, read, write,
};

pub(crate) fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    any::<String>().prop_map(|text| Text::cut(&text))
}

pub(crate) fn code() -> impl Strategy<Value = Code> {
    (0..Code::COUNT).prop_map(|number| Code::new(number).expect("below the count"))
}

pub(crate) fn port() -> impl Strategy<Value = Port> {
    (1..=u16::MAX).prop_map(|port| Port::new(port).expect("not 0"))
}

pub(crate) fn seconds() -> impl Strategy<Value = UnixSeconds> {
    (0..=UnixSeconds::MAX).prop_map(UnixSeconds)
}

pub(crate) fn minutes() -> impl Strategy<Value = Minutes> {
    (1..=Minutes::MAX).prop_map(Minutes)
}

pub(crate) fn count() -> impl Strategy<Value = Count> {
    (0..=Count::MAX).prop_map(Count)
}

fn date() -> impl Strategy<Value = Date> {
    (1970..=9998_u16, 1..=12_u8, 1..=28_u8)
        .prop_map(|(year, month, day)| Date::new(year, month, day).expect("exists"))
}

fn time() -> impl Strategy<Value = TimeOfDay> {
    (0..24_u8, 0..60_u8).prop_map(|(hour, minute)| TimeOfDay::new(hour, minute).expect("exists"))
}

pub(crate) fn token() -> impl Strategy<Value = Token> {
    any::<[u8; 16]>().prop_map(Token::from_random)
}

fn word() -> impl Strategy<Value = EndWord> {
    prop_oneof![
        Just(EndWord::TimeOver),
        Just(EndWord::Empty),
        Just(EndWord::Idle),
        Just(EndWord::Operator),
        Just(EndWord::Cancelled),
        Just(EndWord::Unused),
        Just(EndWord::NotStarted),
        Just(EndWord::ServerLost),
        Just(EndWord::ApplicationEnded),
    ]
}

fn client_request() -> impl Strategy<Value = ClientRequest> {
    let range = (0..9_000_u32, 0..1_024_u32)
        .prop_map(|(first, more)| Range::new(first, first + more).expect("a range"));
    prop_oneof![
        range.prop_map(|range| ClientRequest::GetServers(GetServers { range })),
        (
            date(),
            time(),
            option::of(text()),
            option::of(minutes()),
            option::of(text())
        )
            .prop_map(|(date, time, rc_name, duration_minutes, tz)| {
                ClientRequest::PlanSession(PlanSession {
                    date,
                    time,
                    rc_name,
                    duration_minutes,
                    tz,
                })
            }),
        text().prop_map(|rc_name| ClientRequest::StartSession(StartSession { rc_name })),
        code().prop_map(|code| ClientRequest::ConnectWithCode(ConnectWithCode { code })),
        (date(), option::of(text()), option::of(minutes())).prop_map(
            |(date, rc_name, duration_minutes)| {
                ClientRequest::FreeSlots(FreeSlots {
                    rc_name,
                    date,
                    duration_minutes,
                    tz: None,
                })
            }
        ),
        (code(), minutes()).prop_map(|(code, minutes)| {
            ClientRequest::ExtendSession(ExtendSession { code, minutes })
        }),
        code().prop_map(|code| ClientRequest::CancelPlan(CancelPlan { code })),
        code().prop_map(|code| ClientRequest::SessionStatus(SessionStatus { code })),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        (
            option::of(text()),
            option::of(code()),
            option::of(seconds()),
            option::of(token()),
            any::<bool>()
        )
            .prop_map(|(rc_name, code, ends_at, token, hashed)| {
                Order::StartSession(StartOrder {
                    rc_name,
                    code,
                    ends_at,
                    token_hash: token.as_ref().filter(|_| hashed).map(Token::hash),
                    token,
                })
            }),
        (code(), option::of(word()))
            .prop_map(|(code, why)| Order::EndSession(EndOrder { code, why })),
        (code(), seconds())
            .prop_map(|(code, ends_at)| Order::Extend(ExtendOrder { code, ends_at })),
        any::<bool>().prop_map(|draining| Order::Drain(Drain { draining })),
        code().prop_map(|code| Order::KnowsCode(KnowsCode { code })),
    ]
}

fn running() -> impl Strategy<Value = RunningSession> {
    (code(), text(), seconds(), option::of(token())).prop_map(|(code, rc_name, ends_at, token)| {
        RunningSession {
            code,
            rc_name,
            ends_at,
            token_hash: token.as_ref().map(Token::hash),
        }
    })
}

fn application() -> impl Strategy<Value = OfferedApplication> {
    (text(), option::of(text()), option::of(text())).prop_map(|(name, title, picture)| {
        OfferedApplication {
            name,
            title: title
                .into_iter()
                .map(|title| ("en".to_owned(), title))
                .collect(),
            description: Default::default(),
            picture,
        }
    })
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        (
            text(),
            any::<[u8; 32]>(),
            text(),
            port(),
            vec(application(), 0..4),
            count(),
            vec(running(), 0..4),
            any::<bool>()
        )
            .prop_map(
                |(name, nonce, host, port, applications, limit, running, draining)| {
                    Report::Register(Register {
                        name,
                        nonce: Nonce(nonce),
                        host,
                        port,
                        applications,
                        limit,
                        running,
                        draining,
                    })
                }
            ),
        (vec(running(), 0..4), vec((code(), count(), count()), 0..4)).prop_map(
            |(running, users)| {
                let users = users
                    .into_iter()
                    .map(|(code, users, active)| UsersOf {
                        code,
                        users,
                        active,
                    })
                    .collect();
                Report::Heartbeat(Heartbeat {
                    running,
                    users,
                    draining: false,
                })
            }
        ),
        (code(), word(), option::of(text())).prop_map(|(code, why, detail)| {
            Report::SessionEnded(EndedSession {
                code,
                why,
                token_hash: None,
                detail,
            })
        }),
        (code(), option::of(token()), option::of(minutes())).prop_map(|(code, token, minutes)| {
            Report::ExtendWanted(ExtendWanted {
                code,
                token_hash: token.as_ref().map(Token::hash),
                minutes,
            })
        }),
        vec((code(), text(), text(), option::of(text())), 0..4).prop_map(|deeds| {
            let deeds = deeds.into_iter().map(|(code, who, what, detail)| Deed {
                code,
                who,
                what,
                detail,
            });
            Report::Audit(Audit {
                deeds: deeds.collect(),
            })
        }),
    ]
}

/// Reads what it wrote, with an id and without.
pub(crate) fn comes_back<T: Body + PartialEq + Debug>(body: &T, id: Option<u64>) {
    let id = id.map(Id::number);
    let text = write(body, id.as_ref());
    let message = read::<T>(&text).expect(&text);
    assert_eq!(&message.body, body);
    assert_eq!(message.id, id);
    assert_eq!(write(&message.body, message.id.as_ref()), text);
}

proptest! {
    #[test]
    fn what_a_client_asks(body in client_request(), id in option::of(any::<u64>())) {
        comes_back(&body, id);
    }

    #[test]
    fn what_a_coordinator_orders(body in order(), id in option::of(any::<u64>())) {
        comes_back(&FromCoordinator::Order(body), id);
    }

    #[test]
    fn what_a_session_server_reports(body in report(), id in option::of(any::<u64>())) {
        comes_back(&FromSessionServer::Report(body), id);
    }

    #[test]
    fn what_either_answers(code in code(), ip in text(), port in port(), id in any::<u64>()) {
        let data = ConnectionData { ip, port, code: Some(code), token: None, url: None, ends_at: None };
        comes_back(&FromSessionServer::Answer(OrderAnswer::ConnectionData(data)), Some(id));
        for answer in [
            ReportAnswer::Taken(Taken { code }),
            ReportAnswer::Busy,
            ReportAnswer::Noted,
            ReportAnswer::Extendable(Extendable { code, minutes: Count(30) }),
        ] {
            comes_back(&FromCoordinator::Answer(answer), Some(id));
        }
    }
}
