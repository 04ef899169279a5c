//! A folder, origins in it that can be stopped and killed, and viewers who join them over real links.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media_ffmpeg::cut::{Container, How, Manifest, ManifestChunk, SourceIdentity};
use media_model::OriginKey;
use overlay_core::Params;
use overlay_quic::{
    ChunkReceiver, Endpoint, Identity, Member, MemberConfig, Place, Trust, WholeChunk,
};
use server_origin::{ChannelConfig, Coding, Invite, OriginConfig, OriginError, Source};
use tokio::sync::oneshot;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Length of the chunks of a lab's loops: short, so that rounds pass quickly.
pub(crate) const CHUNK_US: u64 = 400_000;

/// A folder of its own.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A folder of ready chunks with a list, as a cut leaves it. What is in the chunks is no film: an origin does not
    /// look.
    pub(crate) fn chunks(&self, name: &str, durations_us: &[u64]) -> PathBuf {
        let dir = self.path(name);
        fs::create_dir_all(&dir).expect("writable");
        let mut start_us = 0;
        let mut chunks = Vec::new();
        for (index, duration_us) in durations_us.iter().enumerate() {
            let file = format!("{name}_{index:05}.mkv");
            let bytes = content(name, index);
            fs::write(dir.join(&file), &bytes).expect("writable");
            chunks.push(ManifestChunk {
                file,
                start_us,
                duration_us: *duration_us,
                bytes: bytes.len() as u64,
                blake3: blake3::hash(&bytes).to_hex().to_string(),
                how: How::Copied,
            });
            start_us += duration_us;
        }
        let list = Manifest {
            version: 1,
            film: format!("{name}.mkv"),
            source: SourceIdentity {
                bytes: 1,
                modified_us: 0,
                fingerprint: String::new(),
            },
            format: Container::Mkv,
            settings: String::new(),
            complete: true,
            video: None,
            sound: None,
            duration_us: start_us,
            notes: Vec::new(),
            warnings: Vec::new(),
            chunks,
        };
        let text = serde_json::to_vec(&list).expect("a list is JSON");
        fs::write(dir.join(format!("{name}.json")), text).expect("writable");
        dir
    }

    /// One channel with this source, on a free port.
    pub(crate) fn config(&self, source: Source) -> OriginConfig {
        OriginConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            advertise: None,
            data_dir: self.path("data"),
            channels: vec![channel(0, source)],
        }
    }
}

pub(crate) fn channel(channel: u32, source: Source) -> ChannelConfig {
    ChannelConfig {
        channel,
        source,
        name: None,
        coding: Coding::default(),
        max_direct_peers: 8,
        invite_valid: None,
    }
}

/// What is in a chunk of [`Lab::chunks`]: some rows of blocks and a part of one.
pub(crate) fn content(name: &str, index: usize) -> Vec<u8> {
    let seed = blake3::hash(format!("{name} {index}").as_bytes());
    let mut reader = blake3::Hasher::new_keyed(seed.as_bytes()).finalize_xof();
    let mut bytes = vec![0; 150_000 + 977 * index];
    reader.fill(&mut bytes);
    bytes
}

enum End {
    /// As after SIGTERM.
    Polite,
    /// As after SIGKILL: nothing more is sent or written.
    Kill,
}

/// An origin on a thread and runtime of its own.
pub(crate) struct Running {
    end: Option<oneshot::Sender<End>>,
    invites: Receiver<Invite>,
    thread: Option<JoinHandle<Result<(), OriginError>>>,
}

impl Running {
    pub(crate) fn start(config: OriginConfig) -> Self {
        let (end, ended) = oneshot::channel();
        let (announced, invites) = sync_channel(8);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let result = runtime.block_on(async move {
                let (polite, stop) = oneshot::channel::<()>();
                let stop = async {
                    let _ = stop.await;
                };
                let announce = move |invite: &Invite| {
                    announced.send(invite.clone()).expect("the lab listens");
                };
                let mut run = std::pin::pin!(server_origin::run(
                    config,
                    announce,
                    || Ok(Vec::new()),
                    stop
                ));
                tokio::select! {
                    result = &mut run => return result,
                    end = ended => match end {
                        Ok(End::Polite) => drop(polite),
                        _ => return Ok(()),
                    }
                }
                run.await
            });
            runtime.shutdown_background();
            result
        });
        Self {
            end: Some(end),
            invites,
            thread: Some(thread),
        }
    }

    pub(crate) fn invite(&self) -> Invite {
        self.invites
            .recv_timeout(PATIENCE)
            .expect("an invite, once on air")
    }

    fn end(&mut self, how: End) -> Result<(), OriginError> {
        if let Some(end) = self.end.take() {
            // It may have ended by itself.
            let _ = end.send(how);
        }
        let thread = self.thread.take().expect("it is ended once");
        thread.join().expect("no panic")
    }

    pub(crate) fn stop(mut self) {
        self.end(End::Polite).expect("it ran well");
    }

    pub(crate) fn kill(mut self) {
        self.end(End::Kill).expect("it ran well");
    }

    /// What it said when it ended by itself.
    pub(crate) fn failure(mut self) -> OriginError {
        let thread = self.thread.take().expect("it is ended once");
        thread.join().expect("no panic").expect_err("it fails")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            // A test that failed says why by itself.
            let _ = self.end(End::Kill);
        }
    }
}

/// A viewer who relays to nobody.
pub(crate) struct Viewer {
    pub(crate) member: Member,
    chunks: ChunkReceiver,
    _endpoint: Endpoint,
}

impl Viewer {
    pub(crate) async fn join(invite: &Invite) -> Self {
        let identity = Identity::generate().expect("an identity");
        let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let endpoint = Endpoint::bind(local, &identity).expect("a socket");
        let member = endpoint
            .join(MemberConfig {
                channel: invite.channel,
                trust: Trust::Origin(OriginKey::from_bytes(&invite.key).expect("a key")),
                places: vec![Place {
                    id: Some(overlay_core::PeerId::of_public_key(&invite.key)),
                    at: invite.origin.clone(),
                }],
                fan_out: 0,
                params: Params::default(),
            })
            .await
            .expect("joined");
        Self {
            chunks: member.chunks(),
            member,
            _endpoint: endpoint,
        }
    }

    /// Until it has a parent in every stripe: who has none yet begins with the newest chunk of those that come meanwhile.
    pub(crate) async fn has_its_places(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let forest = self.member.facts().forest;
            let stripes = &forest.stripes;
            if !stripes.is_empty() && stripes.iter().all(|stripe| stripe.parent.is_some()) {
                return;
            }
            assert!(Instant::now() < until, "a place in time: {forest:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn chunk(&mut self) -> WholeChunk {
        tokio::time::timeout(PATIENCE, self.chunks.recv())
            .await
            .expect("a chunk in time")
            .expect("the channel is open")
    }
}

/// All bytes of a chunk.
pub(crate) fn bytes(chunk: &WholeChunk) -> Vec<u8> {
    chunk.parts.concat()
}

/// What a channel's state file says.
pub(crate) fn state(data_dir: &Path, channel: u32) -> serde_json::Value {
    let path = data_dir.join(format!("channel-{channel}/state.json"));
    let text = fs::read(path).expect("a state");
    serde_json::from_slice(&text).expect("JSON")
}
