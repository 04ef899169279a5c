//! What hands do arrives, and what the application does for them comes back.

use server_bridge::input::{Input, TouchPhase};
use server_wire::CursorShape;

use super::*;
use crate::display::{REPEAT_DELAY_MS, REPEAT_PAUSE_MS};

#[tokio::test]
async fn characters_of_any_script_arrive_as_they_were_typed() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let text = "Hello, World! {}[]<>|\\~ ÄÖÜ äöüß é ñ € Привет, мир «ёж» 日本語 한국 ∑ … ∞ Ωμέγα";
    for character in text.chars() {
        hands.inject(key(true, keysym(character), 0));
        hands.inject(key(false, keysym(character), 0));
    }
    let length = text.chars().count();
    let typed = window
        .until("all of it", |seen| {
            (seen.typed.chars().count() >= length).then(|| seen.typed.clone())
        })
        .await;
    assert_eq!(typed, text);
    lab.end().await;
}

#[tokio::test]
async fn the_pointer_is_where_it_was_put_and_buttons_and_wheel_are_pressed_there() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    hands.inject(Input::Move {
        x: u16::MAX,
        y: u16::MAX,
    });
    window.until_pointer((639, 359)).await;
    hands.inject(Input::Button {
        button: 2,
        down: true,
        at: Some((32_768, 32_768)),
    });
    hands.inject(Input::Button {
        button: 2,
        down: false,
        at: None,
    });
    window.until_pointer((320, 180)).await;
    hands.inject(Input::MoveBy { dx: -20, dy: 30 });
    window.until_pointer((300, 210)).await;
    hands.inject(Input::Wheel { dx: 120, dy: -240 });
    for phase in [TouchPhase::Start, TouchPhase::End] {
        hands.inject(Input::Touch {
            finger: 3,
            phase,
            x: 0,
            y: 0,
        });
    }
    let buttons = window
        .until("buttons", |seen| {
            (seen.buttons.len() >= 10).then(|| seen.buttons.clone())
        })
        .await;
    let pressed: Vec<(u8, bool)> = [(3, 1), (7, 1), (4, 2), (1, 1)]
        .into_iter()
        .flat_map(|(button, times)| [(button, true), (button, false)].repeat(times))
        .collect();
    assert_eq!(buttons, pressed);
    lab.end().await;
}

#[tokio::test]
async fn whatever_is_held_is_released_at_once() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    for (keysym, code) in [(0xffe1, 42), (0xffe3, 29), (0x61, 30), (keysym('ж'), 39)] {
        hands.inject(key(true, keysym, code));
    }
    hands.inject(Input::Button {
        button: 0,
        down: true,
        at: None,
    });
    hands.inject(Input::GamepadAxis {
        pad: 0,
        axis: 0,
        value: i16::MIN,
    });
    window.until_held(6).await;
    hands.release_all();
    window.until_held(0).await;
    lab.end().await;
}

#[tokio::test]
async fn a_key_that_is_held_repeats_as_the_display_does_however_often_a_browser_says_it_again() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    // A browser's repeats come at any time; each would be one more without the rule.
    let presses = until("some repeats", || {
        hands.inject(key(true, 0x61, 30));
        let presses = window.seen().presses;
        (presses.len() >= 6).then_some(presses)
    })
    .await;
    hands.inject(key(false, 0x61, 30));
    let gaps: Vec<u32> = presses.windows(2).map(|two| two[1] - two[0]).collect();
    // The clock has whole milliseconds.
    assert!(gaps[0] + 1 >= REPEAT_DELAY_MS, "{gaps:?}");
    assert!(
        gaps[1..].iter().all(|gap| gap + 1 >= REPEAT_PAUSE_MS),
        "{gaps:?}"
    );
    // Nothing repeats when it is up.
    hands.inject(key(true, 0x62, 48));
    hands.inject(key(false, 0x62, 48));
    window
        .until("the next", |seen| seen.typed.ends_with("ab").then_some(()))
        .await;
    lab.end().await;
}

