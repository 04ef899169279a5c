//! Everything of one running session but its people: its display, its sound, its application, and what carries picture,
//! sound and input between them and the bridge.
//!
//! Raised in order, watched together, and gone together: [`Show::tend`] leaves no process, thread, folder or descriptor. It
//! must never know codes, users, or who has control.

mod hands;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use server_bridge::{Bridge, Stage, StageConfig};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::{Application, MAX_USERS};
use crate::desktop::Desktop;
use crate::display::{self, Address, Display};
use crate::eyes::{self, Eyes, Packets};
use crate::inject::Injector;
use crate::places::Places;
use crate::program::{self, Program};
use crate::sound::Sound;
use crate::sound_server::{self, SoundServer};
use crate::sweep::sweep;

pub(crate) use hands::Hands;
use hands::SceneHands;

/// How long everything may take to come up, on a computer that has much else to do.
const RAISE_PATIENCE: Duration = Duration::from_secs(30);
/// When one part ends because another did, the other is known within this. A guess.
const CAUSE_PATIENCE: Duration = Duration::from_millis(200);
/// Failures that wait to be read: the picture has one.
const MAX_FAILURES: usize = 1;
/// Viewers of one session: its users, and others that only watch by WHEP or Epic's frontend.
const MAX_VIEWERS: usize = 2 * MAX_USERS as usize;
/// What a new viewer's way is believed to carry, until it is measured. A guess: a mobile network on a fair day.
const START_BPS: u32 = 2_500_000;
/// The least that is asked of the encoder. Text can hardly be guessed at then; but a way of 300 kb/s has 100 kb/s for the
/// picture when there is sound, and one that is given more than it carries loses packets of both.
const MIN_BPS: u32 = 60_000;

/// A running session without its people. Dropping it kills everything, but only [`Show::tend`] waits until it is gone.
pub(crate) struct Show {
    program: Program,
    scene: Option<Scene>,
    hands: Hands,
    mark: String,
    places: Places,
}

/// What is there for a picture; dropped in this order: whoever uses the display before the display.
struct Scene {
    follower: JoinHandle<()>,
    eyes: Eyes,
    injector: Injector,
    desktop: Desktop,
    stage: Stage,
    sound: Option<Sound>,
    display: Display,
    failures: mpsc::Receiver<Failure>,
}

/// Something that works no more.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Without it there is no session.
    Picture(String),
}

/// Raises a session: display, sound, capture, application, in this order.
///
/// # Errors
/// What failed, for people; nothing is left then.
pub(crate) async fn raise(
    application: &Application,
    mark: &str,
    places: &Places,
    bridge: &Bridge,
) -> Result<Show, String> {
    let built = tokio::time::timeout(RAISE_PATIENCE, build(application, mark, places, bridge));
    let why = match built.await {
        Ok(Ok(show)) => return Ok(show),
        Ok(Err(why)) => why,
        Err(_) => format!(
            "the session was not ready in {} seconds",
            RAISE_PATIENCE.as_secs()
        ),
    };
    clean_up(mark, places).await;
    Err(why)
}

async fn build(
    application: &Application,
    mark: &str,
    places: &Places,
    bridge: &Bridge,
) -> Result<Show, String> {
    places
        .make()
        .map_err(|why| format!("cannot make a working directory: {why}"))?;
    let mut variables = BTreeMap::new();
    let mut scene = None;
    let mut hands = Hands {
        scene: None,
        cursor: watch::channel(None).1,
        clipboard: watch::channel(None).1,
    };
    if application.display {
        let (built, carried) = build_scene(application, mark, &places.helpers, bridge).await?;
        variables = environment(&built, &places.helpers);
        hands.cursor = built.desktop.cursor();
        hands.clipboard = built.desktop.clipboard();
        hands.scene = Some(carried);
        scene = Some(built);
    }
    Ok(Show {
        program: program::launch(application, mark, places, variables).await?,
        scene,
        hands,
        mark: mark.to_owned(),
        places: places.clone(),
    })
}

