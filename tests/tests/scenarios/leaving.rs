//! Leaving politely: the children never notice.

use std::time::Duration;

use tests::{Crowd, Film, Lab, OriginOptions, PeerOptions, Place, SOON, eventually, holds};

/// How long leaving may take.
const POLITE: Duration = Duration::from_secs(20);

/// A fan-out above the number of stripes, the origin's too: a peer takes at most one place for each, so some are always
/// free, and a child can go elsewhere before its parent goes. Where all places are taken, the last child gets the place
/// of the one who leaves only when that is gone: a repair of some milliseconds that costs no block.
const FREE_PLACES: u16 = 6;

/// Somebody who leaves.
struct Leaver {
    identity: String,
    /// Repairs of what it sent, before.
    before: usize,
}

impl Leaver {
    fn new(crowd: &Crowd, identity: String) -> Self {
        let before = crowd.repairs_from(&identity);
        Self { identity, before }
    }
}

/// After somebody left: nobody repaired what it had sent, nobody missed anything.
#[track_caller]
fn assert_nobody_noticed(crowd: &Crowd, leaver: &Leaver) {
    crowd.await_whole(SOON);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
    assert_eq!(crowd.repairs_from(&leaver.identity), leaver.before);
    crowd.assert_calm();
}

#[test]
fn a_relay_that_leaves_at_sigterm_is_not_missed() {
    let lab = Lab::new();
    let mut crowd = Crowd::gather(&lab, 7, FREE_PLACES, FREE_PLACES);
    crowd.await_more(2);
    let leaving = crowd.take_interior(|_| true);
    let leaver = Leaver::new(&crowd, leaving.facts().identity);
    leaving.sigterm();
    let ended = leaving.wait_exit(POLITE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = ended.stdout.lines().last().unwrap_or("");
    assert!(
        last.starts_with("left ") && last.contains("missing=0"),
        "{last}"
    );
    leaving.process().assert_clean();
    let unfinished = std::fs::read_dir(leaving.spool().join(".treecast/tmp")).expect("it is there");
    assert_eq!(unfinished.count(), 0, "nothing is left half written");
    assert!(
        !leaving.spool().join(".treecast/control.json").exists(),
        "nobody can be asked"
    );
    assert_nobody_noticed(&crowd, &leaver);
}

/// A relay with menus above all others; `leave` makes it leave.
fn leaves_from_the_menu(leave: impl Fn(&tests::Menu, &Lab)) {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film).direct(FREE_PLACES));
    let menu = lab.menu(&origin.invite, PeerOptions::fanout(FREE_PLACES));
    eventually(SOON, "the one with the menus receives", || {
        let status = menu.status()?;
        holds(status.is_whole(), || format!("{status:?}"))
    });
    let crowd = Crowd {
        peers: lab.peers(&origin.invite, 4, &PeerOptions::fanout(FREE_PLACES)),
        origin,
    };
    crowd.await_whole(SOON);
    eventually(SOON, "it serves others", || {
        let status = menu.status()?;
        holds(status.is_interior(), || format!("{status:?}"))
    });
    crowd.await_more(1);
    let leaver = Leaver::new(&crowd, menu.status().expect("it answers").identity);
    leave(&menu, &lab);
    let (code, screen) = menu.wait_exit(POLITE);
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("left:"),
        "its last words are on the screen: {screen}"
    );
    assert_nobody_noticed(&crowd, &leaver);
}

#[test]
fn a_relay_that_leaves_by_q_in_its_menus_is_not_missed() {
    leaves_from_the_menu(|menu, _| menu.press(&["q"]));
}

#[test]
fn a_relay_that_leaves_by_ctrl_c_in_its_menus_is_not_missed() {
    leaves_from_the_menu(|menu, _| menu.press(&["C-c"]));
}

#[test]
fn a_relay_that_a_script_tells_to_leave_is_not_missed() {
    leaves_from_the_menu(|menu, lab| {
        let spool = menu.spool.to_str().expect("a plain path");
        let leave = lab.start("peer", &Place::default(), &["leave", "--spool", spool]);
        assert_eq!(leave.wait_exit(POLITE).code, Some(0));
    });
}
