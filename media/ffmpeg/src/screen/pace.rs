//! When the next picture may be taken and when it has to be sent. Pure; time is an argument, microseconds.

/// Most that the line may be behind what was encoded for it before pictures are left out: three pictures at 60 a second.
/// x264 keeps its rate unless the rate is too low for the picture at any quality.
const MAX_DEBT_US: u64 = 50_000;

/// Coarsest quantiser that a still picture may be left with; x264's own default of good quality is 23.
const GOOD_QP: u32 = 24;

/// How long after a picture a still one is refined: long enough that a moving picture is never refined.
const REFINE_WAIT_US: u64 = 60_000;

/// How long after a refinement the next one is made.
const REFINE_AGAIN_US: u64 = 33_333;

/// Refinements in a row, most of a second. A page full of text at 6 Mb/s is not good after 12 (measured); a simpler picture
/// is after a few.
const MAX_REFINEMENTS: u32 = 24;

/// The same of the encoder for screens, which ends by itself when nothing is left to make finer: a page full of text at 1 Mb/s.
const MAX_SCREEN_REFINEMENTS: u32 = 240;

/// Refinements where the encoder does not tell its quantiser.
const BLIND_REFINEMENTS: u32 = 3;

/// By this share the highest rate is exceeded at most, a 32nd. An application that paints exactly at that rate would
/// otherwise wait for ever for what one late picture cost: so all is made up within half a second.
const SLACK: u64 = 32;

/// At most so many pictures a second, without a grid: the generic cell rate algorithm (ITU-T I.371 annex A) with a tolerance of
/// one picture, so that a late one does not make the next one late.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    interval_us: u64,
    /// When the next picture is due if they come exactly at the highest rate.
    due_us: u64,
}

impl Pace {
    pub(super) fn new(pictures_per_second: u32) -> Self {
        let interval_us = 1_000_000 / u64::from(pictures_per_second.max(1));
        Self {
            interval_us: interval_us - interval_us / SLACK,
            due_us: 0,
        }
    }

    /// The earliest time for the next picture: an interval early is allowed if those before were late.
    pub(super) fn ready_us(&self) -> u64 {
        self.due_us.saturating_sub(self.interval_us)
    }

    /// A picture of this time is taken.
    pub(super) fn take(&mut self, at_us: u64) {
        self.due_us = self.due_us.max(at_us) + self.interval_us;
    }
}

/// How long the line still needs for what was encoded, at exactly the ordered rate.
#[derive(Clone, Debug, Default)]
struct Debt {
    paid_us: u64,
}

impl Debt {
    fn add(&mut self, now_us: u64, bits: u64, bitrate_bps: u32) {
        let takes = bits * 1_000_000 / u64::from(bitrate_bps.max(1));
        self.paid_us = self.paid_us.max(now_us) + takes;
    }

    fn ready_us(&self) -> u64 {
        self.paid_us.saturating_sub(MAX_DEBT_US)
    }
}

/// What was made of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// It was to be a keyframe, or is one unasked.
    pub(super) keyframe: bool,
    pub(super) qp: Option<u32>,
    pub(super) bits: u64,
    pub(super) bitrate_bps: u32,
}

/// When one rendition is to be encoded.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pace: Pace,
    debt: Debt,
    /// The picture changed since it was encoded.
    stale: bool,
    keyframe_wanted: bool,
    keyframe_interval_us: Option<u64>,
    last_keyframe_us: u64,
    refine_us: Option<u64>,
    refinements: u32,
    max_refinements: u32,
}

impl Schedule {
    /// The first picture is a keyframe.
    pub(super) fn new(pictures_per_second: u32) -> Self {
        Self {
            pace: Pace::new(pictures_per_second),
            debt: Debt::default(),
            stale: true,
            keyframe_wanted: true,
            keyframe_interval_us: None,
            last_keyframe_us: 0,
            refine_us: None,
            refinements: 0,
            max_refinements: MAX_REFINEMENTS,
        }
    }

    /// For an encoder that ends refining by itself.
    pub(super) fn for_screen(self) -> Self {
        Self {
            max_refinements: MAX_SCREEN_REFINEMENTS,
            ..self
        }
    }

