//! Whole sessions on real displays with real sound servers; the application is a client of the test's own where its
//! window matters.

mod window;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use media_packet::{SoundPacket, VideoPacket};
use server_bridge::BridgeConfig;
use server_bridge::input::TouchPhase;
use server_wire::{ApplicationName, CursorShape};
use tempfile::TempDir;
use window::Window;

use super::*;
use crate::places::Places;

/// How long anything that has to happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn application(script: &str) -> Application {
    let mut application = Application::new(ApplicationName::cut("test"), "sh".into());
    application.arguments = vec!["-c".to_owned(), script.to_owned()];
    application.width = 640;
    application.height = 360;
    application
}

/// A session, and where it lives.
struct Lab {
    show: Show,
    mark: String,
    places: Places,
    data: TempDir,
}

async fn bridge() -> Bridge {
    let config = BridgeConfig {
        udp: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tcp: None,
        advertise: Vec::new(),
        ice_servers: Vec::new(),
        max_viewers: 8,
    };
    Bridge::start(config).await.expect("a bridge")
}

impl Lab {
    async fn raise(application: &Application) -> Self {
        Self::raise_at(&bridge().await, application).await
    }

    async fn raise_at(bridge: &Bridge, application: &Application) -> Self {
        let data = TempDir::new().expect("a folder");
        fs::create_dir_all(data.path().join("logs")).expect("a folder");
        let mark = format!("{:032x}", rand::random::<u128>());
        let places = Places::new(data.path(), &mark);
        let show = raise(application, &mark, &places, bridge).await;
        let show = show.expect("it comes up");
        Self {
            show,
            mark,
            places,
            data,
        }
    }

    fn scene(&self) -> &Scene {
        self.show.scene.as_ref().expect("it has a display")
    }

    fn address(&self) -> Address {
        self.scene().display.address().clone()
    }

    async fn window(&self) -> Window {
        let address = self.address();
        blocking(move || Ok(Window::open(&address)))
            .await
            .expect("a window")
    }

    async fn log(&self, words: &str) -> String {
        let path = self.places.log.clone();
        until(words, || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            text.contains(words).then_some(text)
        })
        .await
    }

    /// Ends it; nothing is left.
    async fn end(self) -> String {
        let (end, ended) = oneshot::channel();
        end.send(()).expect("it listens");
        self.tend(ended).await
    }

    /// Waits for its end; nothing is left.
    async fn tend(self, end: oneshot::Receiver<()>) -> String {
        let tended = tokio::time::timeout(PATIENCE, self.show.tend(end));
        let how = tended.await.expect("it ends in time");
        assert_eq!(processes_of(&self.mark), Vec::<i32>::new());
        let left: Vec<_> = fs::read_dir(self.data.path().join("work"))
            .expect("a folder")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!self.places.helpers.exists());
        how
    }

    /// The one process of this session that runs this program.
    async fn process(&self, program: &str) -> i32 {
        until(program, || {
            let found = processes_of(&self.mark).into_iter().filter(|pid| {
                let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
                comm.is_ok_and(|comm| comm.trim() == program)
            });
            match found.collect::<Vec<_>>()[..] {
                [pid] => Some(pid),
                _ => None,
            }
        })
        .await
    }
}

/// Living processes with a session's mark.
fn processes_of(mark: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(mark)
    })
    .collect()
}

fn signal(pid: i32, signal: libc::c_int) {
    assert!(pid > 1);
    // SAFETY: a signal to a process that this test has started.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0);
}

/// Waits until `done` gives something; panics with `what` if it does not in time.
async fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = done() {
            return done;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn key(down: bool, keysym: u32, code: u8) -> Input {
    Input::Key { down, keysym, code }
}

/// As the page says it: Latin-1 as it is, everything else as Unicode.
fn keysym(character: char) -> u32 {
    match u32::from(character) {
        short @ (0x20..=0x7e | 0xa0..=0xff) => short,
        long => 0x0100_0000 + long,
    }
}

#[tokio::test]
async fn characters_of_any_script_arrive_as_they_were_typed() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let text = "Hello, World! {}[]<>|\\~ ÄÖÜ äöüß é ñ € Привет, мир «ёж» 日本語 한국 ∑ … ∞ Ωμέγα";
    for character in text.chars() {
        hands.inject(key(true, keysym(character), 0));
        hands.inject(key(false, keysym(character), 0));
    }
    let length = text.chars().count();
    let typed = window
        .until("all of it", |seen| {
            (seen.typed.chars().count() >= length).then(|| seen.typed.clone())
        })
        .await;
    assert_eq!(typed, text);
    lab.end().await;
}

