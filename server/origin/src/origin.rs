//! The origin as a whole: from a configuration to channels on air, and back to silence.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media_model::SigningKey;
use overlay_core::Invite;
use overlay_quic::{Endpoint, Identity};
use tokio::task::JoinSet;

use crate::address;
use crate::broadcast;
use crate::channel::{Channel, Station};
use crate::clock::Clock;
use crate::config::{ChannelConfig, OriginConfig, Source};
use crate::control::Control;
use crate::data_dir::DataDir;
use crate::error::OriginError;
use crate::feed::{self, Feed};
use crate::film;
use crate::folder::Folder;
use crate::library::Library;
use crate::live::{self, LiveInput};
use crate::outlet::Outlet;
use crate::status::Status;

/// How long a thread that cuts may take to notice that nobody wants more; then it goes with the process. A guess: what
/// somebody waits after Ctrl-C.
const JOIN_PATIENCE: Duration = Duration::from_secs(2);
/// Name of the chunks of a channel that is fed, if it has none of its own.
const FED_NAME: &str = "session";
/// How often that is looked at.
const JOIN_POLL: Duration = Duration::from_millis(20);

/// A source that was looked at, but not started.
enum Prepared {
    Film { path: PathBuf, fingerprint: String },
    Folder(Folder),
    Live(LiveInput),
    Fed(Feed),
}

/// The threads of the sources, and how they are told to end.
#[derive(Default)]
struct Threads {
    libraries: Vec<Arc<Library>>,
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

/// The channels' tasks, each with its channel's number.
type Tasks = JoinSet<(u32, Result<(), OriginError>)>;

/// Broadcasts until `stop` is done. Each channel's invite is given to `announce` when the channel is on air, once; each
/// chunk also to the outlets that `open_outlets` gives, when its time begins. They are opened once nothing else stands in
/// the way, and a reason why not is the end.
///
/// Needs a tokio runtime with time, network and signals; everything that blocks has threads of its own.
///
/// # Errors
/// When it cannot start: one line that says why. While it runs, a channel that fails does not end the others.
pub async fn run(
    config: OriginConfig,
    announce: impl Fn(&Invite) + Send + Sync + 'static,
    open_outlets: impl FnOnce() -> Result<Vec<Box<dyn Outlet>>, String>,
    stop: impl Future<Output = ()>,
) -> Result<(), OriginError> {
    config.check()?;
    media_ffmpeg::init();
    let data_dir = DataDir::open(&config.data_dir)?;
    // Before the key and the socket: a configuration that cannot work leaves no trace.
    let mut prepared = Vec::with_capacity(config.channels.len());
    for channel in &config.channels {
        prepared.push(prepare(channel)?);
    }
    let secret = data_dir.secret()?;
    let identity = Identity::from_bytes(&secret.bytes)?;
    let endpoint = Endpoint::bind(config.listen, &identity)?;
    let bound = endpoint.local_addr();
    let (address, why) = address::for_invite(config.advertise.as_deref(), bound);
    tracing::info!(listen = %bound, address, why, identity = %identity.id(), "the origin listens");
    let outlets = open_outlets().map_err(OriginError::Outlet)?;
    let station = Arc::new(Station {
        endpoint: endpoint.clone(),
        key: SigningKey::from_bytes(&secret.bytes),
        key_is_new: secret.new,
        address,
        clock: Clock::start(),
        only_channel: config.channels.len() == 1,
        announce: Arc::new(announce),
        outlets,
    });
    let control = Control::open(data_dir.path()).await?;

    let mut channels = Vec::with_capacity(prepared.len());
    let mut threads = Threads::default();
    let mut tasks = Tasks::new();
    for (config, source) in config.channels.into_iter().zip(prepared) {
        let name = match (&config.name, &source) {
            (Some(name), _) => name.clone(),
            (None, Prepared::Folder(folder)) => folder.name().to_owned(),
            (None, Prepared::Live(input)) => input.name(),
            (None, Prepared::Fed(_)) => FED_NAME.to_owned(),
            (None, Prepared::Film { path, .. }) => media_ffmpeg::cut::chunk_base_name(path),
        };
        let dir = data_dir.channel(config.channel)?;
        let channel = Arc::new(Channel::new(station.clone(), config, name, dir));
        channels.push(channel.clone());
        threads
            .start(channel, source, &mut tasks)
            .map_err(|source| OriginError::System {
                what: "start a thread",
                source,
            })?;
    }
    let started = Instant::now();
    let status = || {
        let status = Status {
            pid: std::process::id(),
            listen: bound.to_string(),
            identity: endpoint.id().to_string(),
            uptime_s: started.elapsed().as_secs(),
            channels: channels.iter().map(|channel| channel.status()).collect(),
            outlets: station
                .outlets
                .iter()
                .map(|outlet| (outlet.name(), outlet.status()))
                .collect(),
        };
        serde_json::to_value(status).expect("numbers and strings are always JSON")
    };
    let result = tokio::select! {
        () = stop => Ok(()),
        result = watch(&mut tasks, &channels) => result,
        () = control.serve(status) => unreachable!("it answers for ever"),
    };
    drop(control);
    threads.stop();
    tasks.shutdown().await;
    leave(&channels).await;
    endpoint.close().await;
    threads.join().await;
    result
}

/// Looks at a source. Blocking, but short.
fn prepare(config: &ChannelConfig) -> Result<Prepared, OriginError> {
    Ok(match &config.source {
        Source::Film(path) => Prepared::Film {
            path: path.clone(),
            fingerprint: film::fingerprint(config.channel, path)?,
        },
        Source::Chunks(path) => Prepared::Folder(Folder::read(config.channel, path)?),
        Source::Live {
            input,
            format,
            options,
        } => Prepared::Live(LiveInput {
            input: input.clone(),
            format: format.clone(),
            options: options.clone(),
        }),
        Source::Fed(feed) => Prepared::Fed(feed.clone()),
    })
}

/// Waits for the channels' tasks: one that fails before it is on air ends all, one that fails later only itself.
/// Cancel-safe.
async fn watch(tasks: &mut Tasks, channels: &[Arc<Channel>]) -> Result<(), OriginError> {
    let mut failed = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let (number, result) = match ended {
            Ok(ended) => ended,
            Err(why) => std::panic::resume_unwind(why.into_panic()),
        };
        let was_on_air = channels
            .iter()
            .any(|channel| channel.number() == number && channel.root().is_some());
        match result {
            Ok(()) => tracing::info!(channel = number, "the broadcast is over"),
            Err(why) if !was_on_air => return Err(why),
            Err(why) => {
                tracing::error!("{why}");
                failed = Err(why);
            }
        }
    }
    failed
}

