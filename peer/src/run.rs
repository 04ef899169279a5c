//! `peer INVITE`: makes the parts, lets them run, and takes them apart politely.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use media_model::OriginKey;
use media_store::{Writer, state_dir};
use overlay_core::{Invite, Params, PeerId};
use overlay_quic::{Endpoint, Identity, JoinError, Member, MemberConfig, Place, Trust};
use tokio::sync::{mpsc, watch};

use crate::args::Join;
use crate::board::Notices;
use crate::control::server::Control;
use crate::error::PeerError;
use crate::lines::{self, Lines, LogTo};
use crate::logging::{self, LogFile};
use crate::notice::Notice;
use crate::pending::Looker;
use crate::session::{self, MAX_STOPS, MENU_SAMPLE, QUIET_SAMPLE, Shared, Stop};
use crate::signals::{Heard, Signals};
use crate::status::Status;
use crate::storing::{Counts, Storing};
use crate::{Outcome, identity, listen, memory, menu};

/// Threads that hash large chunks, resolve names and look at the spool for scripts.
const BLOCKING_THREADS: usize = 4;
/// They do not recurse.
const BLOCKING_STACK: usize = 512 * 1024;
/// After names could not be resolved: the first pause, which doubles up to the last.
const RESOLVE_PAUSE: Duration = Duration::from_secs(1);
/// A viewer's patience.
const RESOLVE_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long the last whole chunks may take to get onto the disk when the peer leaves.
const STORE_WAIT: Duration = Duration::from_secs(3);
/// How long the last lines may take to be read.
const FLUSH_WAIT: Duration = Duration::from_millis(500);

/// Reads the invite, makes what the peer needs, and runs it until it left.
pub(crate) fn run(args: Join) -> Outcome {
    memory::stay_small();
    let invite: Invite = args.invite.as_deref().unwrap_or_default().parse()?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    invite.check_time(now.as_secs())?;
    let origin = OriginKey::from_bytes(&invite.key).map_err(|_| PeerError::InviteKey)?;
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
        .thread_stack_size(BLOCKING_STACK)
        .build()
        .map_err(failed("start the runtime"))?;
    let notices = Notices::new(lines.clone(), headless);
    let parts = Parts {
        args,
        invite,
        origin,
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
    invite: Invite,
    origin: OriginKey,
    writer: Writer,
    identity: Identity,
    notices: Notices,
    lines: Lines,
    headless: bool,
}

async fn live(parts: Parts, state: &Path) -> Outcome {
    let Parts {
        args,
        invite,
        origin,
        writer,
        identity,
        notices,
        lines,
        headless,
    } = parts;
    let system = |what| move |source| PeerError::System { what, source };
    let signals = Signals::listen().map_err(system("listen to signals"))?;
    let (endpoint, moved) = listen::bind(args.listen, &identity)?;
    let control = Arc::new(Control::open(state).await?);
    let counts = Arc::new(Counts::default());
    let looker = Arc::new(Looker::open(&args.spool)?);
    let storing = Storing::start(writer, counts.clone(), notices.clone());
    let storing = Arc::new(storing.map_err(system("start a thread"))?);
    let (stops, mut stopped) = mpsc::channel(MAX_STOPS);
    let fixed = Status {
        identity: identity.id().to_string(),
        channel: invite.channel,
        origin: invite.origin.clone(),
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
    let config = MemberConfig {
        channel: invite.channel,
        trust: Trust::Origin(origin),
        places: places(&invite),
        fan_out: args.fanout,
        params: Params::default(),
    };
    let mut work = tokio::spawn(work(
        endpoint.clone(),
        config,
        storing.clone(),
        shared.clone(),
    ));

    // The sender of stops is in `shared`, so there always is one.
    let stop = stopped.recv().await.unwrap_or(Stop::Leave);
    shared.set_leaving();
    notices.say(&Notice::Leaving);
    storing.hurry();
    let polite = async {
        if let Some(member) = shared.member.get() {
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

/// Joins, then stores whatever comes until the channel is closed.
async fn work(
    endpoint: Endpoint,
    config: MemberConfig,
    storing: Arc<Storing>,
    shared: Arc<Shared>,
) {
    let member = match join(&endpoint, config, &shared).await {
        Ok(member) => member,
        Err(error) => return shared.stop(Stop::Fail(error.into())),
    };
    let (events, chunks) = (member.events(), member.chunks());
    // Nobody else sets it.
    let _ = shared.member.set(member);
    tokio::spawn(session::listen(shared.clone(), events));
    if !storing.all(chunks).await {
        shared.stop(Stop::Fail(PeerError::Broken("thread that stores chunks")));
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
