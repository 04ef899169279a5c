//! Sessions side by side, and their ends: asked for, by a kill of any part, or at the start.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn two_sessions_at_once_do_not_meet() {
    let bridge = bridge().await;
    let script = application("exec sleep 600");
    let (one, other) = tokio::join!(
        Lab::raise_at(&bridge, &script),
        Lab::raise_at(&bridge, &script)
    );
    assert_ne!(one.address().name(), other.address().name());
    let stranger = one.address().with_cookie_of(&other.address());
    assert!(
        stranger.connect().is_err(),
        "a cookie opens its own display only"
    );
    let (here, there) = (one.window().await, other.window().await);
    one.show.hands().inject(key(true, 0x61, 30));
    one.show.hands().set_clipboard("one's");
    here.until_held(1).await;
    until("one's clipboard", || here.paste()).await;
    assert_eq!(there.paste(), None);
    there.until_held(0).await;
    let (how, _) = tokio::join!(one.end(), async {
        // The other one goes on.
        other.show.hands().inject(key(true, 0x62, 48));
        there.until_held(1).await;
    });
    assert_eq!(how, "it was ended");
    other.end().await;
}

#[tokio::test]
async fn a_display_that_is_killed_ends_its_session_with_a_clear_word() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let _window = lab.window().await;
    signal(lab.process("Xvfb").await, libc::SIGKILL);
    let (_end, ended) = oneshot::channel();
    let how = lab.tend(ended).await;
    assert!(how.starts_with("the display ended"), "{how}");
}

/// Plays noise, again and again when it ends.
const NOISE: &str = "while :; do head -c 1920000 /dev/urandom | \
    pacat --raw --format=s16le --rate=48000 --channels=2; sleep 0.1; done";

async fn until_noise(tap: &Tap) {
    until("noise", || {
        let sounds = tap.sounds.lock().expect("not poisoned");
        // Silence is a packet of a few bytes.
        let loud = sounds.iter().filter(|packet| packet.data.len() > 60);
        (loud.count() >= 20).then_some(())
    })
    .await;
}

async fn comes_back_after(by: libc::c_int) {
    let lab = Lab::raise(&application(NOISE)).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let tap = Arc::new(Tap::default());
    hands.set_broadcast(Some(Arc::clone(&tap) as Arc<dyn PacketTap>));
    until_noise(&tap).await;
    let server = lab.process("pulseaudio").await;
    let (end, ended) = oneshot::channel();
    let tended = tokio::spawn(lab.tend(ended));
    signal(server, by);
    until("the old one is gone", || {
        (!PathBuf::from(format!("/proc/{server}")).exists()).then_some(())
    })
    .await;
    tap.sounds.lock().expect("not poisoned").clear();
    until_noise(&tap).await;
    // Nothing else has noticed.
    hands.inject(key(true, 0x61, 30));
    window.until_held(1).await;
    assert!(!tended.is_finished());
    end.send(()).expect("it listens");
    assert_eq!(tended.await.expect("no panic"), "it was ended");
    let sounds = tap.sounds.lock().expect("not poisoned");
    assert!(sounds.is_sorted_by(|one, next| one.at_us < next.at_us));
}

#[tokio::test]
async fn sound_comes_back_when_its_server_is_killed() {
    comes_back_after(libc::SIGKILL).await;
}

#[tokio::test]
async fn sound_comes_back_when_its_server_hangs() {
    comes_back_after(libc::SIGSTOP).await;
}

#[tokio::test]
async fn an_application_that_ends_hangs_or_is_killed_leaves_nobody() {
    let lab = Lab::raise(&application("setsid sleep 600 & exit 3")).await;
    let (_end, ended) = oneshot::channel();
    assert_eq!(lab.tend(ended).await, "the application ended with status 3");

    let lab = Lab::raise(&application("trap '' TERM; (setsid sh -c 'sleep 600 & sleep 600' &); echo up; while :; do sleep 1; done")).await;
    lab.log("up").await;
    assert_eq!(lab.end().await, "it was ended");

    let lab = Lab::raise(&application("exec sleep 600")).await;
    signal(lab.process("sleep").await, libc::SIGKILL);
    let (_end, ended) = oneshot::channel();
    let how = lab.tend(ended).await;
    assert_eq!(how, "the application ended with status 137");
}