#[tokio::test]
async fn the_pointer_is_where_it_was_put_and_buttons_and_wheel_are_pressed_there() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    hands.inject(Input::Move {
        x: u16::MAX,
        y: u16::MAX,
    });
    window.until_pointer((639, 359)).await;
    hands.inject(Input::Button {
        button: 2,
        down: true,
        at: Some((32_768, 32_768)),
    });
    hands.inject(Input::Button {
        button: 2,
        down: false,
        at: None,
    });
    window.until_pointer((320, 180)).await;
    hands.inject(Input::MoveBy { dx: -20, dy: 30 });
    window.until_pointer((300, 210)).await;
    hands.inject(Input::Wheel { dx: 120, dy: -240 });
    hands.inject(Input::Touch {
        finger: 3,
        phase: TouchPhase::Start,
        x: 0,
        y: 0,
    });
    hands.inject(Input::ReleaseAll);
    let buttons = window
        .until("buttons", |seen| {
            (seen.buttons.len() >= 10).then(|| seen.buttons.clone())
        })
        .await;
    let pressed: Vec<(u8, bool)> = [(3, 1), (7, 1), (4, 2), (1, 1)]
        .into_iter()
        .flat_map(|(button, times)| [(button, true), (button, false)].repeat(times))
        .collect();
    assert_eq!(buttons, pressed);
    lab.end().await;
}

#[tokio::test]
async fn whatever_is_held_is_released_at_once() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    for (keysym, code) in [(0xffe1, 42), (0xffe3, 29), (0x61, 30), (keysym('ж'), 39)] {
        hands.inject(key(true, keysym, code));
    }
    hands.inject(Input::Button {
        button: 0,
        down: true,
        at: None,
    });
    hands.inject(Input::GamepadAxis {
        pad: 0,
        axis: 0,
        value: i16::MIN,
    });
    window.until_held(6).await;
    hands.release_all();
    window.until_held(0).await;
    lab.end().await;
}

#[tokio::test]
async fn a_key_that_is_held_repeats_by_itself_and_stops() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    hands.inject(key(true, 0x61, 30));
    window
        .until("it repeats", |seen| {
            seen.typed.contains("aaa").then_some(())
        })
        .await;
    hands.inject(key(false, 0x61, 30));
    hands.inject(key(true, 0x62, 48));
    hands.inject(key(false, 0x62, 48));
    window
        .until("the next", |seen| seen.typed.ends_with("ab").then_some(()))
        .await;
    lab.end().await;
}

#[tokio::test]
async fn the_clipboard_goes_both_ways_and_has_a_bound() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let mut clipboard = hands.clipboard();
    let mut copied = async |text: &str| {
        window.copy(text);
        let found = clipboard.wait_for(|found| found.as_deref() == Some(text));
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("in time").expect("it is watched");
    };
    copied("copied: привет").await;
    hands.set_clipboard("pasted: € 日本");
    until("it is offered", || {
        window.paste().filter(|text| text == "pasted: € 日本")
    })
    .await;
    // One that is too long is not taken, and the next one is.
    window.copy(&"x".repeat(server_wire::MAX_CLIPBOARD_LEN + 1));
    copied(&"y".repeat(server_wire::MAX_CLIPBOARD_LEN)).await;
    copied("short again").await;
    lab.end().await;
}

#[tokio::test]
async fn the_pointers_look_is_known_and_follows_the_application() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let mut cursor = lab.show.hands().cursor();
    let mut look = async |what: fn(&CursorShape) -> bool| {
        let found = cursor.wait_for(|shape| shape.as_ref().is_some_and(what));
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("in time").expect("it is watched");
    };
    window.cursor_of(8, 16);
    look(|shape| {
        matches!(
            shape,
            CursorShape::Shown {
                width: 8,
                height: 16,
                ..
            }
        )
    })
    .await;
    window.cursor_of(1, 1);
    look(|shape| matches!(shape, CursorShape::Shown { width: 1, .. })).await;
    lab.end().await;
}

