//! Every QUIC setting that differs from quinn's default, with its reason.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// Streams of blocks that the other end may have open at once: the last chunk's and the next one's of all 16 stripes, and
/// 8 answers to pulls. More would only cost memory a link.
const MAX_BLOCK_STREAMS: u32 = 40;
/// Streams of control messages: one, opened by whoever dialled.
const MAX_CONTROL_STREAMS: u32 = 1;
/// A link without any packet for this long is gone. The state machine closes silent links itself, within 1.5 s; this is
/// for half-made links and for a machine that was asleep. A guess.
const IDLE: Duration = Duration::from_secs(10);
/// Bytes of one stream that may be under way: a stripe of 25 Mb/s over 150 ms.
const STREAM_WINDOW: u32 = 512 * 1024;
/// Bytes of all streams of a link that may be under way, and so what a hostile link can pin: 160 Mb/s over 100 ms.
const LINK_WINDOW: u32 = 2 * 1024 * 1024;
/// Bytes that a link may have sent without acknowledgement. What is in here was given away and is no longer in the
/// child's budget, so it is small: 80 Mb/s over 100 ms.
const SEND_WINDOW: u64 = 1024 * 1024;
/// What is sent at once on a new link, bytes: eight blocks. Default 12 KB: a newcomer's first chunk of 1 MB would take
/// 7 round trips instead of 4.
const INITIAL_WINDOW: u64 = 128 * 1024;
/// The round trip that is assumed before the first measurement; the default, 333 ms, repeats a lost first packet of a
/// handshake only after a second.
const INITIAL_RTT: Duration = Duration::from_millis(100);
/// The largest packet that is tried, bytes: Ethernet's 1500 less IPv6 and UDP headers. Larger ones (loopback allows 9000
/// and more) were seen to stall.
const MAX_MTU: u16 = 1452;
/// Packets that may come before one must be acknowledged; the default of 2 makes a relay with 8 children read half as
/// many acknowledgements as it sends packets.
const ACK_EVERY: u32 = 10;
/// An acknowledgement is late by at most this much; RFC 9000's default.
const MAX_ACK_DELAY: Duration = Duration::from_millis(25);

/// The transport of every link.
pub(crate) fn config() -> Arc<TransportConfig> {
    let mut cubic = CubicConfig::default();
    cubic.initial_window(INITIAL_WINDOW);
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MAX_MTU);
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY))
        .max_ack_delay(Some(MAX_ACK_DELAY));
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_BLOCK_STREAMS))
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_CONTROL_STREAMS))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(
            IDLE.as_millis() as u32
        ))))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(LINK_WINDOW))
        .send_window(SEND_WINDOW)
        // Round-robin between streams would finish all of them late instead of one after the other.
        .send_fairness(false)
        .initial_rtt(INITIAL_RTT)
        .mtu_discovery_config(Some(mtu))
        .ack_frequency_config(Some(acks))
        // Heartbeats are the state machine's.
        .keep_alive_interval(None)
        .datagram_receive_buffer_size(None)
        .congestion_controller_factory(Arc::new(cubic));
    Arc::new(config)
}
