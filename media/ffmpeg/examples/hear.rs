//! What recording costs and how old packets are when they are handed out: the age of their stamps, processor time of the
//! process. `cargo run -p media-ffmpeg --example hear -- unix:/path/native session.monitor [seconds]`.

#[cfg(target_os = "linux")]
fn main() {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use media_ffmpeg::hear::{Hear, HearConfig, HearEvent};
    use rustix::time::{ClockId, clock_gettime};

    fn clock_us(id: ClockId) -> u64 {
        let time = clock_gettime(id);
        time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
    }

    let mut args = std::env::args().skip(1);
    let (Some(server), Some(source)) = (args.next(), args.next()) else {
        println!("usage: hear SERVER SOURCE [seconds]");
        return;
    };
    let seconds: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(10);
    // Age, time since the packet before, bytes.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&seen);
    let mut last = 0;
    let sink = move |event| match event {
        HearEvent::Packet(packet) | HearEvent::Silence(packet) => {
            let age = clock_us(ClockId::Monotonic).saturating_sub(packet.at_us);
            let apart = packet.at_us - last;
            last = packet.at_us;
            let seen = (age, apart, packet.data.len());
            theirs.lock().expect("no panic").push(seen);
        }
        HearEvent::Failed(error) => println!("failed: {error}"),
    };
    let config = HearConfig {
        server,
        source,
        bitrate_bps: 128_000,
    };
    let begun = clock_us(ClockId::Monotonic);
    let hear = Hear::start(config, Box::new(sink)).expect("it starts");
    println!(
        "started in {} ms",
        (clock_us(ClockId::Monotonic) - begun) / 1_000
    );
    std::thread::sleep(Duration::from_secs(1));
    seen.lock().expect("no panic").clear();
    let cpu = clock_us(ClockId::ProcessCPUTime);
    std::thread::sleep(Duration::from_secs(seconds));
    let cpu = clock_us(ClockId::ProcessCPUTime) - cpu;
    drop(hear);
    let seen = seen.lock().expect("no panic");
    let count = seen.len().max(1);
    let column = |pick: fn(&(u64, u64, usize)) -> u64| {
        let mut values: Vec<u64> = seen.iter().map(pick).collect();
        values.sort_unstable();
        let at = |p: usize| {
            values
                .get(values.len() * p / 100)
                .map_or(0.0, |v| *v as f64 / 1e3)
        };
        format!("{:.1}/{:.1}/{:.1}", at(1), at(50), at(99))
    };
    let bytes: usize = seen.iter().map(|s| s.2).sum();
    println!("packets {count}, {} b/s", bytes as u64 * 8 / seconds);
    println!("age p1/p50/p99 ms {}", column(|s| s.0));
    println!("stamps apart p1/p50/p99 ms {}", column(|s| s.1));
    println!(
        "processor {:.1}% of a core",
        cpu as f64 / (seconds as f64 * 1e4)
    );
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("sound is recorded on Linux only");
}
