//! Sessions with the built-in application, whole: each has a picture and a sound of its own, and with a killed server all of
//! it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::json;
use tests::{Coordinator, CoordinatorOptions, Lab, SOON, eventually, holds};

/// The environment of a process.
type Environment = BTreeMap<String, String>;

/// Living processes whose environment has the lab's folder in it: all that belongs to its sessions.
fn of_sessions(lab: &Lab) -> Vec<(String, Environment)> {
    let folder = lab.dir().display().to_string();
    let entries = fs::read_dir("/proc").expect("proc");
    let found = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let line = fs::read(path.join("cmdline")).ok()?;
        let environment = fs::read(path.join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let pairs = environment
            .split('\0')
            .filter_map(|one| one.split_once('='));
        let pairs: Environment = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let is_marked = pairs.contains_key("TREECAST_SESSION");
        let home = pairs.get("HOME")?;
        (is_marked && home.starts_with(&folder))
            .then(|| (String::from_utf8_lossy(&line).replace('\0', " "), pairs))
    });
    found.collect()
}

/// What a program of this computer says, with where a session's display and sound are.
fn look(session: &Environment, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stderr(Stdio::null());
    for name in ["DISPLAY", "XAUTHORITY", "PULSE_SERVER", "HOME"] {
        command.env(name, &session[name]);
    }
    command
}

/// Different bytes of the display's picture.
fn colours(session: &Environment) -> usize {
    let arguments = ["-window", "root", "-depth", "8", "rgb:-"];
    let picture = look(session, "import", &arguments)
        .output()
        .expect("ImageMagick is there");
    picture.stdout.iter().collect::<BTreeSet<_>>().len()
}

/// Whether anything but silence is played within some seconds.
fn is_heard(session: &Environment) -> bool {
    // A beep a second.
    let seconds = 4;
    let arguments = ["--raw", "--device=session.monitor", "--latency-msec=50"];
    let mut recorder = look(session, "parec", &arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("parec is there");
    let mut sound = vec![0; seconds * 44_100 * 4];
    let mut output = recorder.stdout.take().expect("piped");
    let heard = output.read_exact(&mut sound);
    recorder.kill().expect("it runs");
    recorder.wait().expect("it was ours");
    heard.is_ok() && sound.iter().any(|byte| *byte != 0)
}

#[test]
fn each_session_has_a_picture_and_a_sound_of_its_own_until_its_server_is_killed() {
    let lab = Lab::new();
    let server = Coordinator::start(
        &lab,
        CoordinatorOptions {
            whole: true,
            ..CoordinatorOptions::default()
        },
    );
    let mut client = server.client();
    for _ in 0..2 {
        eventually(SOON, "a session starts", || {
            let answer = client.ask(&json!({"verb": "START_SESSION", "rc_name": "Clock"}));
            holds(answer["msg"] == "SESSION_CONNECTION_DATA", || {
                answer.to_string()
            })
        });
    }
    let clocks = eventually(SOON, "two clocks run", || {
        let all = of_sessions(&lab).into_iter();
        let clocks: Vec<_> = all
            .filter(|(line, _)| line.contains("sample-application"))
            .map(|(_, environment)| environment)
            .collect();
        let count = clocks.len();
        holds(count == 2, || format!("{count} do")).map(|()| clocks)
    });
    for name in ["DISPLAY", "XAUTHORITY", "PULSE_SERVER", "HOME"] {
        assert_ne!(clocks[0][name], clocks[1][name], "{name}");
    }
    for clock in &clocks {
        eventually(SOON, "the clock is painted", || {
            let colours = colours(clock);
            holds(colours > 2, || format!("{colours} different bytes"))
        });
        eventually(SOON, "the clock beeps", || {
            holds(is_heard(clock), || "silence".to_owned())
        });
    }
    server.process().kill9();
    eventually(SOON, "nobody is left", || {
        let left: Vec<_> = of_sessions(&lab)
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        holds(left.is_empty(), || left.join("\n"))
    });
}
