//! The recording's thread: reads, cuts into packets, stamps, encodes. While the source sleeps, it makes the silence itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use bytes::Bytes;
use media_packet::SoundPacket;

use super::device::{Device, FRAME_LEN, Heard};
use super::opus::{INPUT_LEN, OpusEncoder};
use super::silence::{Silence, Turn};
use super::stamps::Stamps;
use super::{HearConfig, HearError, HearEvent, MAX_OPEN, PACKET_SAMPLES, PACKET_US};
use crate::clock::now_us;

/// What a packet of digital silence is encoded from.
const QUIET: [u8; INPUT_LEN] = [0; INPUT_LEN];

pub(super) fn thread(
    config: &HearConfig,
    stop: &AtomicBool,
    ready: SyncSender<Result<(), HearError>>,
    sink: Box<dyn FnMut(HearEvent) + Send>,
) {
    let opened = OpusEncoder::open(config.bitrate_bps)
        .and_then(|encoder| Ok((Device::open(config, Instant::now() + MAX_OPEN)?, encoder)));
    let (mut device, encoder) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    let mut recording = Recording {
        encoder,
        sink,
        stamps: Stamps::new(),
        silence: Silence::default(),
        last: Bytes::new(),
        waiting: Vec::new(),
        taken: 0,
    };
    if let Err(error) = recording.run(&mut device, stop)
        && !stop.load(Ordering::Acquire)
    {
        (recording.sink)(HearEvent::Failed(error));
    }
}

struct Recording {
    encoder: OpusEncoder,
    sink: Box<dyn FnMut(HearEvent) + Send>,
    stamps: Stamps,
    silence: Silence,
    /// The last packet that was encoded.
    last: Bytes,
    /// At most one fragment more than a packet.
    waiting: Vec<u8>,
    /// Samples that went into packets.
    taken: u64,
}

impl Recording {
    fn run(&mut self, device: &mut Device, stop: &AtomicBool) -> Result<(), HearError> {
        let mut asleep = false;
        loop {
            let heard = device.read()?;
            if stop.load(Ordering::Acquire) {
                return Ok(());
            }
            match heard {
                Heard::Nothing => {}
                Heard::Suspended => {
                    asleep = true;
                    self.sleep()?;
                }
                Heard::Samples(fragment) => {
                    if std::mem::take(&mut asleep) {
                        // Its clock stood still.
                        self.stamps.restart();
                        self.waiting.clear();
                        self.taken = 0;
                    }
                    self.stamps
                        .arrive((fragment.len() / FRAME_LEN) as u64, now_us());
                    self.waiting.extend_from_slice(fragment);
                    self.cut()?;
                }
            }
        }
    }

    /// Makes packets of what waits.
    fn cut(&mut self) -> Result<(), HearError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        for samples in waiting.chunks_exact(INPUT_LEN) {
            let at_us = self.stamps.of(self.taken);
            self.taken += PACKET_SAMPLES as u64;
            self.packet(samples, at_us)?;
        }
        waiting.drain(..waiting.len() - waiting.len() % INPUT_LEN);
        self.waiting = waiting;
        Ok(())
    }

    /// The silence of a source that sleeps, up to now.
    fn sleep(&mut self) -> Result<(), HearError> {
        let now = now_us();
        while let Some(at_us) = self.stamps.asleep(now) {
            self.packet(&QUIET, at_us)?;
        }
        Ok(())
    }

    fn packet(&mut self, samples: &[u8], at_us: u64) -> Result<(), HearError> {
        let turn = self.silence.next(samples);
        if turn == Turn::Sound {
            self.last = self.encoder.encode(samples)?;
        }
        let packet = SoundPacket {
            data: self.last.clone(),
            at_us,
            duration_us: PACKET_US,
        };
        (self.sink)(match turn {
            Turn::Sound => HearEvent::Packet(packet),
            Turn::Silence => HearEvent::Silence(packet),
        });
        Ok(())
    }
}
