//! `peer status` and `peer leave`: the other end of the control port. Plain blocking sockets with time-outs.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Ask, Card, MAX_ANSWER, MAX_FILE, Reply, Request, card_path};
use crate::error::PeerError;
use crate::files::read_small;
use crate::status::Status;
use crate::{Outcome, args, lines, text};

/// How long the peer may take to answer: a busy machine, a slow disk.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long leaving may take: twice what the peer allows itself.
const LEAVE_WAIT: Duration = Duration::from_secs(15);

/// `peer status`.
pub(crate) fn status(ask: &args::Ask) -> Outcome {
    let (line, _) = exchange(&ask.spool, Ask::Status)?;
    if ask.json {
        lines::stdout(line.trim_end());
        return Ok(());
    }
    let status: Status = serde_json::from_str(&line).map_err(|why| PeerError::Refused {
        dir: ask.spool.clone(),
        why: format!("its answer is none ({why}); is it of another version?"),
    })?;
    lines::stdout(text::status(&status).trim_end());
    Ok(())
}

/// `peer leave`.
pub(crate) fn leave(spool: &Path) -> Outcome {
    let (_, mut rest) = exchange(spool, Ask::Leave)?;
    let until = Instant::now() + LEAVE_WAIT;
    // The connection ends with the process, by whatever kind of end.
    let mut byte = [0];
    loop {
        match rest.read(&mut byte) {
            Ok(1..) => {}
            Err(error) if is_silence(&error) => {
                if Instant::now() >= until {
                    let pid = read_card(spool).map_or(0, |card| card.pid);
                    return Err(PeerError::Silent {
                        dir: spool.to_owned(),
                        pid,
                    });
                }
            }
            Ok(0) | Err(_) => return Ok(()),
        }
    }
}

fn no_peer(spool: &Path) -> PeerError {
    PeerError::NoPeer {
        dir: spool.to_owned(),
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn read_card(spool: &Path) -> Result<Card, PeerError> {
    let path = card_path(&spool.join(".treecast"));
    let text = match read_small(&path, MAX_FILE) {
        Ok(text) => text.ok_or_else(|| no_peer(spool))?,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(no_peer(spool)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(no_peer(spool)),
        Err(source) => return Err(PeerError::file("read", &path, source)),
    };
    let card: Option<Card> = serde_json::from_str(&text).ok();
    card.filter(|card| card.addr.ip().is_loopback())
        .ok_or_else(|| no_peer(spool))
}

/// Asks, and gives the answer's line and the connection.
fn exchange(spool: &Path, command: Ask) -> Result<(String, BufReader<TcpStream>), PeerError> {
    let card = read_card(spool)?;
    let silent = || PeerError::Silent {
        dir: spool.to_owned(),
        pid: card.pid,
    };
    let asked = ask(&card, command);
    let (line, rest) = match asked {
        Ok(answer) => answer,
        Err(error) if is_silence(&error) => return Err(silent()),
        // Nobody, or another program, is at the port that the peer had.
        Err(_) => return Err(no_peer(spool)),
    };
    let reply: Reply = serde_json::from_str(&line).map_err(|_| no_peer(spool))?;
    match reply.error {
        Some(why) => Err(PeerError::Refused {
            dir: spool.to_owned(),
            why,
        }),
        None => Ok((line, rest)),
    }
}

fn ask(card: &Card, command: Ask) -> io::Result<(String, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect_timeout(&card.addr, ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    let request = Request {
        token: card.token.clone(),
        command,
    };
    let mut bytes = serde_json::to_vec(&request).expect("a text and a word always encode");
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.by_ref().take(MAX_ANSWER).read_line(&mut line)?;
    if line.ends_with('\n') {
        Ok((line, reader))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
