//! `peer`: joins a channel by its invite, relays what it receives to at most N others, stores it for the player,
//! and shows what it does in menus, in lines for scripts, and to `peer status`.
//!
//! This file only chooses what is run and turns every error into words and an exit status, once. It must never know
//! about links, disks or terminals.

mod args;
mod board;
#[cfg_attr(not(feature = "bridge"), path = "no_bridge.rs")]
mod bridge;
mod control;
mod error;
mod files;
mod identity;
mod legacy;
mod lines;
mod listen;
mod logging;
mod memory;
mod menu;
mod notice;
mod pending;
mod rates;
mod run;
mod session;
mod signals;
mod source;
mod status;
mod storing;
mod text;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use error::PeerError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Status(ask)) => control::client::status(&ask),
        Some(Command::Leave(ask)) => control::client::leave(&ask.spool),
        None => run::run(cli.join),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            lines::stderr(&format!("error: {error}"));
            error.exit_code()
        }
    }
}

/// What a command of this program comes to.
type Outcome = Result<(), PeerError>;
