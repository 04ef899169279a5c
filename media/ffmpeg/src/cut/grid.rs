//! Where the chunks of a film begin: pure rules over the times of its packets. No I/O, no FFmpeg.

use super::GRID_NS;

/// Longest sound before the first picture that is put into chunk 0 without moving the grid off the picture's
/// keyframes, and longest sound after the last grid point that gets no chunk of its own. A guess: encoder priming
/// is below 50 ms, the skew of transport streams mostly below 200 ms.
pub(crate) const EDGE_NS: i64 = 250_000_000;

/// A packet of video, in the order of decoding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VideoPacket {
    pub(crate) pts_ns: i64,
    /// A decoder can start here.
    pub(crate) key: bool,
    pub(crate) bytes: u32,
}

/// The grid of a film whose video is copied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CopyGrid {
    /// Start of each chunk.
    pub(crate) starts_ns: Vec<i64>,
    /// Number of the first video packet of each chunk.
    pub(crate) ordinals: Vec<usize>,
}

/// The grid point from which two seconds are counted: the first picture, unless sound leads it by more than
/// [`EDGE_NS`].
pub(crate) fn anchor_ns(first_video_ns: Option<i64>, zero_ns: i64) -> i64 {
    match first_video_ns {
        Some(v) if v - zero_ns <= EDGE_NS => v,
        _ => zero_ns,
    }
}

/// The starts of chunks on an even grid from `zero_ns` on, for everything that starts before or at `last_ns`.
pub(crate) fn even_starts(zero_ns: i64, last_ns: i64) -> Vec<i64> {
    let count = (last_ns - zero_ns).max(0) / GRID_NS + 1;
    (0..count).map(|k| zero_ns + k * GRID_NS).collect()
}

/// Takes back the last chunk if it would hold nothing but a short tail of sound.
pub(crate) fn merge_tail(starts_ns: &mut Vec<i64>, last_video_ns: Option<i64>, end_ns: i64) {
    if let [.., _, last] = starts_ns[..]
        && last_video_ns.is_none_or(|v| v < last)
        && end_ns - last <= EDGE_NS
    {
        starts_ns.pop();
    }
}

/// The grid on which the video can be copied, or why it cannot: in words, with the time counted from `zero_ns`.
///
/// A keyframe starts a chunk if nothing that is decoded after it is shown before it and nothing decoded before it
/// is shown after it, so that the chunks on both sides are decoded without each other.
pub(crate) fn copy_grid(
    packets: &[VideoPacket],
    zero_ns: i64,
    frame_ns: i64,
    max_chunk_bytes: u64,
) -> Result<CopyGrid, String> {
    let seconds = |t: i64| format!("{:.3} s", (t - zero_ns) as f64 / 1e9);
    let clean = clean_keyframes(packets);
    match (packets.first(), clean.first()) {
        (Some(_), Some(0)) => {}
        _ => return Err("it does not start with a keyframe that stands alone".to_owned()),
    }
    if let Some(twice) = repeated_time(packets) {
        return Err(format!("two frames have the same time, {}", seconds(twice)));
    }
    let first = packets[0].pts_ns;
    let last = packets.iter().map(|p| p.pts_ns).max().unwrap_or(first);
    let anchor = anchor_ns(Some(first), zero_ns);
    let tolerance = frame_ns / 2;
    let mut grid = CopyGrid {
        starts_ns: vec![zero_ns],
        ordinals: vec![0],
    };
    let mut next_clean = 0;
    let mut point = anchor + GRID_NS;
    while point <= last + tolerance {
        // Before the first picture there is only sound, after the last there is nothing left to start.
        if point < first - tolerance {
            grid.starts_ns.push(point);
            grid.ordinals.push(0);
            point += GRID_NS;
            continue;
        }
        while next_clean < clean.len() && packets[clean[next_clean]].pts_ns < point - tolerance {
            next_clean += 1;
        }
        let found = clean[next_clean..]
            .iter()
            .take_while(|&&i| packets[i].pts_ns <= point + tolerance)
            .min_by_key(|&&i| (packets[i].pts_ns - point).abs());
        match found {
            Some(&i) => {
                grid.starts_ns.push(packets[i].pts_ns);
                grid.ordinals.push(i);
            }
            None if point > last => break,
            None => {
                return Err(format!(
                    "no keyframe that stands alone at {}",
                    seconds(point)
                ));
            }
        }
        point += GRID_NS;
    }
    let ends = grid.ordinals[1..].iter().copied().chain([packets.len()]);
    for (k, (from, to)) in grid.ordinals.iter().copied().zip(ends).enumerate() {
        let bytes: u64 = packets[from..to].iter().map(|p| u64::from(p.bytes)).sum();
        if bytes > max_chunk_bytes {
            return Err(format!("chunk {k} would be {} MB", bytes / 1_000_000));
        }
    }
    Ok(grid)
}

