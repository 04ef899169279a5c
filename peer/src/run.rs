//! `peer INVITE`, `peer --legacy-source HOST`: makes the parts, lets them run, and takes them apart politely.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use media_store::{Writer, state_dir};
use overlay_core::{Invite, Params, PeerId};
use overlay_quic::{Endpoint, Identity, JoinError, Member, MemberConfig, Place, Trust};
use tokio::sync::{mpsc, watch};

use crate::args::{DEFAULT_LISTEN, Join};
use crate::board::Notices;
use crate::control::server::Control;
use crate::error::PeerError;
use crate::legacy::{Below, Farewell, OldServer};
use crate::lines::{self, Lines, LogTo};
use crate::logging::{self, LogFile};
use crate::notice::Notice;
use crate::pending::Looker;
use crate::session::{self, MAX_STOPS, MENU_SAMPLE, QUIET_SAMPLE, Shared, Stop};
use crate::signals::{Heard, Signals};
use crate::source::Source;
use crate::status::Status;
use crate::storing::{Counts, Storing};
use crate::{Outcome, bridge, identity, legacy, listen, memory, menu};

/// Threads that hash large chunks, resolve names and look at the spool for scripts.
const BLOCKING_THREADS: usize = 4;
/// After names could not be resolved: the first pause, which doubles up to the last.
const RESOLVE_PAUSE: Duration = Duration::from_secs(1);
/// A viewer's patience.
const RESOLVE_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long the last whole chunks may take to get onto the disk when the peer leaves.
const STORE_WAIT: Duration = Duration::from_secs(3);
/// How long the last lines may take to be read.
const FLUSH_WAIT: Duration = Duration::from_millis(500);

/// Reads where the channel comes from, makes what the peer needs, and runs it until it left.
pub(crate) fn run(args: Join) -> Outcome {
    memory::stay_small();
    let source = Source::of(&args)?;
    let writer = Writer::open(&args.spool, args.spool_limit.0)?;
    let state = state_dir(&args.spool)?;
    let identity = identity::load_or_make(&state)?;

    let headless = args.headless || !io::stdout().is_terminal() || !io::stdin().is_terminal();
    if headless && !args.headless {
        lines::stderr("no terminal here: no menus, as with --headless");
    }
    let failed = |what| move |source| PeerError::System { what, source };
    let (log, level) = if headless {
        (LogTo::Stderr, "warn")
    } else {
        let path = state.join(logging::FILE);
        (
            LogTo::File(LogFile::open(&state).map_err(|why| PeerError::file("open", &path, why))?),
            "info",
        )
    };
    let lines = Lines::start(log).map_err(failed("start a thread"))?;
    logging::start(&lines, level);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(bridge::BLOCKING_STACK)
        .build()
        .map_err(failed("start the runtime"))?;
    let notices = Notices::new(lines.clone(), headless);
    let parts = Parts {
        args,
        source,
        writer,
        identity,
        notices,
        lines: lines.clone(),
        headless,
    };
    let outcome = runtime.block_on(live(parts, &state));
    // A thread that is stuck on a dead disk must not keep the process.
    runtime.shutdown_background();
    lines.flush(FLUSH_WAIT);
    outcome
}

/// What is made before the runtime.
struct Parts {
    args: Join,
    source: Source,
    writer: Writer,
    identity: Identity,
    notices: Notices,
    lines: Lines,
    headless: bool,
}

async fn live(parts: Parts, state: &Path) -> Outcome {
    let Parts {
        args,
        source,
        writer,
        identity,
        notices,
        lines,
        headless,
    } = parts;
    let system = |what| move |source| PeerError::System { what, source };
    let signals = Signals::listen().map_err(system("listen to signals"))?;
    let named = match &source {
        Source::Invite(..) => args.listen,
        // Others find this peer by its address alone: the port must be the usual one.
        Source::Old(_) => Some(args.listen.unwrap_or(DEFAULT_LISTEN)),
    };
    let (endpoint, moved) = listen::bind(named, &identity)?;
    let job = match &source {
        Source::Invite(invite, origin) => Job::Join(MemberConfig {
            channel: invite.channel,
            trust: Trust::Origin(origin.clone()),
            places: places(invite),
            fan_out: args.fanout,
            params: Params::default(),
        }),
        Source::Old(server) => Job::Below(below(server, &args, &endpoint, identity.clone())?),
    };
    let farewell = job.farewell();
    let control = Arc::new(Control::open(state).await?);
    let counts = Arc::new(Counts::default());
    let looker = Arc::new(Looker::open(&args.spool)?);
    let storing = Storing::start(writer, counts.clone(), notices.clone());
    let browsers = bridge::open(&args, source.channel()).await?;
    let taker = browsers.as_ref().map(|browsers| browsers.taker());
    let storing = storing.map_err(system("start a thread"))?;
    let storing = Arc::new(storing.with_taker(taker));
    let (stops, mut stopped) = mpsc::channel(MAX_STOPS);
    let fixed = Status {
        identity: identity.id().to_string(),
        channel: source.channel(),
        origin: source.origin(),
        legacy: source.legacy(),
        fan_out: args.fanout,
        listen: endpoint.local_addr().to_string(),
        pid: std::process::id(),
        ..Status::default()
    };
    let shared = Arc::new(Shared::new(fixed, counts, looker, notices.clone(), stops));
    let (shown, show) = watch::channel(Arc::new(shared.sample()));
    notices.say(&Notice::Listening {
        addr: endpoint.local_addr(),
        moved,
        identity: identity.id(),
    });
    if let Some(browsers) = &browsers {
        notices.say(&browsers.notice());
    }
    let menus = if headless {
        None
    } else {
        Some(Arc::new(
            menu::start(shared.clone(), show).map_err(system("use the terminal"))?,
        ))
    };

    let every = if headless { QUIET_SAMPLE } else { MENU_SAMPLE };
    tokio::spawn(session::watch(shared.clone(), every, shown));
    tokio::spawn(hear(signals, shared.clone(), menus.clone()));
    if let Some(seconds) = args.give_up_after {
        tokio::spawn(give_up(shared.clone(), seconds));
    }
    let (answering, peer) = (control.clone(), shared.clone());
    let answering = tokio::spawn(async move { answering.serve(peer).await });
    let mut work = tokio::spawn(work(job, endpoint.clone(), storing.clone(), shared.clone()));

    // The sender of stops is in `shared`, so there always is one.
    let stop = stopped.recv().await.unwrap_or(Stop::Leave);
    shared.set_leaving();
    notices.say(&Notice::Leaving);
    storing.hurry();
    let polite = async {
        if let Some((server, farewell)) = &farewell {
            let is_head = shared.sample().legacy.is_some_and(|old| old.head);
            farewell.say(server, is_head).await;
        }
        if let Some(member) = shared.member() {
            member.leave().await;
            // What is not on the disk by then is counted by nobody: the disk hangs.
            let _ = tokio::time::timeout(STORE_WAIT, &mut work).await;
        }
        endpoint.close().await;
    };
    let hasty = tokio::select! {
        () = polite => false,
        () = again(&mut stopped) => true,
    };
    let status = shared.sample();
    notices.say(&Notice::Left(status.summary()));
    if let Some(menus) = menus {
        menus.end();
        // Not written here: a terminal that hangs must not keep the process.
        lines.out(Notice::Left(status.summary()).words());
    }
    // The card goes with the last handle.
    answering.abort();
    drop(control);
    match stop {
        Stop::Fail(error) => Err(error),
        _ if hasty => Err(PeerError::Hasty),
        _ if status.chunks.not_stored > 0 => Err(PeerError::NotStored {
            chunks: status.chunks.not_stored,
        }),
        Stop::Leave | Stop::Now => Ok(()),
    }
}

