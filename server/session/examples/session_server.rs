//! A session server of its own process, for the tests that kill it: `session_server CONFIG` prints its address when users
//! can connect, and runs until its standard input ends.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use server_session::SessionConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: session_server CONFIG");
        return ExitCode::from(2);
    };
    let config = match SessionConfig::read(Path::new(&path)) {
        Ok(config) => config,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let end = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    let stop = async {
        // An input that cannot be read has ended too.
        let _ = end.await;
    };
    match server_session::run(config, |address| println!("{address}"), stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
