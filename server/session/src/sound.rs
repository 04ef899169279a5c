//! The sound of a session as a whole: its sound server and what captures it, raised anew when one of them fails.
//!
//! The server comes back at the address that the application knows. It must never know what sounds there, or who listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use media_ffmpeg::hear::HearError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::ears::Ears;
use crate::eyes::Packets;
use crate::sound_server::{self, SoundServer};

/// The pause before the first try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Tries in a row: after that, 25 s later, the session goes on without sound. A guess: what does not come back then has a
/// reason that does not pass.
const MAX_TRIES: u32 = 8;
/// Sound that lasted this long was well: the next failure is the first again. A guess.
const STEADY: Duration = Duration::from_secs(60);
/// A capture that fails because its server ended: that is known within this. A guess.
const CAUSE_PATIENCE: Duration = Duration::from_millis(200);

/// A session's running sound; dropped in this order.
pub(crate) struct Sound {
    ears: Option<Ears>,
    /// None: it ended, and the next is not up yet.
    server: Option<SoundServer>,
    /// The capture's one failure.
    failures: mpsc::Receiver<HearError>,
    folder: PathBuf,
    mark: String,
    packets: Packets,
    tries: u32,
    since: Instant,
}

/// What is to be raised anew.
enum Fault {
    Server(String),
    Capture(String),
}

impl Sound {
    /// Begins to listen to a server that was raised in `folder`.
    ///
    /// # Errors
    /// What failed, for people; nothing runs then.
    pub(crate) async fn listen(
        server: SoundServer,
        folder: &Path,
        mark: &str,
        packets: Packets,
    ) -> Result<Self, String> {
        let (ears, failures) = open(&server, &packets).await?;
        Ok(Self {
            ears: Some(ears),
            server: Some(server),
            failures,
            folder: folder.to_owned(),
            mark: mark.to_owned(),
            packets,
            tries: 0,
            since: Instant::now(),
        })
    }

    /// As in `PULSE_SERVER`; the same for all servers of the session.
    pub(crate) fn address(&self) -> String {
        sound_server::address_of(&sound_server::socket_in(&self.folder))
    }

    /// Raises anew what fails, some times; after that the session is silent. Never done. When it is dropped in the middle of
    /// a try nothing of the try is left, but another call does not go on with it.
    pub(crate) async fn tend(&mut self) {
        loop {
            let fault = self.fault().await;
            if self.since.elapsed() >= STEADY {
                self.tries = 0;
            }
            let mut why = self.stop(fault).await;
            loop {
                if self.tries >= MAX_TRIES {
                    tracing::error!("a session goes on without sound: {why}");
                    self.end_server().await;
                    return std::future::pending().await;
                }
                tracing::warn!("the sound of a session is raised anew: {why}");
                tokio::time::sleep(FIRST_PAUSE * (1 << self.tries)).await;
                self.tries += 1;
                match self.raise().await {
                    Ok(()) => break,
                    Err(failed) => why = failed,
                }
            }
            self.since = Instant::now();
        }
    }

    /// Waits until something of it fails. Cancel-safe.
    async fn fault(&mut self) -> Fault {
        let Some(server) = &mut self.server else {
            return Fault::Server("it has no server".to_owned());
        };
        let why = tokio::select! {
            why = server.ended() => return Fault::Server(why),
            Some(why) = self.failures.recv() => why,
        };
        if matches!(why, HearError::Hangs) {
            return Fault::Server(why.to_string());
        }
        match tokio::time::timeout(CAUSE_PATIENCE, server.ended()).await {
            Ok(why) => Fault::Server(why),
            Err(_) => Fault::Capture(format!("it cannot be captured any more: {why}")),
        }
    }

    /// Puts away what has failed; gives the reason.
    async fn stop(&mut self, fault: Fault) -> String {
        let why = match fault {
            Fault::Server(why) => {
                self.end_server().await;
                why
            }
            Fault::Capture(why) => why,
        };
        drop_elsewhere(self.ears.take()).await;
        why
    }

    async fn end_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.end().await;
        }
    }

    /// One try.
    async fn raise(&mut self) -> Result<(), String> {
        let server = match &self.server {
            Some(server) => server,
            None => {
                let raised = sound_server::raise(&self.folder, &self.mark).await?;
                self.server.insert(raised)
            }
        };
        match open(server, &self.packets).await {
            Ok((ears, failures)) => {
                (self.ears, self.failures) = (Some(ears), failures);
                Ok(())
            }
            Err(why) => {
                // What lets nobody listen is of no use.
                self.end_server().await;
                Err(why)
            }
        }
    }

    /// Ends it; nothing of it is left but its files.
    pub(crate) async fn end(mut self) {
        self.end_server().await;
        drop_elsewhere(self.ears.take()).await;
    }
}

/// Begins to listen; the channel has the capture's one failure.
async fn open(
    server: &SoundServer,
    packets: &Packets,
) -> Result<(Ears, mpsc::Receiver<HearError>), String> {
    let (failed, failures) = mpsc::channel(1);
    let (address, packets) = (server.address(), packets.clone());
    let opened = tokio::task::spawn_blocking(move || Ears::open(address, packets, failed)).await;
    let opened = opened.unwrap_or_else(|why| Err(format!("the capture broke off: {why}")));
    opened.map(|ears| (ears, failures))
}

/// Its thread is joined, which may take a while.
async fn drop_elsewhere(ears: Option<Ears>) {
    if tokio::task::spawn_blocking(move || drop(ears))
        .await
        .is_err()
    {
        tracing::error!("the end of a session's sound broke off");
    }
}
