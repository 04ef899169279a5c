//! What a session is made of dies: its sound comes back, and without its display it ends.

use std::fs;
use std::process::Command;

use tests::{Lab, PeerOptions, SOON, eventually, holds};

use crate::air::{Inside, enter, loudest, server, start};

/// The environment of a process, as far as it can be read.
fn environment(pid: i32) -> Vec<(String, String)> {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let pairs = environment
        .split('\0')
        .filter_map(|one| one.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("proc");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn value<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = environment.iter().filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value.as_str())
}

/// The process of the lab's only session that runs this program.
fn part(lab: &Lab, program: &str) -> i32 {
    let folder = lab.dir().display().to_string();
    eventually(SOON, program, || {
        let all: Vec<_> = processes()
            .into_iter()
            .map(|pid| (pid, environment(pid)))
            .collect();
        // Only the application's folder is certain to be the lab's.
        let mark = all.iter().find_map(|(_, environment)| {
            let home = value(environment, "HOME")?;
            let mark = value(environment, "TREECAST_SESSION")?;
            home.starts_with(&folder).then_some(mark)
        });
        let is_it = |pid: &i32| {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            comm.trim() == program
        };
        let of_it = all.iter().filter(|(pid, environment)| {
            mark.is_some() && value(environment, "TREECAST_SESSION") == mark && is_it(pid)
        });
        let found: Vec<i32> = of_it.map(|(pid, _)| *pid).collect();
        match found[..] {
            [pid] => Ok(pid),
            _ => Err(format!("{found:?}")),
        }
    })
}

fn kill(pid: i32) {
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
}

#[test]
fn the_sound_of_a_session_comes_back_after_its_sound_server_was_killed() {
    let lab = Lab::new();
    let server = server(&lab);
    let owner = Inside::new(enter(&start(&server)));
    let on_air = owner.switch(true);
    let invite = on_air["invite"].as_str().expect("an invite");
    let peer = lab.peer(invite, PeerOptions::fanout(1));
    let loud_after = |after: u64| {
        eventually(SOON, "a chunk that is heard", || {
            let files = peer.files();
            let mut newer = files.range(after + 1..);
            // It beeps once a second.
            let loud = newer.find(|(_, file)| loudest(file) > 1_000);
            loud.map(|(seq, _)| *seq)
                .ok_or_else(|| format!("{:?}", files.keys()))
        })
    };
    loud_after(0);

    let killed = part(&lab, "pulseaudio");
    kill(killed);
    let again = eventually(SOON, "another sound server", || {
        let now = part(&lab, "pulseaudio");
        holds(now != killed, || "the killed one".to_owned()).map(|()| now)
    });
    assert_ne!(again, killed);
    // What was on its way when it was killed is of before.
    let newest = peer.newest().expect("chunks");
    loud_after(newest + 2);
    assert_eq!(peer.facts().chunks.missing, 0);

    server.process().sigterm();
    let ended = server.process().wait_exit(SOON);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_session_whose_display_is_killed_ends_at_once_and_the_log_says_why() {
    let lab = Lab::new();
    let server = server(&lab);
    let mut owner = enter(&start(&server));
    kill(part(&lab, "Xvfb"));
    let told = eventually(SOON, "its users are told", || {
        let told = owner.hear()?;
        holds(told["msg"] == "SESSION_ENDED", || told.to_string()).map(|()| told)
    });
    assert_eq!(told["why"], "application_ended", "{told}");
    eventually(SOON, "the log says why", || {
        let log = server.process().err();
        holds(log.contains("is over: the display ended"), || log.clone())
    });
}