/// Numbers of the keyframes at which the film can be cut.
fn clean_keyframes(packets: &[VideoPacket]) -> Vec<usize> {
    let mut earliest_from = vec![i64::MAX; packets.len()];
    let mut earliest = i64::MAX;
    for (i, p) in packets.iter().enumerate().rev() {
        earliest = earliest.min(p.pts_ns);
        earliest_from[i] = earliest;
    }
    let mut latest = i64::MIN;
    let mut clean = Vec::new();
    for (i, p) in packets.iter().enumerate() {
        if p.key && latest < p.pts_ns && earliest_from[i] == p.pts_ns {
            clean.push(i);
        }
        latest = latest.max(p.pts_ns);
    }
    clean
}

fn repeated_time(packets: &[VideoPacket]) -> Option<i64> {
    let mut times: Vec<i64> = packets.iter().map(|p| p.pts_ns).collect();
    times.sort_unstable();
    times.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

/// The time between frames: the declared rate, else the mean.
pub(crate) fn frame_ns(declared_ns: Option<i64>, packets: &[VideoPacket]) -> i64 {
    /// 25 frames a second, for a film of a single frame that declares nothing.
    const DEFAULT_NS: i64 = 40_000_000;
    if let Some(ns) = declared_ns.filter(|ns| *ns > 0) {
        return ns;
    }
    let first = packets.iter().map(|p| p.pts_ns).min();
    let last = packets.iter().map(|p| p.pts_ns).max();
    match (first, last) {
        (Some(a), Some(b)) if packets.len() > 1 && b > a => (b - a) / (packets.len() as i64 - 1),
        _ => DEFAULT_NS,
    }
}

/// Times of decoding for packets that are in the order of decoding and whose times of showing are known: rising,
/// and never after the time of showing. Times before the first picture continue at `frame_ns`.
pub(crate) fn decoding_times(pts_ns: &[i64], frame_ns: i64) -> Vec<i64> {
    let mut sorted = pts_ns.to_vec();
    sorted.sort_unstable();
    // How many places a packet is decoded before it is shown, at most.
    let delay = pts_ns
        .iter()
        .enumerate()
        .map(|(i, pts)| i.saturating_sub(sorted.partition_point(|s| s < pts)))
        .max()
        .unwrap_or(0);
    (0..pts_ns.len())
        .map(|i| match i.checked_sub(delay) {
            Some(shown) => sorted[shown],
            None => sorted[0] - (delay - i) as i64 * frame_ns.max(1),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const FRAME: i64 = 40 * MS;

    /// 25 frames a second with a keyframe at each of these frames.
    fn film(frames: i64, keys: &[i64]) -> Vec<VideoPacket> {
        (0..frames)
            .map(|i| VideoPacket {
                pts_ns: i * FRAME,
                key: keys.contains(&i),
                bytes: 1000,
            })
            .collect()
    }

    fn starts_ms(grid: &CopyGrid) -> Vec<i64> {
        grid.starts_ns.iter().map(|t| t / MS).collect()
    }

    #[test]
    fn keyframes_on_the_grid_are_copied() {
        let grid = copy_grid(&film(120, &[0, 50, 100]), 0, FRAME, u64::MAX).expect("on the grid");
        assert_eq!(starts_ms(&grid), [0, 2000, 4000]);
        assert_eq!(grid.ordinals, [0, 50, 100]);
    }

    #[test]
    fn a_keyframe_half_a_frame_off_is_copied_and_a_whole_frame_off_is_not() {
        let mut packets = film(120, &[0, 50, 100]);
        for p in &mut packets[50..] {
            p.pts_ns += FRAME / 2;
        }
        let grid = copy_grid(&packets, 0, FRAME, u64::MAX).expect("within half a frame");
        assert_eq!(starts_ms(&grid), [0, 2020, 4020]);
        let why = copy_grid(&film(120, &[0, 51, 100]), 0, FRAME, u64::MAX).expect_err("off");
        assert!(why.contains("2.000 s"), "{why}");
    }

    #[test]
    fn sound_that_leads_by_a_little_lengthens_the_first_chunk() {
        let mut packets = film(60, &[0, 50]);
        for p in &mut packets {
            p.pts_ns += 21 * MS;
        }
        let grid = copy_grid(&packets, 0, FRAME, u64::MAX).expect("the picture's own grid");
        assert_eq!(starts_ms(&grid), [0, 2021]);
    }

    #[test]
    fn picture_that_starts_late_leaves_chunks_of_sound() {
        let mut packets = film(60, &[0, 25]);
        for p in &mut packets {
            p.pts_ns += 5000 * MS;
        }
        let grid = copy_grid(&packets, 0, FRAME, u64::MAX).expect("on the sound's grid");
        assert_eq!(starts_ms(&grid), [0, 2000, 4000, 6000]);
        assert_eq!(grid.ordinals, [0, 0, 0, 25]);
    }

    #[test]
    fn a_frame_that_is_shown_before_the_keyframe_it_follows_forbids_a_copy() {
        // Decoded: I(0) ... I(2.0 s) B(1.96 s): an open group of pictures.
        let mut packets = film(100, &[0, 50]);
        packets.swap(49, 50);
        assert!(copy_grid(&packets, 0, FRAME, u64::MAX).is_err());
    }

    #[test]
    fn one_frame_at_the_last_grid_point_is_a_chunk_of_its_own() {
        let grid = copy_grid(&film(51, &[0, 50]), 0, FRAME, u64::MAX).expect("on the grid");
        assert_eq!(grid.ordinals, [0, 50]);
    }

    #[test]
    fn a_chunk_that_is_too_big_is_not_copied() {
        assert!(copy_grid(&film(100, &[0, 50]), 0, FRAME, 49_000).is_err());
    }

    #[test]
    fn a_short_tail_of_sound_gets_no_chunk_of_its_own() {
        let mut starts = even_starts(0, 4_010 * MS);
        merge_tail(&mut starts, Some(3_960 * MS), 4_030 * MS);
        assert_eq!(starts.len(), 2);
        let mut starts = even_starts(0, 4_400 * MS);
        merge_tail(&mut starts, Some(3_960 * MS), 4_420 * MS);
        assert_eq!(starts.len(), 3);
        let mut starts = even_starts(0, 4_000 * MS);
        merge_tail(&mut starts, Some(4_000 * MS), 4_040 * MS);
        assert_eq!(starts.len(), 3, "a frame keeps its chunk");
    }

    #[test]
    fn decoding_times_rise_and_never_pass_the_time_of_showing() {
        let pts: Vec<i64> = [0, 4, 2, 1, 3, 8, 6, 5, 7].map(|i| i * FRAME).to_vec();
        let dts = decoding_times(&pts, FRAME);
        assert!(dts.windows(2).all(|w| w[0] < w[1]), "{dts:?}");
        assert!(dts.iter().zip(&pts).all(|(d, p)| d <= p), "{dts:?}");
        assert_eq!(decoding_times(&[0, FRAME], FRAME), [0, FRAME]);
    }
}