/// What a broadcast would get.
#[derive(Default)]
struct Tap {
    pictures: Mutex<Vec<VideoPacket>>,
    sounds: Mutex<Vec<SoundPacket>>,
}

impl PacketTap for Tap {
    fn video(&self, packet: &VideoPacket) {
        self.pictures
            .lock()
            .expect("not poisoned")
            .push(packet.clone());
    }

    fn sound(&self, packet: &SoundPacket) {
        self.sounds
            .lock()
            .expect("not poisoned")
            .push(packet.clone());
    }
}

#[tokio::test]
async fn picture_and_sound_of_the_application_reach_a_broadcast_on_one_clock() {
    // A second of noise again and again.
    let lab = Lab::raise(&application(
        "while :; do head -c 192000 /dev/urandom; done | pacat --raw --format=s16le --rate=48000 --channels=2",
    ))
    .await;
    let window = lab.window().await;
    let tap = Arc::new(Tap::default());
    let hands = lab.show.hands();
    hands.set_broadcast(Some(Arc::clone(&tap) as Arc<dyn PacketTap>));
    until("pictures", || {
        window.paint();
        let pictures = tap.pictures.lock().expect("not poisoned");
        (pictures.len() >= 5).then_some(())
    })
    .await;
    // Silence is a packet of a few bytes, noise is not.
    until("sound", || {
        let sounds = tap.sounds.lock().expect("not poisoned");
        let loud = sounds.iter().filter(|packet| packet.data.len() > 60);
        (loud.count() >= 20).then_some(())
    })
    .await;
    hands.set_broadcast(None);
    {
        let pictures = tap.pictures.lock().expect("not poisoned");
        let sounds = tap.sounds.lock().expect("not poisoned");
        assert!(pictures[0].keyframe);
        let (picture, sound) = (pictures[0].at_us, sounds[0].at_us);
        assert!(picture.abs_diff(sound) < PATIENCE.as_micros() as u64);
        assert!(pictures.is_sorted_by(|one, next| one.at_us < next.at_us));
        assert!(sounds.is_sorted_by(|one, next| one.at_us < next.at_us));
    }
    assert_eq!(Arc::strong_count(&tap), 1, "nobody holds the tap any more");
    lab.end().await;
}

#[tokio::test]
async fn an_application_finds_its_display_and_its_sound_and_nobody_elses() {
    let script = "echo display $DISPLAY authority $XAUTHORITY; pactl info >/dev/null && echo sound; \
        echo dbus ${DBUS_SESSION_BUS_ADDRESS:-none}; exec sleep 600";
    let lab = Lab::raise(&application(script)).await;
    let text = lab.log("dbus").await;
    let name = lab.address().name();
    assert!(
        text.contains(&format!("display {name} authority /")),
        "{text}"
    );
    assert!(
        text.contains("\nsound\n") && text.contains("dbus none"),
        "{text}"
    );
    lab.end().await;
    let mut silent = application("pactl info 2>&1; echo done; exec sleep 600");
    silent.sound = false;
    let lab = Lab::raise(&silent).await;
    let text = lab.log("done").await;
    assert!(
        text.contains("Connection refused") || text.contains("No such"),
        "{text}"
    );
    lab.end().await;
}

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

#[tokio::test]
async fn a_session_goes_on_without_its_sound_server() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let server = lab.process("pulseaudio").await;
    let (end, ended) = oneshot::channel();
    let tended = tokio::spawn(lab.tend(ended));
    signal(server, libc::SIGKILL);
    until("it is gone", || {
        (!PathBuf::from(format!("/proc/{server}")).exists()).then_some(())
    })
    .await;
    hands.inject(key(true, 0x61, 30));
    window.until_held(1).await;
    assert!(!tended.is_finished());
    end.send(()).expect("it listens");
    assert_eq!(tended.await.expect("no panic"), "it was ended");
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
