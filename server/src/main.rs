//! `server`: puts films and live inputs on channels; lets visitors book, start and join sessions.
//!
//! A thin main: reads the command line, calls the role, turns what went wrong into one line and an exit status (2: the
//! command line or the configuration is wrong; 1: it could not do its job). What a role does is its crate's.

mod air;
mod args;
mod check;
mod configuration;
mod file;
mod importing;
mod legacy;
mod nginx;
mod sample;
mod session;
mod show;
mod signals;
mod site;
mod site_args;
mod together;
mod values;
mod watch;
mod ways;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use server_coordinator::CoordinatorError;
use server_origin::{Invite, OriginConfig, OriginError, Outlet};
use server_session::SessionError;
use server_state::StateError;
use server_watch::Channels;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command};
use crate::legacy::LegacySettings;
use crate::watch::Browsers;

/// What is logged where `RUST_LOG` says nothing. `rtc` stands for all crates of the WebRTC library, whose names begin so: a
/// closed tab is a warning to them, and a viewer's lost packet.
const DEFAULT_LOG: &str = "info,quinn=warn,quinn_proto=warn,rustls=warn,rtc=error";
/// Threads for what blocks (reading chunks, coding them, writing state): a few short jobs per channel and second.
const BLOCKING_THREADS: usize = 8;
/// How long such a job may hold up the end.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// Why the program ends with another status than 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line or a configuration file is wrong; the text says where.
    #[error("{0}")]
    Usage(String),
    /// The origin could not do its job.
    #[error("{0}")]
    Origin(#[from] OriginError),
    /// The coordinator could not do its job.
    #[error("{0}")]
    Coordinator(#[from] CoordinatorError),
    /// The session server could not do its job.
    #[error("{0}")]
    Session(#[from] SessionError),
    /// The built-in application has no display.
    #[error("{0}")]
    Sample(#[from] server_sample::SampleError),
    /// The database could not be opened or changed.
    #[error("{0}")]
    State(#[from] StateError),
    /// A part of the program ended that never should.
    #[error("{0} ended by itself; what was logged before says why")]
    Ended(&'static str),
    /// The system refuses what every program needs.
    #[error("cannot {0}: {1}")]
    System(&'static str, io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Origin(OriginError::Config(_)) => ExitCode::from(2),
            Self::Origin(_)
            | Self::Coordinator(_)
            | Self::Session(_)
            | Self::Sample(_)
            | Self::State(_)
            | Self::Ended(_)
            | Self::System(..) => ExitCode::FAILURE,
        }
    }
}

/// What a server is told to do, from the command line or a file; checked.
#[derive(Debug)]
pub(crate) struct ServerConfig {
    pub(crate) origin: OriginConfig,
    pub(crate) legacy: LegacySettings,
}

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG)),
        )
        .init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Origin(origin) => broadcast(origin.into_config()?),
        Command::Run(run) => {
            let (epic, ways) = (run.epic, run.ways.clone());
            let (coordinator, broadcast) = run.into_config()?;
            serve(site::everything(coordinator, broadcast, ways, epic))
        }
        Command::Coordinator(coordinator) => serve(site::coordinate(coordinator.into_config()?)),
        Command::Session(session) => {
            let (config, broadcast) = session.into_config()?;
            serve(session::run(config, broadcast))
        }
        Command::SampleApplication {
            still,
            silent,
            busy,
        } => sample_application(still, silent, busy),
        Command::Import { files, database } => serve(importing::run(&files, &database.url()?)),
        Command::Migrate { database } => serve(importing::migrate(&database.url()?)),
        Command::NginxConfig(wanted) => print(nginx::config(&wanted).trim_end()),
        Command::CheckConfig { file } => check::check(&file),
        Command::Status { data_dir, json } => {
            let status = server_origin::ask_status(&data_dir)?;
            if json {
                print(&status.to_string())
            } else {
                print(show::table(&status).trim_end())
            }
        }
    }
}

/// Runs a role that has many connections, on all processors.
fn serve(role: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|why| Failure::System("start", why))?;
    let result = runtime.block_on(role);
    runtime.shutdown_timeout(END_PATIENCE);
    result
}

/// Runs the built-in application on the display that its environment names, at the rate that its session says.
fn sample_application(still: bool, silent: bool, busy: bool) -> Result<(), Failure> {
    let rate = std::env::var("TREECAST_FRAME_RATE").ok();
    let options = server_sample::Options {
        frame_rate: rate.and_then(|rate| rate.parse().ok()).unwrap_or(60),
        still,
        sound: !silent,
        busy,
    };
    Ok(server_sample::run(options)?)
}

fn broadcast(config: ServerConfig) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|why| Failure::System("start", why))?;
    let result = runtime.block_on(async {
        let stop = signals::stop().map_err(|why| Failure::System("listen to signals", why))?;
        on_air(config, None, &[], stop).await
    });
    runtime.shutdown_timeout(END_PATIENCE);
    result
}

/// Broadcasts until `stop` is done; prints each channel's invite when it is on air, but not those of the channels in
/// `unsaid`. What is on air is shown to browsers too if there are `channels` for them.
pub(crate) async fn on_air(
    config: ServerConfig,
    for_browsers: Option<Channels>,
    unsaid: &[u32],
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let unsaid = unsaid.to_vec();
    let announce = move |invite: &Invite| {
        if unsaid.contains(&invite.channel) {
            return;
        }
        if print(&format!("invite {invite}")).is_err() {
            // Nobody reads it there; the broadcast is not hurt.
            tracing::warn!("standard output is closed; the invite is {invite}");
        }
    };
    let (data_dir, channels) = (
        config.origin.data_dir.clone(),
        config.origin.channels.clone(),
    );
    let open_outlets = || {
        let old_clients = config.legacy.open(&data_dir, &channels);
        let mut outlets: Vec<Box<dyn Outlet>> = old_clients
            .map_err(|why| format!("{why}; give another address with --legacy, or --legacy off"))?
            .into_iter()
            .collect();
        if let Some(channels) = for_browsers {
            outlets.push(Box::new(Browsers(channels)));
        }
        Ok(outlets)
    };
    Ok(server_origin::run(config.origin, announce, open_outlets, stop).await?)
}

/// Prints a line at once, also into a pipe.
pub(crate) fn print(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|why| Failure::System("write to standard output", why))
}