#[tokio::test]
async fn a_display_that_does_not_answer_any_more_is_ended_all_the_same() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    signal(lab.process("Xvfb").await, libc::SIGSTOP);
    let hands = lab.show.hands();
    for x in 0..5000 {
        hands.inject(key(x % 2 == 0, 0x61, 30));
        hands.set_clipboard("nobody takes it");
    }
    assert_eq!(lab.end().await, "it was ended");
}

#[tokio::test]
async fn a_session_that_cannot_be_raised_leaves_nothing_and_says_why() {
    let bridge = bridge().await;
    let data = TempDir::new().expect("a folder");
    let mark = format!("{:032x}", rand::random::<u128>());
    let places = Places::new(data.path(), &mark);
    let mut missing = application("");
    missing.command = "/nowhere/at-all".into();
    let Err(why) = raise(&missing, &mark, &places, &bridge).await else {
        panic!("it came up");
    };
    assert!(why.starts_with("cannot run /nowhere/at-all: "), "{why}");
    assert_eq!(processes_of(&mark), Vec::<i32>::new());
    assert!(!places.work.exists() && !places.helpers.exists());
}

#[tokio::test]
async fn a_program_without_a_picture_has_no_display() {
    let mut blind = application("echo display ${DISPLAY:-none}; exec sleep 600");
    blind.display = false;
    let lab = Lab::raise(&blind).await;
    lab.log("display none").await;
    let hands = lab.show.hands();
    assert!(hands.stage().is_none());
    hands.inject(Input::ReleaseAll);
    hands.set_clipboard("nobody");
    assert_eq!(lab.end().await, "it was ended");
}

/// Descriptors and threads of this process, and sockets of displays that nobody listens at.
fn left() -> (usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).expect("a folder").count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

fn displays() -> BTreeSet<String> {
    let entries = fs::read_dir("/tmp/.X11-unix").expect("a folder");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.collect()
}

#[tokio::test]
async fn twenty_sessions_leave_no_process_folder_descriptor_or_thread() {
    let bridge = bridge().await;
    let script = application("exec sleep 600");
    let once = async || {
        let lab = Lab::raise_at(&bridge, &script).await;
        let display = lab.address().name().replace(':', "X");
        assert!(displays().contains(&display));
        lab.show.hands().inject(key(true, 0x61, 30));
        lab.end().await;
        assert!(!displays().contains(&display), "{display} is left");
    };
    once().await;
    let before = left();
    for _ in 0..5 {
        tokio::join!(once(), once(), once(), once());
    }
    let fewer = |(descriptors, threads): (usize, usize)| {
        // The runtime keeps some threads for blocking work, at most as many as ran at once.
        (descriptors <= before.0 + 4 && threads <= before.1 + 32).then_some(())
    };
    until(&format!("{before:?} again, not {:?}", left()), || {
        fewer(left())
    })
    .await;
}

/// The one who cleans up after a crash knows nothing but the mark and the folder.
#[tokio::test]
async fn what_a_killed_server_left_is_removed_by_its_mark() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let display = lab.address().name().replace(':', "X");
    let socket = PathBuf::from("/tmp/.X11-unix").join(&display);
    signal(lab.process("Xvfb").await, libc::SIGKILL);
    let Lab {
        show, mark, places, ..
    } = lab;
    drop(show);
    until("the guardians have ended everybody", || {
        processes_of(&mark).is_empty().then_some(())
    })
    .await;
    assert!(socket.exists(), "a killed display leaves its socket");
    clean_up(&mark, &places).await;
    assert!(!socket.exists() && !places.work.exists() && !places.helpers.exists());
}