    pub(super) fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    pub(super) fn set_keyframe_interval(&mut self, us: Option<u64>) {
        self.keyframe_interval_us = us;
    }

    /// There is a new picture.
    pub(super) fn changed(&mut self) {
        self.stale = true;
        self.refine_us = None;
    }

    /// There is a picture that was looked at and is the one before: as good as one that was encoded, for the pace.
    pub(super) fn stayed(&mut self, at_us: u64) {
        self.pace.take(at_us);
    }

    /// The picture was not encoded yet since it changed.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Nobody watches; what is planned is forgotten, and it goes on with a keyframe at once.
    pub(super) fn pause(&mut self) {
        let pace = Pace {
            due_us: 0,
            ..self.pace.clone()
        };
        *self = Self {
            pace,
            keyframe_interval_us: self.keyframe_interval_us,
            max_refinements: self.max_refinements,
            ..Self::new(1)
        };
    }

    /// The earliest time for the next changed picture.
    pub(super) fn ready_us(&self) -> u64 {
        self.pace.ready_us().max(self.debt.ready_us())
    }

    /// When something is to be encoded if nothing else happens; `None`: never.
    pub(super) fn next_us(&self) -> Option<u64> {
        if self.keyframe_wanted {
            return Some(0);
        }
        let changed = self.stale.then(|| self.ready_us());
        let keyframe = self
            .keyframe_interval_us
            .map(|us| self.last_keyframe_us + us);
        let refined = self.refine_us.map(|us| us.max(self.debt.ready_us()));
        [changed, keyframe, refined].into_iter().flatten().min()
    }

    /// Whether to encode now, and whether as a keyframe.
    pub(super) fn due(&self, now_us: u64) -> Option<bool> {
        if self.next_us()? > now_us {
            return None;
        }
        let interval_over = self
            .keyframe_interval_us
            .is_some_and(|us| self.last_keyframe_us + us <= now_us);
        Some(self.keyframe_wanted || interval_over)
    }