async fn build_scene(
    application: &Application,
    mark: &str,
    folder: &Path,
    bridge: &Bridge,
) -> Result<(Scene, SceneHands), String> {
    let (width, height) = (application.width, application.height);
    let (display, sound) = tokio::join!(display::raise(folder, mark, width, height), async {
        match application.sound {
            true => sound_server::raise(folder, mark).await.map(Some),
            false => Ok(None),
        }
    });
    let (display, sound) = (display?, sound?);
    let max_bps = application.max_bps();
    let stage = bridge.stage(StageConfig {
        codec: application.codec,
        max_viewers: MAX_VIEWERS,
        start_bps: START_BPS.min(max_bps),
        max_bps,
        min_bps: MIN_BPS.min(max_bps),
    });
    let (failed, failures) = mpsc::channel(MAX_FAILURES);
    let packets = Packets::new(stage.clone());
    let address = display.address();
    let (eyes, injector, desktop, sound) = tokio::join!(
        {
            let (config, packets) = (eyes::config(application, address), packets.clone());
            blocking(move || Eyes::open(config, packets, failed))
        },
        {
            let (address, gamepad) = (address.clone(), application.gamepad.clone());
            blocking(move || Injector::start(&address, width, height, gamepad))
        },
        connect_desktop(address),
        listen(sound, folder, mark, &packets),
    );
    let (eyes, injector, desktop, sound) = (eyes?, injector?, desktop?, sound?);
    let follower = tokio::spawn(eyes::follow(
        stage.demand(),
        packets.on_air(),
        eyes.control(),
        max_bps,
    ));
    let hands = SceneHands {
        stage: stage.clone(),
        feed: injector.feed().paste_after(desktop.offer()),
        offer: desktop.offer(),
        packets,
    };
    let scene = Scene {
        follower,
        eyes,
        injector,
        desktop,
        stage,
        sound,
        display,
        failures,
    };
    Ok((scene, hands))
}

async fn connect_desktop(address: &Address) -> Result<Desktop, String> {
    let address = address.clone();
    blocking(move || Desktop::start(&address)).await
}

async fn listen(
    server: Option<SoundServer>,
    folder: &Path,
    mark: &str,
    packets: &Packets,
) -> Result<Option<Sound>, String> {
    match server {
        Some(server) => Sound::listen(server, folder, mark, packets.clone())
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// Runs what waits for foreign code where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|why| Err(format!("the start broke off: {why}")))
}

/// What the application finds its display and its sound by.
fn environment(scene: &Scene, helpers: &Path) -> BTreeMap<String, String> {
    let address = scene.display.address();
    let sound = match &scene.sound {
        Some(sound) => sound.address(),
        // Somewhere where nobody is, or its library would start a server of its own.
        None => sound_server::address_of(&helpers.join("no-sound")),
    };
    [
        ("DISPLAY", address.name()),
        ("XAUTHORITY", address.authority().display().to_string()),
        ("PULSE_SERVER", sound),
        ("PULSE_LATENCY_MSEC", sound_server::LATENCY_MS.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Show {
    /// What the driver does to it while [`Self::tend`] has it.
    pub(crate) fn hands(&self) -> Hands {
        self.hands.clone()
    }

    /// Waits for the end, or brings it about when `end` says so (or its sender is gone); then nothing of the session runs
    /// any more and its folders are gone. Says how it ended, for people.
    pub(crate) async fn tend(mut self, end: oneshot::Receiver<()>) -> String {
        let how = tokio::select! {
            how = ended(&mut self.program, self.scene.as_mut()) => how,
            _ = end => "it was ended".to_owned(),
        };
        self.hands.release_all();
        // A broadcast goes off the air when nobody has its tap any more.
        self.hands.set_broadcast(None);
        // The application is asked while its display is still there.
        self.program.end().await;
        if let Some(scene) = self.scene.take() {
            scene.end().await;
        }
        clean_up(&self.mark, &self.places).await;
        how
    }
}

/// Waits until the application or something that it cannot do without has ended; its sound is tended meanwhile.
async fn ended(program: &mut Program, scene: Option<&mut Scene>) -> String {
    let Some(scene) = scene else {
        return program.ended().await;
    };
    let how = tokio::select! {
        how = program.ended() => how,
        how = scene.display.ended() => return how,
        Some(Failure::Picture(why)) = scene.failures.recv() => why,
        () = tend(scene.sound.as_mut()) => unreachable!("it is tended for ever"),
    };
    // A display that ends takes all the others with it.
    let cause = tokio::time::timeout(CAUSE_PATIENCE, scene.display.ended()).await;
    cause.unwrap_or(how)
}

/// Keeps the sound up, if there is any. Never done.
async fn tend(sound: Option<&mut Sound>) {
    match sound {
        Some(sound) => sound.tend().await,
        None => std::future::pending().await,
    }
}

impl Scene {
    async fn end(mut self) {
        self.follower.abort();
        self.stage.close();
        let Self {
            eyes,
            injector,
            desktop,
            ..
        } = self;
        // Their threads are joined.
        let joined = tokio::task::spawn_blocking(move || drop((eyes, injector, desktop)));
        if joined.await.is_err() {
            tracing::error!("the end of a session's threads broke off");
        }
        let sound = async {
            if let Some(sound) = self.sound.take() {
                sound.end().await;
            }
        };
        tokio::join!(self.display.end(), sound);
    }
}

/// Whatever has the session's mark is killed, and its folders are removed.
async fn clean_up(mark: &str, places: &Places) {
    let (mark, places) = (mark.to_owned(), places.clone());
    let cleaned = tokio::task::spawn_blocking(move || {
        sweep(&mark);
        display::clean_up(&places.helpers);
        places.remove();
    });
    if cleaned.await.is_err() {
        tracing::error!("a clean-up broke off");
    }
}

#[cfg(test)]
mod tests;
