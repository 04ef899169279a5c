//! The recording's thread: reads, cuts into packets, stamps, encodes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use media_packet::SoundPacket;

use super::device::{Device, FRAME_LEN};
use super::opus::{INPUT_LEN, OpusEncoder};
use super::stamps::Stamps;
use super::{HearConfig, HearError, HearEvent, PACKET_SAMPLES, PACKET_US};
use crate::clock::now_us;

pub(super) fn thread(
    config: &HearConfig,
    stop: &AtomicBool,
    ready: SyncSender<Result<(), HearError>>,
    mut sink: Box<dyn FnMut(HearEvent) + Send>,
) {
    let opened = OpusEncoder::open(config.bitrate_bps)
        .and_then(|encoder| Ok((Device::open(config)?, encoder)));
    let (device, encoder) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    if let Err(error) = record(device, encoder, stop, &mut sink)
        && !stop.load(Ordering::Acquire)
    {
        sink(HearEvent::Failed(error));
    }
}

fn record(
    mut device: Device,
    mut encoder: OpusEncoder,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(HearEvent),
) -> Result<(), HearError> {
    let mut stamps = Stamps::new();
    // At most one fragment more than a packet.
    let mut waiting: Vec<u8> = Vec::new();
    let mut taken: u64 = 0;
    loop {
        let fragment = device.read()?;
        if stop.load(Ordering::Acquire) {
            return Ok(());
        }
        stamps.arrive((fragment.len() / FRAME_LEN) as u64, now_us());
        waiting.extend_from_slice(fragment);
        let mut packets = waiting.chunks_exact(INPUT_LEN);
        for samples in &mut packets {
            let data = encoder.encode(samples)?;
            let at_us = stamps.of(taken);
            taken += PACKET_SAMPLES as u64;
            sink(HearEvent::Packet(SoundPacket {
                data,
                at_us,
                duration_us: PACKET_US,
            }));
        }
        let used = waiting.len() - packets.remainder().len();
        waiting.drain(..used);
    }
}
