//! Sessions with a picture, whole: what they need is named when it is missing, and they are gone with a killed server.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use server_wire::OrderAnswer;
use tempfile::TempDir;

use crate::lab::{Coordinator, code};
use crate::own_process::Server;
use crate::processes::{until, until_count, with};

/// A file that has it run `sleep` as "app", with display and sound.
fn configure(coordinator: &Coordinator) -> PathBuf {
    let path = coordinator.folder.path().join("config.json");
    let config = serde_json::json!({
        "ip": "127.0.0.1", "port": 0, "name": "lab", "data_dir": "data",
        "coordinator": coordinator.url(), "secret": "session-secret",
        "applications": [{"name": "app", "command": "sleep", "arguments": ["600"]}],
    });
    std::fs::write(&path, config.to_string()).expect("written");
    path
}

/// A folder with these programs and no others, as a `PATH`.
fn only(programs: &[&str]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for program in programs {
        let path = std::env::var("PATH").expect("a PATH");
        let mut places = path.split(':').map(|place| Path::new(place).join(program));
        let found = places.find(|path| path.exists());
        symlink(found.expect(program), folder.path().join(program)).expect("a link");
    }
    folder
}

#[tokio::test]
async fn what_is_not_installed_is_named_with_its_package() {
    let coordinator = Coordinator::new().await;
    let config = configure(&coordinator);
    for (there, words) in [
        (
            &["sleep", "pulseaudio"][..],
            "install the Debian package xvfb",
        ),
        (
            &["sleep", "Xvfb"][..],
            "install the Debian package pulseaudio",
        ),
    ] {
        let path = only(there);
        let path = path.path().to_str().expect("a path");
        let _server = Server::start_with(&config, &[("PATH", path)]);
        let (mut link, _) = coordinator.link().await;
        match link.start("app", 1).await {
            OrderAnswer::NotStarted(why) => {
                assert!(why.reason.as_str().contains(words), "{why:?}");
            }
            other => panic!("{other:?}"),
        }
        let work = coordinator.folder.path().join("data/work");
        assert_eq!(std::fs::read_dir(work).expect("a folder").count(), 0);
    }
}

#[tokio::test]
async fn a_killed_server_leaves_no_display_no_sound_and_after_the_next_start_no_file() {
    let coordinator = Coordinator::new().await;
    let config = configure(&coordinator);
    let mut server = Server::start(&config);
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    // Both have the session's folder in their command lines, as does whoever else belongs to it.
    let mark = coordinator.folder.path().join("data/work");
    let mark = mark.to_str().expect("a path");
    let helpers = with(mark);
    assert!(helpers.len() >= 2, "{helpers:?}");
    let socket = until("a display", || {
        let lines = helpers.iter().map(|process| {
            let line = std::fs::read(format!("/proc/{}/cmdline", process.pid));
            String::from_utf8_lossy(&line.unwrap_or_default()).into_owned()
        });
        let display = lines
            .filter(|line| line.contains("Xvfb"))
            .find_map(|line| Some(line.split('\0').nth(1)?.replace(':', "X")))?;
        Some(Path::new("/tmp/.X11-unix").join(display))
    })
    .await;
    assert!(socket.exists());
    server.kill();
    until_count(mark, 0).await;

    let _server = Server::start(&config);
    let (mut link, _) = coordinator.link().await;
    assert!(!socket.exists(), "a dead display's socket is removed");
    let (ended, id) = link.ended().await;
    assert_eq!(ended.code, code(1));
    link.take(&ended, id.as_ref()).await;
    let work = coordinator.folder.path().join("data/work");
    assert_eq!(std::fs::read_dir(work).expect("a folder").count(), 0);
}