#[tokio::test]
async fn a_keyboard_that_the_application_changes_is_followed() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let mut expected = String::new();
    let mut type_all = async |text: &str| {
        for character in text.chars() {
            // The places of the US keyboard, whatever is written there.
            let code = match character.to_ascii_lowercase() {
                'y' => 21,
                'z' => 44,
                'a' => 30,
                'q' => 16,
                _ => 0,
            };
            hands.inject(key(true, keysym(character), code));
            hands.inject(key(false, keysym(character), code));
        }
        expected.push_str(text);
        let length = expected.chars().count();
        let typed = window
            .until("all of it", |seen| {
                (seen.typed.chars().count() >= length).then(|| seen.typed.clone())
            })
            .await;
        assert_eq!(typed, expected);
    };
    type_all("yzYZж").await;
    let mut changed = tokio::process::Command::new("setxkbmap");
    changed
        .arg("de")
        .env("DISPLAY", lab.address().name())
        .env("XAUTHORITY", lab.address().authority());
    let changed = changed.output().await.expect("setxkbmap runs");
    assert!(changed.status.success(), "{changed:?}");
    type_all("yzYZüÜßж€я").await;
    // One key at a time, as xmodmap does.
    window.swap_keys(24, 38);
    type_all("aqAQж").await;
    lab.end().await;
}

#[tokio::test]
async fn a_users_paste_goes_before_the_applications_copy_of_the_same_moment() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let paste = async |text: &str, pressed: usize| {
        hands.set_clipboard(text);
        // Late for a key before.
        window.copy("the application's");
        hands.inject(key(true, 0xffe3, 29));
        hands.inject(key(true, 0x76, 47));
        hands.inject(key(false, 0x76, 47));
        hands.inject(key(false, 0xffe3, 29));
        window
            .until("the key", |seen| {
                (seen.presses.len() >= 2 * pressed).then_some(())
            })
            .await;
        window.paste()
    };
    for turn in 1..=5 {
        let text = format!("the user's {turn}");
        assert_eq!(paste(&text, turn).await.as_deref(), Some(&*text));
    }
    // What it copies afterwards is its own, and is told.
    window.copy("the application's");
    let mut clipboard = hands.clipboard();
    let told = clipboard.wait_for(|found| found.as_deref() == Some("the application's"));
    let told = tokio::time::timeout(PATIENCE, told).await;
    told.expect("in time").expect("it is watched");
    assert_eq!(window.paste().as_deref(), Some("the application's"));
    lab.end().await;
}

#[tokio::test]
async fn the_clipboard_goes_both_ways_and_has_a_bound() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let mut clipboard = hands.clipboard();
    let mut copied = async |text: &str| {
        window.copy(text);
        let found = clipboard.wait_for(|found| found.as_deref() == Some(text));
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("in time").expect("it is watched");
    };
    copied("copied: привет").await;
    hands.set_clipboard("pasted: € 日本");
    hands.inject(key(true, 0xffe3, 29));
    hands.inject(key(true, 0x76, 47));
    hands.inject(Input::ReleaseAll);
    // Who asks before the key is not taken for its paste, and copies give way for longer.
    window
        .until("the key", |seen| (seen.presses.len() >= 2).then_some(()))
        .await;
    until("it is offered", || {
        window.paste().filter(|text| text == "pasted: € 日本")
    })
    .await;
    // The same again is news, because something else was there meanwhile.
    assert_eq!(*hands.clipboard().borrow(), None);
    copied("copied: привет").await;
    // One that is too long is not taken, and the next one is.
    window.copy(&"x".repeat(server_wire::MAX_CLIPBOARD_LEN + 1));
    copied(&"y".repeat(server_wire::MAX_CLIPBOARD_LEN)).await;
    copied("short again").await;
    lab.end().await;
}

#[tokio::test]
async fn the_pointers_look_is_known_and_follows_the_application() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let mut cursor = lab.show.hands().cursor();
    let mut look = async |what: fn(&CursorShape) -> bool| {
        let found = cursor.wait_for(|shape| shape.as_ref().is_some_and(what));
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("in time").expect("it is watched");
    };
    window.cursor_of(8, 16);
    look(|shape| {
        matches!(
            shape,
            CursorShape::Shown {
                width: 8,
                height: 16,
                ..
            }
        )
    })
    .await;
    window.cursor_of(1, 1);
    look(|shape| matches!(shape, CursorShape::Shown { width: 1, .. })).await;
    lab.end().await;
}
