//! What is played is heard, in packets of 10 ms with true stamps.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ffmpeg_next::codec::{self, decoder};
use ffmpeg_next::{Packet, frame};
use media_ffmpeg::hear::{Hear, HearConfig, HearError, HearEvent};
use media_packet::SoundPacket;

use crate::pulse::Pulse;
use crate::seen::PATIENCE;

#[derive(Default)]
struct Log {
    packets: Vec<SoundPacket>,
    /// Those of them that need not be heard.
    silent: usize,
    failed: Option<HearError>,
}

#[derive(Clone, Default)]
struct Heard(Arc<(Mutex<Log>, Condvar)>);

impl Heard {
    fn sink(&self) -> Box<dyn FnMut(HearEvent) + Send> {
        let log = Arc::clone(&self.0);
        Box::new(move |event| {
            let mut locked = log.0.lock().expect("no panic");
            assert!(locked.failed.is_none(), "an event after the last");
            match event {
                HearEvent::Packet(packet) => locked.packets.push(packet),
                HearEvent::Silence(packet) => {
                    locked.silent += 1;
                    locked.packets.push(packet);
                }
                HearEvent::Failed(error) => locked.failed = Some(error),
            }
            log.1.notify_all();
        })
    }

    fn wait<T>(&self, what: &str, mut done: impl FnMut(&Log) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut log = self.0.0.lock().expect("no panic");
        loop {
            if let Some(value) = done(&log) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let packets = log.packets.len();
            assert!(
                !left.is_zero(),
                "no {what}; {packets} packets, {:?}",
                log.failed
            );
            log = self.0.1.wait_timeout(log, left).expect("no panic").0;
        }
    }

    /// The next `count` packets from now on.
    fn next(&self, count: usize) -> Vec<SoundPacket> {
        let from = self.wait("start", |log| Some(log.packets.len()));
        self.wait("more packets", |log| {
            let new = &log.packets[from..];
            (new.len() >= count).then(|| new[..count].to_vec())
        })
    }
}

fn start(config: HearConfig) -> (Hear, Heard) {
    let heard = Heard::default();
    let hear = Hear::start(config, heard.sink()).expect("it starts");
    (hear, heard)
}

