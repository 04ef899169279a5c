//! Viewers against a bridge in one process: the client is the `webrtc` crate with its own driver, sockets and
//! interceptors, so both ends are different code above the protocol core.

mod client;
mod feed;
mod hostile;
mod leaving;
mod media;
mod relay;
mod silent;
mod turn_tcp;

use server_bridge::{Bridge, BridgeConfig, Stage, StageConfig, Terms};
use std::future::Future;
use std::time::Duration;

/// Everything that is waited for comes within this.
const PATIENCE: Duration = Duration::from_secs(20);

const TERMS: Terms = Terms {
    input: true,
    low_latency: true,
};

async fn bridge() -> Bridge {
    let config = BridgeConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        tcp: Some("127.0.0.1:0".parse().expect("an address")),
        advertise: Vec::new(),
        ice_servers: Vec::new(),
        max_viewers: 200,
    };
    Bridge::start(config).await.expect("a bridge")
}

fn stage(bridge: &Bridge) -> Stage {
    bridge.stage(StageConfig {
        codec: media_packet::VideoCodec::H264,
        max_viewers: 150,
        start_bps: 1_500_000,
        max_bps: 2_500_000,
        min_bps: 150_000,
    })
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(what, waiting).await;
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"))
}
