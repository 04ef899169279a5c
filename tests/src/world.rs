//! Networks of their own: namespaces that are joined by a bridge, each by one link that can be cut or narrowed. The
//! cut is silent: no packet, no close, no error.

use std::cell::Cell;
use std::path::Path;
use std::process::Command;

use crate::place::Place;

/// Every name begins so; the process's number follows.
const PREFIX: &str = "tc";

/// A bridge and the namespaces on it. All of it goes when it is dropped.
#[derive(Debug)]
pub struct World {
    hub: String,
    members: Cell<u8>,
}

/// One namespace of a [`World`].
#[derive(Clone, Debug)]
pub struct Namespace {
    hub: String,
    /// Its name, for `ip netns exec`.
    pub name: String,
    /// Its address.
    pub ip: String,
    link: String,
}

impl World {
    /// An empty one.
    ///
    /// # Panics
    /// When it cannot be made; root is needed.
    pub(crate) fn new() -> Self {
        remove_what_the_dead_left();
        let hub = format!("{PREFIX}{}-0", std::process::id());
        ip(&["netns", "add", &hub]);
        let world = Self {
            hub,
            members: Cell::new(0),
        };
        let hub = &world.hub;
        ip(&["-n", hub, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", hub, "link", "set", "br0", "up"]);
        world
    }

    /// Adds a namespace with an address of its own.
    ///
    /// # Panics
    /// When it cannot be made, or there are 250 already.
    pub fn namespace(&self) -> Namespace {
        let number = self.members.get() + 1;
        assert!(number <= 250, "a world has 250 places");
        self.members.set(number);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let link = format!("v{number}");
        let address = format!("10.77.0.{number}");
        let (hub, net) = (&self.hub, format!("{address}/24"));
        ip(&["netns", "add", &name]);
        ip(&[
            "-n", hub, "link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &name,
        ]);
        ip(&["-n", hub, "link", "set", &link, "master", "br0", "up"]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        ip(&["-n", &name, "addr", "add", &net, "dev", "eth0"]);
        ip(&["-n", &name, "link", "set", "eth0", "up"]);
        Namespace {
            hub: hub.clone(),
            name,
            ip: address,
            link,
        }
    }
}

impl Namespace {
    /// For the options of a program.
    pub fn place(&self) -> Place {
        Place::in_netns(&self.name)
    }

    /// Cuts it off from all others.
    pub fn cut(&self) {
        ip(&["-n", &self.hub, "link", "set", &self.link, "down"]);
    }

    /// Joins it to the others again.
    pub fn heal(&self) {
        ip(&["-n", &self.hub, "link", "set", &self.link, "up"]);
    }

    /// Narrows what it receives from the others to `kbit` kilobits a second, with a queue of 200 ms before packets are lost.
    pub fn narrow_inwards(&self, kbit: u32) {
        let rate = format!("{kbit}kbit");
        run(
            "tc",
            &[
                "-n", &self.hub, "qdisc", "replace", "dev", &self.link, "root", "tbf", "rate",
                &rate, "burst", "8kb", "latency", "200ms",
            ],
        );
    }

    /// Takes the limit away.
    pub fn widen(&self) {
        run(
            "tc",
            &["-n", &self.hub, "qdisc", "del", "dev", &self.link, "root"],
        );
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for number in 0..=self.members.get() {
            delete(&format!("{PREFIX}{}-{number}", std::process::id()));
        }
    }
}

/// A test that was killed could not tidy up.
fn remove_what_the_dead_left() {
    let Ok(output) = Command::new("ip").args(["netns", "list"]).output() else {
        return;
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.split(' ').next().unwrap_or("");
        let pid = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('-'))
            .map(|(pid, _)| pid);
        let is_pid =
            pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()));
        if is_pid && pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            delete(name);
        }
    }
}

fn delete(name: &str) {
    // One that is not there any more is no trouble.
    let _ = Command::new("ip").args(["netns", "del", name]).output();
}

fn ip(args: &[&str]) {
    run("ip", args);
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|why| panic!("{program}: {why} (package iproute2)"));
    assert!(
        output.status.success(),
        "{program} {}: {} (networks of their own need root)",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
