//! What users of a session say and hear: as it is written down, and there and back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use server_wire::{
    Anything, Broadcast, Client, ClipboardText, Colour, ConnectToSession, Control, Count,
    CursorShape, Description, Established, ExtendBy, GiveControl, IceCandidate, IceServer, Lines,
    LockControl, OnAir, PersonName, Presence, Quality, Relay, Relayed, Said, Say, SetName,
    TimeWarning, UserAnswer, UserRequest, ViewerQuality, read, write,
};

use crate::trips::{code, comes_back, count, minutes, port, seconds, text, token};

fn lines<const MAX: usize>() -> impl Strategy<Value = Lines<MAX>> {
    "[ -~äж\r\n\t]{1,200}".prop_map(|text| Lines::new(&text).expect("within the bound"))
}

fn anything<const MAX: usize>() -> impl Strategy<Value = Anything<MAX>> {
    any::<String>().prop_map(|text| Anything::new(&text).expect("within the bound"))
}

fn simple_request() -> impl Strategy<Value = UserRequest> {
    prop_oneof![
        Just(UserRequest::LeaveSession),
        Just(UserRequest::RequestControl),
        Just(UserRequest::CancelRequest),
        Just(UserRequest::ReleaseControl),
        Just(UserRequest::TakeControl),
        Just(UserRequest::Quality),
        any::<bool>().prop_map(|active| UserRequest::Presence(Presence { active })),
        any::<bool>().prop_map(|locked| UserRequest::LockControl(LockControl { locked })),
        any::<bool>().prop_map(|on| UserRequest::Broadcast(Broadcast { on })),
        count().prop_map(|client| UserRequest::GiveControl(GiveControl { client })),
        count().prop_map(|client| UserRequest::RefuseControl(GiveControl { client })),
        minutes().prop_map(|minutes| UserRequest::Extend(ExtendBy { minutes })),
        text().prop_map(|name| UserRequest::SetName(SetName { name })),
    ]
}

fn request() -> impl Strategy<Value = UserRequest> {
    let connect = (
        (option::of(text()), option::of(port()), option::of(code())),
        (
            option::of(token()),
            option::of(token()),
            option::of(token()),
        ),
        option::of(text()),
    );
    let candidate = (
        anything(),
        option::of(anything()),
        option::of(any::<u16>()),
        option::of(anything()),
    );
    prop_oneof![
        simple_request(),
        connect.prop_map(|((ip, port, code), (token, watch, resume), name)| {
            UserRequest::ConnectToSession(ConnectToSession {
                ip,
                port,
                code,
                token,
                watch,
                resume,
                name,
            })
        }),
        lines().prop_map(|sdp| UserRequest::Offer(Description { sdp })),
        candidate.prop_map(
            |(candidate, sdp_mid, sdp_m_line_index, username_fragment)| {
                UserRequest::Candidate(IceCandidate {
                    candidate,
                    sdp_mid,
                    sdp_m_line_index,
                    username_fragment,
                })
            }
        ),
        lines().prop_map(|text| UserRequest::Chat(Say { text })),
        (option::of(count()), anything())
            .prop_map(|(to, data)| UserRequest::Relay(Relay { to, data })),
        anything().prop_map(|text| UserRequest::Clipboard(ClipboardText { text })),
    ]
}

fn control() -> impl Strategy<Value = Control> {
    (
        option::of(count()),
        vec(count(), 0..4),
        any::<bool>(),
        option::of(count()),
    )
        .prop_map(|(driver, queue, locked, request)| Control {
            driver,
            queue,
            locked,
            request,
            seconds_left: None,
        })
}

fn person() -> impl Strategy<Value = Client> {
    (count(), text(), any::<[bool; 3]>(), any::<[u8; 3]>()).prop_map(
        |(client, name, [owner, active, watching], colour)| Client {
            client,
            name,
            owner,
            active,
            colour: Some(Colour(colour)),
            watching,
        },
    )
}

fn established() -> impl Strategy<Value = Established> {
    let server = (vec(text(), 0..3), option::of(text()), option::of(text())).prop_map(
        |(urls, username, credential)| IceServer {
            urls,
            username,
            credential,
        },
    );
    (
        (text(), count(), vec(person(), 0..4), option::of(seconds())),
        (option::of(token()), option::of(token()), vec(server, 0..3)),
        option::of(control()),
    )
        .prop_map(
            |((url, client, clients, ends_at), (resume, watch, ice_servers), control)| {
                Established {
                    webrtc_connection_data: url,
                    client,
                    clients,
                    ends_at,
                    resume,
                    watch,
                    ice_servers,
                    application: None,
                    control,
                    broadcast: Some(OnAir::default()),
                }
            },
        )
}