/// Whom to ask, the origin first.
fn places(invite: &Invite) -> Vec<Place> {
    let origin = Place {
        id: Some(PeerId::of_public_key(&invite.key)),
        at: invite.origin.clone(),
    };
    let also = invite.also.iter().map(|at| Place {
        id: None,
        at: at.clone(),
    });
    std::iter::once(origin).chain(also).collect()
}

/// What the peer lives for.
enum Job {
    /// The channel of an invite.
    Join(MemberConfig),
    /// A forest below an old server.
    Below(Below),
}

impl Job {
    /// Whom it ends with a word to, and how.
    fn farewell(&self) -> Option<(OldServer, Farewell)> {
        match self {
            Job::Join(_) => None,
            Job::Below(below) => Some((below.server.clone(), below.farewell.clone())),
        }
    }
}

/// What a forest below an old server needs, its TCP port opened.
fn below(
    server: &OldServer,
    args: &Join,
    endpoint: &Endpoint,
    identity: Identity,
) -> Result<Below, PeerError> {
    let listen = endpoint.local_addr();
    let addr = SocketAddr::new(listen.ip(), args.legacy_client_port);
    let listener = legacy::open(addr).map_err(|source| PeerError::ClientPort { addr, source })?;
    Ok(Below {
        server: server.clone(),
        peer_port: listen.port(),
        fan_out: args.fanout,
        listener,
        identity,
        farewell: Farewell::default(),
    })
}

/// Joins, then stores whatever comes until the channel is closed.
async fn work(job: Job, endpoint: Endpoint, storing: Arc<Storing>, shared: Arc<Shared>) {
    let worked = match job {
        Job::Join(config) => match join(&endpoint, config, &shared).await {
            Ok(member) => {
                shared.begin(member, &storing).end().await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Job::Below(below) => legacy::run(below, endpoint, storing, shared.clone()).await,
    };
    if let Err(error) = worked {
        shared.stop(Stop::Fail(error.into()));
    }
}

/// Opens the channel; names that cannot be resolved now are tried again, since a machine may be faster than its
/// network.
async fn join(
    endpoint: &Endpoint,
    config: MemberConfig,
    shared: &Shared,
) -> Result<Member, JoinError> {
    let mut pause = RESOLVE_PAUSE;
    loop {
        match endpoint.join(config.clone()).await {
            Err(JoinError::Resolve { at, why }) => {
                let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                if pause == RESOLVE_PAUSE {
                    shared.say(&Notice::Unreachable { at, why, retry_ms });
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RESOLVE_PAUSE_MAX);
            }
            joined => return joined,
        }
    }
}

/// Waits for signals.
async fn hear(mut signals: Signals, shared: Arc<Shared>, menus: Option<Arc<menu::Menus>>) {
    loop {
        match (signals.next().await, &menus) {
            (Heard::End, _) => shared.stop(Stop::Now),
            (Heard::Again, Some(menus)) => menus.repaint(),
            (Heard::Again, None) => {}
        }
    }
}

async fn give_up(shared: Arc<Shared>, seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    // The sample notes whether it runs by now.
    shared.sample();
    if !shared.was_running() {
        shared.stop(Stop::Fail(PeerError::GaveUp {
            channel: shared.fixed.channel,
            seconds,
            last: shared.trouble(),
        }));
    }
}

/// Until somebody insists.
async fn again(stopped: &mut mpsc::Receiver<Stop>) {
    while let Some(stop) = stopped.recv().await {
        if let Stop::Now = stop {
            return;
        }
    }
    std::future::pending().await
}
