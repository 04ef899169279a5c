//! Who gets what came: viewers by name and address, those who asked a server, and what a relay passes on. They must never
//! need a socket.

use super::*;

fn check(user: &str, from: &str) -> Incoming {
    Incoming {
        data: stun::tests::binding_request(user),
        from: from.parse().expect("an address"),
        to: "127.0.0.1:1".parse().expect("an address"),
        tcp: false,
    }
}

fn media(from: &str) -> Incoming {
    Incoming {
        data: BytesMut::from(&[0x80u8, 1, 2][..]),
        ..check("", from)
    }
}

fn waiting(inbox: &Inbox) -> usize {
    let mut contents = crate::inbox::Contents::default();
    inbox.take(&mut contents);
    contents.datagrams.len()
}

#[test]
fn a_viewer_is_known_by_its_name_then_by_its_address_and_not_after_it_left() {
    let routes = Arc::new(Routes::default());
    let (first, second) = (Arc::new(Inbox::default()), Arc::new(Inbox::default()));
    let ticket = routes.enter("first".into(), first.clone());
    let _second = routes.enter("second".into(), second.clone());
    routes.deliver(
        [
            media("10.0.0.1:5"),
            check("first:x", "10.0.0.1:5"),
            media("10.0.0.1:5"),
        ]
        .into_iter(),
    );
    assert_eq!(
        (waiting(&first), waiting(&second), routes.counts().0),
        (2, 0, 1)
    );
    // The same port, now another viewer's.
    routes.deliver([check("second:x", "10.0.0.1:5"), media("10.0.0.1:5")].into_iter());
    assert_eq!((waiting(&first), waiting(&second)), (0, 2));
    drop(ticket);
    routes.deliver([media("10.0.0.1:5"), check("first:x", "10.0.0.2:5")].into_iter());
    assert_eq!(
        (waiting(&first), waiting(&second), routes.counts().0),
        (0, 1, 2)
    );
    drop(_second);
    assert!(routes.table().addresses.is_empty() && routes.table().users.is_empty());
}

#[test]
fn what_a_server_says_is_for_who_asked_and_what_it_relays_for_the_viewer() {
    let routes = Arc::new(Routes::default());
    let inbox = Arc::new(Inbox::default());
    let _ticket = routes.enter("first".into(), inbox.clone());
    let relayed: SocketAddr = "192.0.2.15:50000".parse().expect("an address");
    let server = "192.0.2.9:3478";
    let address = server.parse().expect("an address");
    let peer = "10.0.0.1:5".parse().expect("an address");
    let wrapped = |inner: &Incoming| {
        let mut data = indication::send(peer, &inner.data).expect("it fits");
        data[1] = 0x17;
        Incoming {
            data,
            ..media(server)
        }
    };
    let (one, other) = (routes.listen(address), routes.listen(address));
    routes.relays(address, Some(relayed));
    let checked = check("first:x", "0.0.0.0:0");
    routes.deliver(
        [
            wrapped(&checked),
            wrapped(&media("0.0.0.0:0")),
            media(server),
        ]
        .into_iter(),
    );
    let mut contents = crate::inbox::Contents::default();
    inbox.take(&mut contents);
    let came: Vec<_> = contents
        .datagrams
        .iter()
        .map(|it| (it.from, it.to))
        .collect();
    assert_eq!(came, [(peer, relayed), (peer, relayed)]);
    assert_eq!(contents.datagrams[0].data, checked.data);
    for mut listening in [one, other] {
        assert_eq!(listening.waiting(), 1);
    }
    assert!(routes.table().servers.is_empty());
    routes.deliver([wrapped(&checked)].into_iter());
    assert_eq!((waiting(&inbox), routes.counts().0), (0, 1));
}

#[test]
fn one_viewer_cannot_fill_the_table() {
    let routes = Arc::new(Routes::default());
    let inbox = Arc::new(Inbox::default());
    let _ticket = routes.enter("first".into(), inbox);
    for port in 1..1000 {
        routes.deliver(std::iter::once(check(
            "first:x",
            &format!("10.0.0.1:{port}"),
        )));
    }
    assert_eq!(routes.table().addresses.len(), MAX_ADDRESSES);
}
