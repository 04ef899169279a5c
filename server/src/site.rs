//! The roles around sessions: the coordinator with its site, alone or with a session server beside it.

use std::net::SocketAddr;

use server_coordinator::{Coordinator, CoordinatorConfig, OPERATOR_TOKEN_FILE};

use tokio::sync::oneshot;

use crate::{Failure, print, session, signals};

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

/// Runs a coordinator with a session server beside it until they are told to end.
pub(crate) async fn everything(config: CoordinatorConfig) -> Result<(), Failure> {
    let stop = signals::stop().map_err(|why| Failure::System("listen to signals", why))?;
    let data_dir = config.data_dir.clone();
    let mut coordinator = Coordinator::start(config).await?;
    let own = session::beside(&coordinator, &data_dir)?;
    let (end, ending) = oneshot::channel::<()>();
    let sessions = server_session::run(own, |_| {}, async {
        // The other side is dropped when everything ends.
        let _ = ending.await;
    });
    tokio::pin!(sessions);
    announce(&coordinator, &data_dir.join(OPERATOR_TOKEN_FILE));
    let outcome = tokio::select! {
        () = stop => Ok(()),
        () = coordinator.ended() => Err(Failure::Ended("the coordinator")),
        ended = &mut sessions => return Ok(ended?),
    };
    drop(end);
    // The coordinator stays until it was told how the sessions ended.
    sessions.await?;
    outcome
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