impl Threads {
    /// Starts a source's thread and the task that broadcasts from it.
    fn start(
        &mut self,
        channel: Arc<Channel>,
        source: Prepared,
        tasks: &mut Tasks,
    ) -> io::Result<()> {
        let number = channel.number();
        let name = channel.name.clone();
        let library = Arc::new(Library::new());
        let handle = match source {
            Prepared::Film { path, fingerprint } => {
                let handle = film::start(number, path, &channel.dir, name, library.clone())?;
                self.libraries.push(library.clone());
                let work = broadcast::looped(channel, library, fingerprint);
                tasks.spawn(async move { (number, work.await) });
                handle
            }
            Prepared::Folder(folder) => {
                let fingerprint = folder.fingerprint();
                let handle = folder.start(number, library.clone())?;
                self.libraries.push(library.clone());
                let work = broadcast::looped(channel, library, fingerprint);
                tasks.spawn(async move { (number, work.await) });
                handle
            }
            Prepared::Live(input) => {
                let (news, handle) = live::start(number, input, name, self.stop.clone())?;
                let work = broadcast::live(channel, news);
                tasks.spawn(async move { (number, work.await) });
                handle
            }
            Prepared::Fed(feed) => {
                let (chunks, handle) = feed::start(number, feed, name, self.stop.clone())?;
                let work = broadcast::fed(channel, chunks);
                tasks.spawn(async move { (number, work.await) });
                handle
            }
        };
        self.handles.push(handle);
        Ok(())
    }

    /// Tells all to end.
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for library in &self.libraries {
            library.stop();
        }
    }

    /// Waits for all to end; one that is deep in a film's first reading goes with the process.
    async fn join(self) {
        let until = Instant::now() + JOIN_PATIENCE;
        for handle in self.handles {
            while !handle.is_finished() && Instant::now() < until {
                tokio::time::sleep(JOIN_POLL).await;
            }
            if handle.is_finished() {
                // A panic there was reported by the panic hook.
                let _ = handle.join();
            }
        }
    }
}

/// Says goodbye to the peers of all channels at once.
async fn leave(channels: &[Arc<Channel>]) {
    let mut leaving = JoinSet::new();
    for root in channels
        .iter()
        .filter_map(|channel| channel.root().cloned())
    {
        leaving.spawn(async move { root.leave().await });
    }
    leaving.join_all().await;
}
