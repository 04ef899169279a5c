//! The roles around sessions: the coordinator with its site, alone or with a session server beside it.

use std::net::SocketAddr;
use std::sync::Arc;

use server_coordinator::{Coordinator, CoordinatorConfig, OPERATOR_TOKEN_FILE};

use server_session::Air;

use crate::air::{Stations, fed};
use crate::together::{Ending, both};
use crate::watch::channels;
use crate::ways::WaysArgs;
use crate::{Failure, ServerConfig, on_air, print, session, signals};

/// Runs a coordinator until it is told to end.
pub(crate) async fn coordinate(config: CoordinatorConfig) -> Result<(), Failure> {
    let stop = signals::stop().map_err(|why| Failure::System("listen to signals", why))?;
    let data_dir = config.data_dir.clone();
    let mut coordinator = Coordinator::start(config).await?;
    announce(&coordinator, &data_dir.join(OPERATOR_TOKEN_FILE));
    tokio::select! {
        () = stop => Ok(()),
        () = coordinator.ended() => Err(Failure::Ended("the coordinator")),
    }
}

/// Runs every role until it is told to end: a coordinator with its site, a session server beside it, and the broadcast if
/// there is to be one.
pub(crate) async fn everything(
    mut config: CoordinatorConfig,
    broadcast: Option<ServerConfig>,
    ways: WaysArgs,
    epic: session::EpicArgs,
) -> Result<(), Failure> {
    let stop = signals::stop().map_err(|why| Failure::System("listen to signals", why))?;
    let data_dir = config.data_dir.clone();
    let for_browsers = broadcast
        .as_ref()
        .map(|broadcast| channels(&broadcast.origin, &ways));
    config.routes = for_browsers.clone().map(server_watch::routes);
    let stations = broadcast
        .as_ref()
        .and_then(|broadcast| Stations::of(&broadcast.origin, for_browsers.as_ref()));
    let mut coordinator = Coordinator::start(config).await?;
    let mut own = session::beside(&coordinator, &data_dir)?;
    epic.open(&mut own.epic);
    own.webrtc = ways.sessions();
    own.air = stations.map(|stations| Arc::new(stations) as Arc<dyn Air>);
    let ending = Ending::default();
    let sessions = async {
        let served = server_session::run(own, |_| {}, ending.told());
        Ok(served.await?)
    };
    let on_air = async {
        match broadcast {
            Some(config) => {
                // Who is in a session sees its channel's invite there.
                let fed = fed(&config.origin);
                on_air(config, for_browsers, &fed, ending.told()).await
            }
            None => {
                ending.told().await;
                Ok(())
            }
        }
    };
    announce(&coordinator, &data_dir.join(OPERATOR_TOKEN_FILE));
    // The coordinator stays until it was told how the sessions ended.
    let over = async {
        tokio::select! {
            () = stop => Ok(()),
            () = coordinator.ended() => Err(Failure::Ended("the coordinator")),
        }
    };
    both(sessions, on_air, over, &ending).await
}

/// Says on standard output that it is ready, where, and by what it is known; the operator's token once.
pub(crate) fn announce(coordinator: &Coordinator, token_file: &std::path::Path) {
    let site = address(coordinator.address());
    let mut lines = vec![format!(
        "site {site} fingerprint SHA256:{}",
        coordinator.fingerprint()
    )];
    if let Some(token) = coordinator.new_operator_token() {
        lines.push(format!(
            "operator {site}operator token {token} (kept in {})",
            token_file.display()
        ));
    }
    for line in lines {
        if print(&line).is_err() {
            // Nobody reads it there; the site is not hurt.
            tracing::warn!("standard output is closed; {site} is served");
        }
    }
}

/// The site's address for people.
pub(crate) fn address(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("https://localhost:{}/", listen.port())
    } else {
        format!("https://{listen}/")
    }
}