fn answer() -> impl Strategy<Value = UserAnswer> {
    prop_oneof![
        established().prop_map(|told| UserAnswer::Established(Box::new(told))),
        control().prop_map(UserAnswer::Control),
        lines().prop_map(|sdp| UserAnswer::Answer(Description { sdp })),
        (count(), text(), lines(), seconds()).prop_map(|(client, name, text, at)| {
            UserAnswer::Chat(Said {
                client,
                name,
                text,
                at,
            })
        }),
        (count(), anything()).prop_map(|(from, data)| UserAnswer::Relay(Relayed { from, data })),
        any::<bool>().prop_map(|hidden| UserAnswer::Cursor(CursorShape::Hidden { hidden })),
        (any::<[u16; 4]>(), anything()).prop_map(|([x, y, width, height], png)| {
            UserAnswer::Cursor(CursorShape::Shown {
                x,
                y,
                width,
                height,
                png,
            })
        }),
        vec(any::<[u32; 4]>(), 0..3).prop_map(|each| {
            let viewer = |[a, b, c, d]: [u32; 4]| ViewerQuality {
                rtt_us: Some(a.into()),
                estimate_bps: b.into(),
                sent_bytes: c.into(),
                nacks: d.into(),
                ..ViewerQuality::default()
            };
            UserAnswer::Quality(Quality {
                viewers: each.into_iter().map(viewer).collect(),
            })
        }),
        any::<bool>().prop_map(|can_extend| UserAnswer::TimeWarning(TimeWarning {
            seconds_left: server_wire::Seconds(60),
            can_extend,
        })),
        Just(UserAnswer::Busy),
        Just(UserAnswer::Done),
    ]
}

proptest! {
    #[test]
    fn what_a_user_asks(body in request(), id in option::of(any::<u64>())) {
        comes_back(&body, id);
    }

    #[test]
    fn what_a_user_hears(body in answer(), id in option::of(any::<u64>())) {
        comes_back(&body, id);
    }

    #[test]
    fn a_colour_is_six_digits(colour in any::<[u8; 3]>(), other in ".{0,9}") {
        let text = serde_json::to_string(&Colour(colour)).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Colour>(&text).expect("a colour"), Colour(colour));
        if let Ok(colour) = serde_json::from_value::<Colour>(other.clone().into()) {
            prop_assert_eq!(colour.to_string(), other.to_ascii_lowercase());
        }
    }
}

#[test]
fn the_verbs_of_a_browser_are_understood_as_it_writes_them() {
    for text in [
        r#"{"verb":"WEBRTC_OFFER","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"}"#,
        r#"{"verb":"WEBRTC_CANDIDATE","candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}"#,
        r#"{"verb":"REQUEST_CONTROL"}"#,
        r#"{"verb":"GIVE_CONTROL","client":3}"#,
        r#"{"verb":"LOCK_CONTROL","locked":true}"#,
        r#"{"verb":"CHAT","text":"one\ntwo"}"#,
        r#"{"verb":"RELAY","to":2,"data":""}"#,
        r#"{"verb":"CLIPBOARD","text":""}"#,
        r#"{"verb":"EXTEND_SESSION","minutes":15}"#,
        r#"{"verb":"CONNECT_TO_SESSION","watch":"0123456789abcdef","resume":"0123456789abcdef"}"#,
    ] {
        let body = read::<UserRequest>(text).expect(text).body;
        assert_eq!(write(&body, None), text);
    }
    // As browsers' toJSON gives a candidate.
    let text = r#"{"verb":"WEBRTC_CANDIDATE","candidate":"","sdpMid":null,"sdpMLineIndex":null,"usernameFragment":null}"#;
    read::<UserRequest>(text).expect("the last candidate");
}

#[test]
fn what_users_are_told_is_as_the_page_reads_it() {
    for text in [
        r#"{"msg":"CONTROL","driver":1,"queue":[2,3],"locked":false,"request":2,"seconds_left":10}"#,
        r#"{"msg":"CONTROL","queue":[],"locked":true}"#,
        r#"{"msg":"CURSOR","x":1,"y":2,"width":16,"height":24,"png":"iVBORw0KGgo="}"#,
        r#"{"msg":"CURSOR","hidden":true}"#,
        r#"{"msg":"TIME_WARNING","seconds_left":60,"can_extend":true}"#,
        r#"{"msg":"CHAT","client":1,"name":"Ann","text":"hello","at":1795262400}"#,
        r#"{"msg":"RELAY","from":1,"data":"{}"}"#,
        r#"{"msg":"BROADCAST","on":true,"channel":2,"invite":"treecast://..."}"#,
        r#"{"msg":"NOT_ALLOWED","reason":"only the owner may"}"#,
        r##"{"msg":"SESSION_CONNECTION_ESTABLISHED","WebRTC_connection_data":"https://192.0.2.1:1111/session/1234","client":1,"clients":[{"client":1,"name":"Ann","owner":true,"active":true,"colour":"#1f77b4"},{"client":2,"name":"Bob","owner":false,"active":true,"colour":"#d62728","watching":true}],"ends_at":1795262400,"resume":"0123456789abcdef","watch":"0123456789abcdef","ice_servers":[{"urls":["stun:192.0.2.1:3478"]}],"application":{"name":"Clock","title":{"en":"Clock"},"width":1280,"height":720},"control":{"driver":1,"queue":[],"locked":false},"broadcast":{"on":false}}"##,
    ] {
        let body = read::<UserAnswer>(text).expect(text).body;
        assert_eq!(write(&body, None), text);
    }
}

#[test]
fn what_people_write_is_not_in_a_log() {
    let said = Say {
        text: Lines::new("a secret").expect("short"),
    };
    let pasted = ClipboardText {
        text: Anything::new("another secret").expect("short"),
    };
    assert!(!format!("{said:?} {pasted:?}").contains("secret"));
    assert_eq!(PersonName::cut("Ann").as_str(), "Ann");
    assert_eq!(Count(1).0, 1);
}
