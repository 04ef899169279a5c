//! `bench`: measures one of the project's targets and prints figure, reference, target and verdict.
//!
//! Each benchmark is one file. None of them asserts: a missed target is told, and is no error of the program. This file
//! must never know how anything is measured.

mod c1;
mod c2;
mod chromium;
mod cost;
mod crowd;
mod f1;
mod f13;
mod f2;
mod f3;
mod f4;
mod f8;
mod film;
mod i1;
mod i2;
mod i3;
mod i4;
mod i5;
mod i6;
mod i7;
mod i8;
mod i9;
mod l1;
mod l2;
mod machine;
mod process;
mod quantiles;
mod report;
mod theatre;
mod viewers;
mod world;

use std::process::ExitCode;

use clap::Parser;

use machine::Machine;
use report::{Error, Report};

/// Longest F8: a day.
const MAX_MINUTES: i64 = 1_440;

/// Measures one of the project's targets and prints figure, reference, target and verdict.
///
/// Build it with --release, and let nothing else run. Exit status: 0 measured (met or missed), 1 no figure, 2 wrong
/// command line.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Args {
    /// F1, F2, ...; `list` tells them all, `all` measures them all
    id: String,
    /// One line of JSON
    #[arg(long)]
    json: bool,
    /// How long F8 watches, after its warm-up
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=MAX_MINUTES))]
    minutes: u32,
}

/// A benchmark: its id, what it measures in a few words, and how long it takes.
struct Bench {
    id: &'static str,
    about: &'static str,
    run: fn(&Args) -> Result<Report, Error>,
}

const BENCHES: &[Bench] = &[
    Bench {
        id: "C1",
        about: "requests to a coordinator, a second and core (1 min)",
        run: |_| c1::run(),
    },
    Bench {
        id: "C2",
        about: "races for the last place, SQLite and MariaDB (1 min)",
        run: |_| c2::run(),
    },
    Bench {
        id: "F1",
        about: "CPU of one relay against a bare copy (2 min)",
        run: |_| f1::run(),
    },
    Bench {
        id: "F2",
        about: "latency added per hop (1 min)",
        run: |_| f2::run(30),
    },
    Bench {
        id: "F3",
        about: "join to first chunk on disk (1 min)",
        run: |_| f3::run(),
    },
    Bench {
        id: "F4",
        about: "failure of a relay, killed or silent (4 min)",
        run: |_| f4::run(),
    },
    Bench {
        id: "F8",
        about: "memory of a peer with 8 children (3 min; --minutes)",
        run: |args| f8::run(args.minutes),
    },
    Bench {
        id: "F13",
        about: "what cutting loses or repeats (1 min)",
        run: |_| f13::run(),
    },
    Bench {
        id: "I1",
        about: "glass to glass in Chromium (2 min)",
        run: |_| i1::run(),
    },
    Bench {
        id: "I2",
        about: "input to picture in Chromium (4 min)",
        run: |_| i2::run(),
    },
    Bench {
        id: "I3",
        about: "join of a running session (1 min)",
        run: |_| i3::run(),
    },
    Bench {
        id: "I4",
        about: "CPU from capture to wire, moving and still (1 min)",
        run: |_| i4::run(),
    },
    Bench {
        id: "I5",
        about: "viewers of one session per core (1 min)",
        run: |_| i5::run(),
    },
    Bench {
        id: "I6",
        about: "pictures a second with 5 % loss (1 min)",
        run: |_| i6::run(),
    },
    Bench {
        id: "I7",
        about: "from 300 kb/s to 3 Mb/s (2 min)",
        run: |_| i7::run(),
    },
    Bench {
        id: "I8",
        about: "control handed over, and coming back (3 min)",
        run: |_| i8::run(),
    },
    Bench {
        id: "I9",
        about: "four sessions with three users each on this machine (1 min)",
        run: |_| i9::run(),
    },
    Bench {
        id: "L1",
        about: "500 and 3000 old clients beside the forest (2 min)",
        run: |_| l1::run(),
    },
    Bench {
        id: "L2",
        about: "takeover among 50 peers below an old server of one place (2 min)",
        run: |_| l2::run(),
    },
];

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(f1::ROLE) => return end(f1::role(&words.split_off(1))),
        Some(l1::ROLE) => return end(l1::role(&words.split_off(1))),
        _ => {}
    }
    let args = Args::parse();
    if args.id == "list" {
        for bench in BENCHES {
            println!("{:4} {}", bench.id, bench.about);
        }
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<_> = BENCHES
        .iter()
        .filter(|b| args.id == "all" || b.id.eq_ignore_ascii_case(&args.id))
        .collect();
    if chosen.is_empty() {
        return end(Err(format!(
            "there is no benchmark {}; `bench list` tells which there are",
            args.id
        )
        .into()));
    }
    end(chosen
        .into_iter()
        .try_for_each(|bench| measure(bench, &args)))
}

fn measure(bench: &Bench, args: &Args) -> Result<(), Error> {
    let machine = Machine::look();
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("bench {}", command.join(" "));
    let report = (bench.run)(args)?;
    if args.json {
        println!("{}", report.json(&machine, &command));
    } else {
        println!("{report}\n    machine    {machine}\n    command    {command}\n");
    }
    Ok(())
}

fn end(outcome: Result<(), Error>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}
