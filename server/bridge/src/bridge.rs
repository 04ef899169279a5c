//! The bridge: its addresses, and the stages on it.
//!
//! It must never know what is shown.

use crate::net::{Net, Routes, Udp, addresses, outside::Outside, tcp::Tcp};
use crate::rtc::{Factory, Local};
use crate::{BridgeConfig, BridgeError, BridgeStats, IceServer, Stage, StageConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::AbortHandle;

/// TCP connections beyond one for each viewer: browsers try several at a time.
const SPARE_CONNECTIONS: usize = 64;

/// What all stages and viewers of a bridge share.
pub(crate) struct Core {
    pub(crate) config: BridgeConfig,
    pub(crate) net: Net,
    pub(crate) factory: Factory,
    local: Local,
    pub(crate) viewers: AtomicUsize,
    pub(crate) next_id: AtomicU64,
    started: Instant,
    receiving: AbortHandle,
}

impl Core {
    /// The addresses that a viewer who comes now is told.
    pub(crate) fn local(&self) -> Local {
        let mut local = self.local.clone();
        local.relayed = self.net.outside.relayed();
        local.seen = self.net.outside.seen();
        local.seen.retain(|seen| !local.udp.contains(seen));
        local
    }

    /// Microseconds since the bridge started.
    pub(crate) fn since(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_micros() as u64
    }

    /// The other way round.
    pub(crate) fn instant(&self, us: u64) -> Instant {
        self.started + Duration::from_micros(us)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

/// One UDP port (and perhaps one TCP port) that serves all viewers of all stages. Clones are the same bridge; it lives as
/// long as one of them, a stage or a viewer.
#[derive(Clone)]
pub struct Bridge {
    core: Arc<Core>,
}

impl Bridge {
    /// Binds the addresses, and asks the STUN and TURN servers how it is reached from outside: some round trips, 2 s at
    /// most. Must be called inside a tokio runtime, which then drives everything.
    ///
    /// # Errors
    /// An address that cannot be bound, or nothing that viewers could be told.
    pub async fn start(mut config: BridgeConfig) -> Result<Bridge, BridgeError> {
        for server in &mut config.ice_servers {
            server.urls.retain(|url| !url.trim().is_empty());
        }
        config.ice_servers.retain(|server| !server.urls.is_empty());
        let factory = Factory::new().map_err(BridgeError::Certificate)?;
        let own = addresses::own();
        let routes = Arc::new(Routes::default());
        let failed = |what, address| {
            move |source| BridgeError::Address {
                what,
                address,
                source,
            }
        };
        let udp = Arc::new(Udp::bind(config.udp).map_err(failed("UDP port", config.udp))?);
        let candidates = addresses::advertised(udp.address(), &config.advertise, &own);
        if candidates.is_empty() {
            return Err(BridgeError::NoAddress);
        }
        let tcp = match config.tcp {
            None => None,
            Some(address) => {
                let told = |bound| addresses::advertised(bound, &config.advertise, &own);
                let most = config.max_viewers.saturating_add(SPARE_CONNECTIONS);
                Some(
                    Tcp::start(address, routes.clone(), most, told)
                        .await
                        .map_err(failed("TCP port", address))?,
                )
            }
        };
        let local = Local {
            udp: candidates.clone(),
            tcp: tcp.as_ref().map_or_else(Vec::new, |tcp| {
                addresses::advertised(tcp.address(), &config.advertise, &own)
            }),
            seen: Vec::new(),
            relayed: None,
        };
        let receiving = tokio::spawn(udp.clone().receive(routes.clone(), candidates.clone()));
        let outside = Outside::start(udp.clone(), routes.clone(), &config.ice_servers);
        let core = Core {
            config,
            net: Net {
                routes,
                udp,
                tcp,
                own,
                hosts: candidates,
                outside,
            },
            factory,
            local,
            viewers: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            started: Instant::now(),
            receiving: receiving.abort_handle(),
        };
        core.net.outside.settle().await;
        Ok(Bridge {
            core: Arc::new(core),
        })
    }

    /// Where viewers send to.
    pub fn udp_address(&self) -> SocketAddr {
        self.core.net.udp.address()
    }

    /// Where viewers that have no UDP connect to.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.core.net.tcp.as_ref().map(Tcp::address)
    }

    /// A new stage. It lives until [`Stage::close`] or until its last clone and its last viewer are dropped.
    pub fn stage(&self, config: StageConfig) -> Stage {
        Stage::new(self.core.clone(), config)
    }

    /// What a browser is to be told now: without secrets, and never with an empty address, on which browsers throw.
    pub fn ice_servers(&self) -> Vec<IceServer> {
        let now = SystemTime::now();
        let servers = self.core.config.ice_servers.iter();
        servers.map(|server| server.for_browsers(now)).collect()
    }

    /// Figures of the whole bridge.
    pub fn stats(&self) -> BridgeStats {
        let (stray_datagrams, dropped_datagrams) = self.core.net.routes.counts();
        BridgeStats {
            viewers: self.core.viewers.load(Ordering::Relaxed),
            stray_datagrams,
            dropped_datagrams,
            tcp_connections: self.core.net.tcp.as_ref().map_or(0, Tcp::count),
            seen: self.core.net.outside.seen(),
            relayed: self.core.net.outside.relayed(),
        }
    }
}
