//! The roles around sessions: the coordinator with its site, alone or with a session server beside it.

use std::net::SocketAddr;

use server_coordinator::{Coordinator, CoordinatorConfig, OPERATOR_TOKEN_FILE};

use crate::{Failure, print, signals};

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