fn refusal(config: HearConfig) -> HearError {
    match Hear::start(config, Heard::default().sink()) {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

struct Decoder(decoder::Audio);

impl Decoder {
    fn new() -> Self {
        media_ffmpeg::init();
        let found = decoder::find(codec::Id::OPUS).expect("a decoder");
        let context = codec::Context::new_with_codec(found);
        Self(context.decoder().audio().expect("a decoder"))
    }

    /// The left channel.
    fn decode(&mut self, packets: &[SoundPacket]) -> Vec<f32> {
        let mut samples = Vec::new();
        for packet in packets {
            let data = Packet::copy(&packet.data);
            self.0.send_packet(&data).expect("Opus");
            let mut frame = frame::Audio::empty();
            while self.0.receive_frame(&mut frame).is_ok() {
                assert_eq!((frame.rate(), frame.channels()), (48_000, 2));
                samples.extend_from_slice(frame.plane::<f32>(0));
            }
        }
        samples
    }
}

#[test]
fn a_tone_that_is_played_is_heard() {
    let pulse = Pulse::start();
    let (_hear, heard) = start(pulse.config());
    let mut player = pulse.player();
    player.tone(1_000.0, Duration::from_secs(4));
    // The tone is on when packets get large; its first 100 ms are left to the decoder to settle.
    let packets = heard.wait("a second of sound", |log| {
        let quiet = |p: &SoundPacket| p.data.len() <= 60;
        let mut spells = log.packets.split(quiet);
        spells.find(|spell| spell.len() >= 100).map(<[_]>::to_vec)
    });
    let samples = Decoder::new().decode(&packets);
    let samples = &samples[4_800..];
    let loudest = samples.iter().fold(0.0f32, |m, s| m.max(s.abs()));
    assert!((0.3..0.45).contains(&loudest), "{loudest}");
    let crossings = samples
        .windows(2)
        .filter(|w| w[0] < 0.0 && w[1] >= 0.0)
        .count();
    let hertz = crossings as f32 * 48_000.0 / samples.len() as f32;
    assert!((980.0..1_020.0).contains(&hertz), "{hertz}");
}

#[test]
fn packets_of_ten_milliseconds_come_in_time_also_when_nothing_plays() {
    let pulse = Pulse::start();
    let begun = Instant::now();
    let (_hear, heard) = start(pulse.config());
    heard.next(50);
    let packets = heard.next(300);
    let took = begun.elapsed();
    // All since the start: what a machine that stood still hands over at once was played before.
    assert!(took > Duration::from_millis(3_200), "{took:?}");
    // Samples are what time is counted in, however late a busy machine hands them over.
    let apart = packets.windows(2).map(|pair| pair[1].at_us - pair[0].at_us);
    let even = apart
        .filter(|apart| (9_400..=10_600).contains(apart))
        .count();
    assert!(even >= 285, "{even} of 299");
    let span = packets[299].at_us - packets[0].at_us;
    assert!(span.abs_diff(2_990_000) < 100_000, "{span}");
    assert!(packets.iter().all(|p| p.duration_us == 10_000));
    // Digital silence costs next to nothing.
    assert!(
        packets.iter().all(|p| p.data.len() <= 8),
        "{}",
        packets[0].data.len()
    );
    // All but those of the first 200 ms and one in 40 need not be heard.
    let (silent, all) = heard.wait("the log", |log| Some((log.silent, log.packets.len())));
    let expected = (all - 20) * 39 / 40;
    assert!(silent.abs_diff(expected) <= 1, "{silent} of {all}");
}

#[test]
fn a_sink_that_sleeps_gives_silence_in_time_and_is_heard_as_soon_as_somebody_plays() {
    let pulse = Pulse::start();
    let (_hear, heard) = start(pulse.config());
    pulse.until_asleep();
    let asleep = heard.next(100);
    // The first may still come from before.
    let even = asleep
        .windows(2)
        .filter(|pair| pair[1].at_us - pair[0].at_us == 10_000)
        .count();
    assert!(even >= 79, "{even} of 99");
    let mut player = pulse.player();
    player.tone(1_000.0, Duration::from_secs(2));
    let loud = heard.wait("sound", |log| {
        let loud = |p: &&SoundPacket| p.data.len() > 60;
        let first = log.packets.iter().find(loud)?;
        (log.packets.iter().filter(loud).count() >= 50).then_some(first.at_us)
    });
    let now = heard.wait("the log", |log| log.packets.last().map(|p| p.at_us));
    assert!(loud < now && loud > asleep[99].at_us);
    let rising = heard.wait("the log", |log| {
        Some(
            log.packets
                .windows(2)
                .all(|pair| pair[0].at_us < pair[1].at_us),
        )
    });
    assert!(rising);
}

#[test]
fn a_sound_server_that_ends_is_told() {
    let mut pulse = Pulse::start();
    let (hear, heard) = start(pulse.config());
    heard.next(10);
    pulse.kill();
    heard.wait("failure", |log| {
        let failed = log.failed.as_ref()?;
        assert!(matches!(failed, HearError::Gone(_)), "{failed}");
        Some(())
    });
    drop(hear);
}

#[test]
fn what_cannot_be_heard_is_refused_with_a_reason() {
    let pulse = Pulse::start();
    let mut config = pulse.config();
    config.source = "nobody.monitor".to_owned();
    let error = refusal(config);
    assert!(error.to_string().contains("nobody.monitor"), "{error}");
    let mut config = pulse.config();
    config.server = "unix:/nowhere/native".to_owned();
    let error = refusal(config);
    assert!(matches!(error, HearError::Open { .. }), "{error}");
}

#[test]
fn a_recording_is_dropped_soon_and_leaves_no_thread() {
    let pulse = Pulse::start();
    let threads = || std::fs::read_dir("/proc/self/task").expect("proc").count();
    let before = threads();
    for _ in 0..3 {
        let (hear, heard) = start(pulse.config());
        heard.next(3);
        let begun = Instant::now();
        drop(hear);
        assert!(begun.elapsed() < Duration::from_secs(4));
    }
    // One that was joined is still there for a moment.
    let deadline = Instant::now() + PATIENCE;
    while threads() != before {
        assert!(Instant::now() < deadline, "{} threads", threads());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_server_that_hangs_is_told_and_the_recording_is_dropped_soon_all_the_same() {
    let pulse = Pulse::start();
    let (hear, heard) = start(pulse.config());
    let (other, others) = start(pulse.config());
    heard.next(3);
    others.next(3);
    pulse.hang();
    let begun = Instant::now();
    drop(other);
    // Before it is known that it hangs.
    assert!(begun.elapsed() < Duration::from_secs(4));
    heard.wait("failure", |log| {
        let failed = log.failed.as_ref()?;
        assert!(matches!(failed, HearError::Hangs), "{failed}");
        Some(())
    });
    drop(hear);
}
