//! Descriptions and candidates that nobody would send in good faith.

use crate::client::Offerer;
use crate::{TERMS, bridge, stage, until};
use server_bridge::{Candidate, JoinError, Stage};

/// A small generator (Knuth's MMIX constants): the same mutations in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

fn mutated(offer: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(4) {
        let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
        match dice.below(7) {
            0 => drop(lines.remove(one)),
            1 => lines.insert(other, lines[one].clone()),
            2 => lines.swap(one, other),
            3 => lines[one] = lines[one].chars().rev().collect(),
            4 => {
                let keep = dice.below(lines[one].len() + 1);
                lines[one] = lines[one].chars().take(keep).collect();
            }
            5 => {
                let digit = char::from(b'0' + dice.below(10) as u8);
                lines[one] = lines[one].replace(digit, "99999999999999999999");
            }
            _ => {
                let letter = char::from_u32(dice.below(0x2ff) as u32).unwrap_or('?');
                lines[one].insert(0, letter);
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join("\r\n") + "\r\n"
}

async fn is_alive(stage: &Stage, offer: &str) {
    stage
        .answer(offer, TERMS)
        .await
        .expect("a good offer is still answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_description_breaks_the_bridge() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let offer = Offerer::new().await.offer;
    let mut dice = Dice(7);
    for _ in 0..1500 {
        // Answered or refused, both are fine.
        let _ = stage.answer(&mutated(&offer, &mut dice), TERMS).await;
    }
    let many = "a=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\n".repeat(65);
    for bad in [
        "",
        "v=0",
        "\u{0}",
        &"x".repeat(70_000),
        &(offer.clone() + &many),
    ] {
        stage
            .answer(bad, TERMS)
            .await
            .map(|_| ())
            .expect_err("not an offer");
    }
    until("nothing is left", || bridge.stats().viewers == 0).await;
    is_alive(&stage, &offer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_candidate_and_no_answer_breaks_a_viewer() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let offer = Offerer::new().await.offer;
    let (viewer, _) = stage.answer(&offer, TERMS).await.expect("an answer");
    let line = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host";
    let candidate = |line: &str| Candidate {
        candidate: line.to_owned(),
        ..Candidate::default()
    };
    assert_eq!(viewer.add_candidate(&candidate(line)).await, Ok(()));
    assert_eq!(
        viewer.add_candidate(&candidate("")).await,
        Ok(()),
        "the end of candidates"
    );
    for bad in ["candidate:1 1 udp x y z typ host", "\u{1f600}"] {
        viewer
            .add_candidate(&candidate(bad))
            .await
            .expect_err("not a candidate");
    }
    let long = candidate(&"c".repeat(2000));
    assert_eq!(
        viewer.add_candidate(&long).await,
        Err(JoinError::TooMuch("the candidate"))
    );
    for _ in 0..100 {
        let _ = viewer.add_candidate(&candidate(line)).await;
    }
    viewer
        .add_candidate(&candidate(line))
        .await
        .expect_err("too many");
    viewer
        .accept_answer(&offer)
        .await
        .expect_err("nothing was offered");
    is_alive(&stage, &offer).await;

    let (offered, sdp) = stage.offer(TERMS).await.expect("an offer");
    assert!(
        sdp.contains("m=application") && sdp.contains("a=msid:treecast"),
        "{sdp}"
    );
    let mut dice = Dice(9);
    for _ in 0..100 {
        let _ = offered.accept_answer(&mutated(&offer, &mut dice)).await;
    }
    is_alive(&stage, &offer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_viewers_than_allowed_are_refused() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let offer = Offerer::new().await.offer;
    let mut viewers = Vec::new();
    for _ in 0..150 {
        viewers.push(stage.answer(&offer, TERMS).await.expect("room"));
    }
    assert_eq!(
        stage.answer(&offer, TERMS).await.map(|_| ()),
        Err(JoinError::Full)
    );
    viewers.pop();
    until("room again", || bridge.stats().viewers == 149).await;
    is_alive(&stage, &offer).await;
}
