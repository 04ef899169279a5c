//! Whole sessions on real displays with real sound servers; the application is a client of the test's own where its
//! window matters.

mod ends;
mod hands;
mod layouts;
mod window;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use media_packet::{SoundPacket, VideoPacket};
use server_bridge::BridgeConfig;
use server_bridge::input::Input;
use server_wire::ApplicationName;
use tempfile::TempDir;
use window::Window;

use super::*;
use crate::air::PacketTap;

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

/// What a broadcast would get, and what its viewers need.
#[derive(Default)]
struct Tap {
    pictures: Mutex<Vec<VideoPacket>>,
    sounds: Mutex<Vec<SoundPacket>>,
    newcomers: watch::Sender<u64>,
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

    fn keyframes(&self) -> watch::Receiver<u64> {
        self.newcomers.subscribe()
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
async fn who_joins_a_broadcast_need_not_wait_for_its_next_regular_keyframe() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let tap = Arc::new(Tap::default());
    let hands = lab.show.hands();
    hands.set_broadcast(Some(Arc::clone(&tap) as Arc<dyn PacketTap>));
    // Regular ones are two seconds apart by the encoder's own clock, however slow this computer is.
    let mut asked_at = 0;
    until("a keyframe soon after the one before", || {
        let pictures = tap.pictures.lock().expect("not poisoned");
        let keyframes: Vec<u64> = pictures
            .iter()
            .filter(|packet| packet.keyframe)
            .map(|packet| packet.at_us)
            .collect();
        // Somebody joins after each that is there.
        if keyframes.len() > asked_at {
            asked_at = keyframes.len();
            tap.newcomers.send_modify(|count| *count += 1);
        }
        let mut after_the_first = keyframes.iter().skip(1).zip(keyframes.iter().skip(2));
        after_the_first
            .any(|(one, next)| next - one < 1_500_000)
            .then_some(())
    })
    .await;
    hands.set_broadcast(None);
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