    /// It was encoded; `begun_us`: since when.
    pub(super) fn encoded(&mut self, begun_us: u64, now_us: u64, outcome: Outcome) {
        let anew = self.stale || outcome.keyframe;
        self.pace.take(begun_us);
        self.debt.add(now_us, outcome.bits, outcome.bitrate_bps);
        self.stale = false;
        if outcome.keyframe {
            self.keyframe_wanted = false;
            self.last_keyframe_us = now_us;
        }
        if anew {
            self.refinements = 0;
        }
        let rough = match outcome.qp {
            Some(qp) => qp > GOOD_QP && self.refinements < self.max_refinements,
            None => self.refinements < BLIND_REFINEMENTS,
        };
        let wait = if anew {
            REFINE_WAIT_US
        } else {
            REFINE_AGAIN_US
        };
        self.refinements += 1;
        self.refine_us = rough.then_some(now_us + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_US: u64 = 16_666;

    fn outcome(keyframe: bool, qp: u32, bits: u64) -> Outcome {
        Outcome {
            keyframe,
            qp: Some(qp),
            bits,
            bitrate_bps: 6_000_000,
        }
    }

    /// Encodes whatever is due until nothing is planned any more; when, and whether as a keyframe.
    fn drain(schedule: &mut Schedule, mut now_us: u64, qp: u32, until_us: u64) -> Vec<(u64, bool)> {
        let mut seen = Vec::new();
        while let Some(next) = schedule.next_us().map(|next| next.max(now_us)) {
            if next > until_us {
                break;
            }
            now_us = next;
            let keyframe = schedule.due(now_us).expect("due at its own time");
            schedule.encoded(now_us, now_us, outcome(keyframe, qp, 10_000));
            seen.push((now_us, keyframe));
        }
        seen
    }

    #[test]
    fn pictures_come_no_faster_than_allowed_and_jitter_does_not_slow_them() {
        let mut pace = Pace::new(60);
        // An application at exactly 60 a second whose pictures jitter by 5 ms.
        let mut last_grab = 0;
        for n in 1..=600u64 {
            let painted = 1_000_000 + n * FRAME_US + if n % 2 == 0 { 5_000 } else { 0 };
            let grabbed = painted.max(pace.ready_us());
            assert!(
                grabbed - painted <= 100,
                "picture {n} waited {}",
                grabbed - painted
            );
            pace.take(grabbed);
            last_grab = grabbed;
        }
        assert!(last_grab < 1_000_000 + 601 * FRAME_US + 5_000);
        // One that is late once, by most of a picture, does not wait for it ever after.
        let late = 16_000_000;
        let mut pace = Pace::new(60);
        pace.take(late + 13_000);
        let waits: Vec<u64> = (1..=60u64)
            .map(|n| {
                let painted = late + n * FRAME_US;
                let grabbed = painted.max(pace.ready_us());
                pace.take(grabbed);
                grabbed - painted
            })
            .collect();
        assert!(waits[0] < FRAME_US, "{waits:?}");
        assert!(waits[30..].iter().all(|wait| *wait == 0), "{waits:?}");
        // One at 1,000 a second gets hardly more than 60.
        let mut pace = Pace::new(60);
        let (mut now, mut grabs) = (5_000_000, 0);
        while now < 6_000_000 {
            if now >= pace.ready_us() {
                pace.take(now);
                grabs += 1;
            }
            now += 1_000;
        }
        assert!((58..=64).contains(&grabs), "{grabs}");
    }

    #[test]
    fn a_still_picture_is_refined_some_times_and_then_left_alone() {
        let mut schedule = Schedule::new(60);
        let seen = drain(&mut schedule, 1_000_000, 51, u64::MAX);
        assert_eq!(seen.len() as u32, 1 + MAX_REFINEMENTS);
        assert_eq!(seen[0], (1_000_000, true));
        assert!(seen[1..].iter().all(|(_, keyframe)| !keyframe));
        assert_eq!(schedule.next_us(), None);
        schedule.changed();
        assert_eq!(
            drain(&mut schedule, 9_000_000, 20, u64::MAX),
            [(9_000_000, false)]
        );
    }

    #[test]
    fn an_application_that_paints_the_same_again_is_looked_at_no_faster_and_refined_all_the_same() {
        let mut schedule = Schedule::new(60);
        schedule.encoded(1_000_000, 1_000_000, outcome(true, 51, 10_000));
        let (mut now, mut looks) = (1_000_000, 0);
        while now < 1_000_000 + REFINE_WAIT_US {
            assert_eq!(schedule.due(now), None);
            if schedule.ready_us() <= now {
                schedule.stayed(now);
                looks += 1;
            }
            now += 1_000;
        }
        assert!((3..=5).contains(&looks), "{looks}");
        assert_eq!(schedule.due(now), Some(false));
    }

    #[test]
    fn a_keyframe_is_due_at_once_on_a_still_picture_and_again_after_the_interval() {
        let mut schedule = Schedule::new(60);
        drain(&mut schedule, 1_000_000, 20, u64::MAX);
        schedule.want_keyframe();
        assert_eq!(
            drain(&mut schedule, 2_000_000, 20, u64::MAX),
            [(2_000_000, true)]
        );
        schedule.set_keyframe_interval(Some(2_000_000));
        let seen = drain(&mut schedule, 2_100_000, 20, 8_000_000);
        assert_eq!(
            seen,
            [(4_000_000, true), (6_000_000, true), (8_000_000, true)]
        );
    }

    #[test]
    fn pictures_are_left_out_when_the_line_is_far_behind() {
        let mut schedule = Schedule::new(60);
        drain(&mut schedule, 1_000_000, 20, u64::MAX);
        schedule.changed();
        // 0.1 s worth of bits.
        schedule.encoded(2_000_000, 2_000_000, outcome(false, 20, 600_000));
        schedule.changed();
        assert_eq!(schedule.due(2_040_000), None);
        assert_eq!(schedule.due(2_050_000), Some(false));
    }

    #[test]
    fn after_a_pause_the_first_picture_is_a_keyframe_at_once() {
        let mut schedule = Schedule::new(60);
        drain(&mut schedule, 1_000_000, 51, 1_000_000);
        schedule.pause();
        assert_eq!(schedule.due(1_000_001), Some(true));
    }
}
