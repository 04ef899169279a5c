//! What an application is given, what it may use, and what is kept of what it says.

use std::fs;
use std::path::Path;

use server_session::Limits;

use crate::lab::{Coordinator, Running, script};
use crate::own_process::{Server, configure};

/// Runs a script to its end; what is kept of its output.
async fn output(text: &str, limits: Limits) -> String {
    let coordinator = Coordinator::new().await;
    let mut application = script("app", text);
    application.limits = limits;
    application
        .environment
        .insert("GIVEN".to_owned(), "by the configuration".to_owned());
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    link.start("app", 1).await;
    link.ended().await;
    server.stop().await;
    only_log(&coordinator.folder.path().join("data/logs"))
}

fn only_log(folder: &Path) -> String {
    let logs: Vec<_> = fs::read_dir(folder).expect("a folder").collect();
    let [log] = &logs[..] else {
        panic!("{} logs", logs.len())
    };
    fs::read_to_string(log.as_ref().expect("an entry").path()).expect("text")
}

#[tokio::test]
async fn an_application_has_a_folder_of_its_own_its_variables_and_nothing_of_the_servers() {
    let text = "pwd; echo $HOME; echo \"$GIVEN\"; echo \"cargo:$CARGO_MANIFEST_DIR:\"; echo error >&2; ls /proc/self/fd | wc -l";
    let output = output(text, Limits::default()).await;
    let lines: Vec<&str> = output.lines().collect();
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    assert_eq!(lines[0], lines[1]);
    assert!(lines[0].contains("/data/work/"), "{output}");
    assert_eq!(lines[2..5], ["by the configuration", "cargo::", "error"]);
    // Standard input, output, error, and the folder that ls reads.
    assert_eq!(lines[5].trim(), "4");
}

#[tokio::test]
async fn an_application_finds_neither_the_users_x_server_nor_their_d_bus() {
    let coordinator = Coordinator::new().await;
    let config = configure(&coordinator, "env");
    let bus = "unix:path=/run/user/4242/bus";
    let _server = Server::start_with(
        &config,
        &[
            ("DISPLAY", ":42"),
            ("XAUTHORITY", "/run/somebody/xauthority"),
            ("XDG_RUNTIME_DIR", "/run/user/4242"),
            ("DBUS_SESSION_BUS_ADDRESS", bus),
        ],
    );
    let (mut link, _) = coordinator.link().await;
    link.start("app", 1).await;
    link.ended().await;
    let output = only_log(&coordinator.folder.path().join("data/logs"));
    let value = |name: &str| {
        let mut pairs = output.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    assert_eq!((value("DISPLAY"), value("XAUTHORITY")), (None, None));
    assert!(value("HOME").is_some_and(|home| home.contains("/data/work/")));
    assert_eq!(value("XDG_RUNTIME_DIR"), value("HOME"));
    assert!(!output.contains("4242"), "{output}");
}

#[tokio::test]
async fn its_limits_hold() {
    let limits = Limits {
        open_files: Some(64),
        file_mib: Some(1),
        memory_mib: Some(512),
        ..Limits::default()
    };
    let text = "ulimit -n; ulimit -v; ulimit -c; head -c 3000000 /dev/zero > big; stat -c %s big";
    let output = output(text, limits).await;
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..3], ["64", "524288", "0"], "{output}");
    assert_eq!(lines.last(), Some(&"1048576"), "{output}");
}

#[tokio::test]
async fn an_endless_output_is_taken_and_its_beginning_is_kept() {
    let text = "echo begin; head -c 5000000 /dev/zero | tr '\\0' x; exit 0";
    let output = output(text, Limits::default()).await;
    assert!(output.starts_with("begin\nxxx"));
    assert!(output.ends_with("(the rest is left out)\n"));
    assert!(output.len() < 1_100_000, "{} bytes", output.len());
}
