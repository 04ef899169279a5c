//! `netem`: a UDP proxy that adds delay, jitter, loss, reordering and a rate
//! limit to the path between clients and one address, in both directions, and
//! can cut it silently.
//!
//! It prints `netem ready ADDR -> ADDR seed N` when it forwards, answers every
//! control line on standard input with `ok` or `error …`, and ends with
//! `stats {…}`. Fates are a function of the seed and of the arrivals; times are
//! exact to about a millisecond, the timer's grain.

mod clients;
mod control;
mod link;
mod proxy;

use std::io::{BufRead, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use control::Command;
use link::Settings;
use proxy::Proxy;

/// Control lines that wait to be obeyed; the writer waits beyond them.
const COMMAND_QUEUE_LEN: usize = 16;

/// A UDP proxy that makes the path to one address worse, in both directions.
#[derive(Parser)]
#[command(version, after_help = CONTROL_HELP)]
struct Options {
    /// Where clients send to; port 0 picks a free one, which the ready line names
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Where their packets go
    #[arg(long, value_name = "IP:PORT")]
    to: SocketAddr,
    /// How long every packet travels, one way
    #[arg(long = "delay-ms", default_value = "0", value_name = "MS", value_parser = control::milliseconds)]
    delay_us: u64,
    /// How much longer a packet may travel, one way (uniform from 0)
    #[arg(long = "jitter-ms", default_value = "0", value_name = "MS", value_parser = control::milliseconds)]
    jitter_us: u64,
    /// The probability that a packet is lost, one way (0 to 1)
    #[arg(long, default_value = "0", value_name = "P", value_parser = control::probability)]
    loss: f64,
    /// The probability that later packets overtake one (0 to 1)
    #[arg(long, default_value = "0", value_name = "P", value_parser = control::probability)]
    reorder: f64,
    /// The rate of each direction, all clients together; 0 is no limit
    #[arg(long, default_value = "0", value_name = "KBIT", value_parser = Rate::parse)]
    rate_kbit: Rate,
    /// How many bytes may wait for the line before packets are dropped; the
    /// default is a tenth of a second at 20 Mb/s
    #[arg(long, default_value = "250000", value_name = "BYTES", value_parser = control::queue)]
    queue_bytes: u64,
    /// What the fates of the packets are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End when standard input ends, so that it never outlives who started it
    #[arg(long)]
    exit_on_eof: bool,
}

const CONTROL_HELP: &str =
    "Control lines on standard input, each for both directions or, after `to-server` or
`to-client`, for one: delay MS, jitter MS, loss P, reorder P, rate KBIT, queue BYTES,
down (everything vanishes, silently), up. And: stats, quit.";

/// An optional limit; a type of its own because clap gives `Option` a meaning.
#[derive(Clone, Copy)]
struct Rate(Option<u64>);

impl Rate {
    fn parse(text: &str) -> Result<Self, String> {
        control::rate(text).map(Self)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    match runtime.block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("netem: {problem}");
    ExitCode::FAILURE
}

async fn run(options: Options) -> Result<(), String> {
    let settings = Settings {
        delay_us: options.delay_us,
        jitter_us: options.jitter_us,
        loss: options.loss,
        reorder: options.reorder,
        rate_bit_per_s: options.rate_kbit.0,
        queue_bytes: options.queue_bytes,
    };
    let mut proxy = Proxy::bind(options.listen, options.to, settings, options.seed).await?;
    let (commands_tx, mut commands) = mpsc::channel(COMMAND_QUEUE_LEN);
    end_on_signal(commands_tx.clone())?;
    let exit_on_eof = options.exit_on_eof;
    std::thread::spawn(move || read_commands(&commands_tx, exit_on_eof));

    let address = proxy
        .listening_on()
        .map_err(|error| format!("no listening address: {error}"))?;
    say(format!(
        "netem ready {address} -> {} seed {}",
        options.to, options.seed
    ));
    proxy.run(&mut commands, say).await;
    say(proxy.stats());
    Ok(())
}

/// A reader that went away must not end the proxy.
fn say(line: String) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn end_on_signal(commands: mpsc::Sender<Result<Command, String>>) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot watch for signals: {error}"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // If nobody receives, the proxy has ended already.
        let _ = commands.send(Ok(Command::Quit)).await;
    });
    Ok(())
}

/// On a thread of its own, because reading standard input blocks; it ends with
/// the input, or with the process.
fn read_commands(commands: &mpsc::Sender<Result<Command, String>>, exit_on_eof: bool) {
    let mut input = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let limit = control::MAX_LINE_BYTES as u64 + 1;
        match input.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        let command = if line.len() > control::MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            skip_line(&mut input);
            Err(format!(
                "a control line has {} bytes at most",
                control::MAX_LINE_BYTES
            ))
        } else {
            control::parse(String::from_utf8_lossy(&line).trim())
        };
        if commands.blocking_send(command).is_err() {
            return;
        }
    }
    if exit_on_eof {
        let _ = commands.blocking_send(Ok(Command::Quit));
    }
}

/// Passes over the rest of a line, however long, without keeping it.
fn skip_line(input: &mut impl BufRead) {
    while let Ok(chunk) = input.fill_buf() {
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let length = end.map_or(chunk.len(), |end| end + 1);
        input.consume(length);
        if end.is_some() || length == 0 {
            return;
        }
    }
}
