//! A keyboard with two layouts at once, of which the application or its user switches the one in use.

use super::*;

/// What Menu is with this option of XKB: `ISO_Next_Group`.
const SWITCH: u32 = 0xfe08;
const SWITCH_CODE: u8 = 127;

#[tokio::test]
async fn the_layout_that_is_in_use_counts_whoever_switched_it() {
    let lab = Lab::raise(&application("exec sleep 600")).await;
    let window = lab.window().await;
    let hands = lab.show.hands();
    let mut expected = String::new();
    let mut type_all = async |text: &str| {
        for character in text.chars() {
            hands.inject(key(true, keysym(character), 0));
            hands.inject(key(false, keysym(character), 0));
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
    for layouts in ["us,de", "us,ru"] {
        let mut changed = tokio::process::Command::new("setxkbmap");
        changed
            .args([layouts, "-option", "grp:menu_toggle"])
            .env("DISPLAY", lab.address().name())
            .env("XAUTHORITY", lab.address().authority());
        let changed = changed.output().await.expect("setxkbmap runs");
        assert!(changed.status.success(), "{changed:?}");
        type_all("yzYZ;ж").await;
        hands.inject(key(true, SWITCH, SWITCH_CODE));
        hands.inject(key(false, SWITCH, SWITCH_CODE));
        // The same in the second one, also what only the first has, or none.
        type_all("yzYZ;üжЖ€").await;
        hands.inject(key(true, SWITCH, SWITCH_CODE));
        hands.inject(key(false, SWITCH, SWITCH_CODE));
        type_all("yzYZ;").await;
    }
    lab.end().await;
}
