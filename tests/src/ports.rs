//! Ports for programs that cannot be given port 0: below those that the system gives to whoever asks for any, so that
//! nobody gets one of them between the look and the use.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// The first one that is tried: above what services have by habit.
const FIRST: u16 = 10_000;
/// Where the system's own begin, unless somebody changed it.
const USUAL_END: u16 = 32_768;
/// More tries than a machine has programs that listen there.
const TRIES: usize = 200;

/// What was given in this process.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody has on any address of this machine, for TCP and for UDP, and that is given to nobody else.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first_of_system = range.split_whitespace().next();
    let end = first_of_system.and_then(|first| first.parse().ok());
    // A machine that gives away all of them leaves no better place.
    let end = end.filter(|end| *end > FIRST + 1_000).unwrap_or(USUAL_END);
    for _ in 0..TRIES {
        // A hasher of its own each time is the standard library's source of chance.
        let chance = RandomState::new().hash_one(std::process::id());
        let port = FIRST + (chance % u64::from(end - FIRST)) as u16;
        let is_new = GIVEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(port);
        let any = (Ipv4Addr::UNSPECIFIED, port);
        if is_new && TcpListener::bind(any).is_ok() && UdpSocket::bind(any).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// The same; what it says is for whom it is.
///
/// # Panics
/// When there is none.
pub fn free_tcp_port() -> u16 {
    free_port()
}
