//! The bridge: its addresses, and the stages on it.
//!
//! It must never know what is shown.

use crate::{BridgeConfig, BridgeError, BridgeStats, IceServer, Stage, StageConfig};
use std::net::SocketAddr;
use std::sync::Arc;

/// One UDP port (and perhaps one TCP port) that serves all viewers of all stages.
#[derive(Clone)]
pub struct Bridge {
    config: Arc<BridgeConfig>,
}

impl Bridge {
    /// Binds the addresses.
    ///
    /// # Errors
    /// An address that cannot be bound.
    pub async fn start(config: BridgeConfig) -> Result<Bridge, BridgeError> {
        Ok(Bridge {
            config: Arc::new(config),
        })
    }

    /// Where viewers send to.
    pub fn udp_address(&self) -> SocketAddr {
        self.config.udp
    }

    /// Where viewers that have no UDP connect to.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.config.tcp
    }

    /// A new stage. It lives until [`Stage::close`] or until its last clone and its last viewer are dropped.
    pub fn stage(&self, config: StageConfig) -> Stage {
        Stage::new(config)
    }

    /// What browsers are to be told.
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.config.ice_servers
    }

    /// Figures of the whole bridge.
    pub fn stats(&self) -> BridgeStats {
        BridgeStats::default()
    }
}
