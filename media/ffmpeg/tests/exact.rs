//! Cutting loses nothing and repeats nothing: films of every awkward kind, judged by the real `ffmpeg`.

mod lab;

use lab::{Lab, ON_GRID, PICTURE, TONE, complaints, packet_times};
use media_ffmpeg::cut::{Container, How};

const COPIED: Option<How> = Some(How::Copied);
const REENCODED: Option<How> = Some(How::Reencoded);

#[test]
fn h264_and_opus_on_the_grid_are_copied_bit_by_bit() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a libopus"]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (COPIED, COPIED));
    let found = cut.is_exact();
    assert_eq!((found.chunk_frames, found.chunk_samples), (175, 336_000));
}

#[test]
fn every_chunk_is_decoded_alone_and_starts_with_a_keyframe() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a libopus"]);
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        assert_eq!(cut.manifest.chunks.len(), 4);
        for k in 0..4 {
            assert_eq!(complaints(&cut.chunk(k)), "", "chunk {k}");
            let first = packet_times(&cut.chunk(k), "v")[0];
            assert!((0.0..0.02).contains(&first), "chunk {k} starts at {first}");
        }
    }
}

#[test]
fn h264_and_aac_in_mp4_are_copied_and_the_priming_is_dropped_once() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, TONE, ON_GRID, "-c:a aac"]);
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        assert_eq!(cut.how(), (COPIED, COPIED));
        cut.is_exact();
    }
}

#[test]
fn aac_in_matroska_leads_the_picture_and_is_copied() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a aac"]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (COPIED, COPIED));
    cut.is_exact();
    // The encoder's priming, 21 ms, stands before the picture.
    assert_eq!(cut.durations_us()[0], 2_021_000);
}

#[test]
fn opus_in_mp4_becomes_flac_and_stays_exact() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a libopus"]);
    let cut = lab.cut(&film, Container::Mp4);
    assert_eq!(cut.how(), (COPIED, REENCODED));
    cut.is_exact();
}

#[test]
fn keyframes_off_the_grid_are_re_encoded_with_all_frames_at_their_times() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mp4",
        &[
            PICTURE,
            TONE,
            "-c:v libx264 -preset veryfast -bf 3 -g 40 -c:a aac",
        ],
    );
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        assert_eq!(cut.how(), (REENCODED, COPIED));
        let found = cut.is_exact();
        assert_eq!(found.chunk_frames, 175);
        assert_eq!(cut.durations_us()[..3], [2_000_000; 3]);
    }
}

#[test]
fn open_groups_of_pictures_are_not_copied() {
    let lab = Lab::new();
    let x264 = "-c:v libx264 -preset fast -bf 3 -x264-params open-gop=1:keyint=50:min-keyint=50:scenecut=0";
    let film = lab.film("film.mkv", &[PICTURE, TONE, x264, "-c:a libopus"]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (REENCODED, COPIED));
    cut.is_exact();
}

#[test]
fn mpeg2_in_a_transport_stream_is_cut() {
    let lab = Lab::new();
    let film = lab.film(
        "film.ts",
        &[PICTURE, TONE, "-c:v mpeg2video -bf 2 -g 12 -c:a mp2"],
    );
    for container in [Container::Mkv, Container::Mp4] {
        lab.cut(&film, container).is_exact();
    }
}

#[test]
fn a_transport_stream_with_keyframes_on_the_grid_is_copied() {
    let lab = Lab::new();
    let film = lab.film(
        "film.ts",
        &[PICTURE, TONE, ON_GRID, "-c:a aac -output_ts_offset 100"],
    );
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        assert_eq!(cut.how(), (COPIED, COPIED));
        cut.is_exact();
    }
}

#[test]
fn a_variable_frame_rate_is_kept() {
    let lab = Lab::new();
    let source = "-f lavfi -i testsrc2=s=160x120:r=25:d=7,select=not(mod(n\\,3))+lt(n\\,40),setpts=PTS+random(0)*0.012/TB";
    let film = lab.film(
        "film.mkv",
        &[
            source,
            TONE,
            "-fps_mode vfr -c:v libx264 -preset veryfast -c:a aac",
        ],
    );
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (REENCODED, COPIED));
    cut.is_exact();
}

#[test]
fn a_variable_frame_rate_with_keyframes_on_the_grid_is_copied() {
    let lab = Lab::new();
    let source = "-f lavfi -i testsrc2=s=160x120:r=25:d=7,select=not(mod(n\\,3))+lt(n\\,40)+not(mod(n\\,50))";
    let x264 = "-fps_mode vfr -enc_time_base 1/1000 -force_key_frames 0,2,4,6 -c:v libx264 -preset veryfast -sc_threshold 0";
    let film = lab.film("film.mkv", &[source, TONE, x264, "-c:a libopus"]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (COPIED, COPIED));
    cut.is_exact();
}

#[test]
fn a_film_without_sound_is_cut() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, ON_GRID]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (COPIED, None));
    cut.is_exact();
}

#[test]
fn sound_without_a_film_is_cut() {
    let lab = Lab::new();
    for (name, codec) in [
        ("a.mp3", "libmp3lame"),
        ("a.ogg", "libopus"),
        ("a.flac", "flac"),
    ] {
        let film = lab.film(name, &[TONE, "-c:a", codec]);
        let lab = Lab::new();
        let cut = lab.cut(&film, Container::Mkv);
        assert_eq!(cut.how(), (None, COPIED));
        cut.is_exact();
        assert_eq!(cut.manifest.chunks.len(), 4);
    }
}

#[test]
fn a_last_chunk_shorter_than_two_seconds_is_kept() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(
        cut.durations_us(),
        [2_000_000, 2_000_000, 2_000_000, 1_000_000]
    );
    cut.is_exact();
}

#[test]
fn a_single_frame_at_the_last_grid_point_is_a_chunk() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mp4",
        &["-f lavfi -i testsrc2=s=160x120:r=25:d=2.04", ON_GRID],
    );
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.durations_us(), [2_000_000, 40_000]);
    cut.is_exact();
}

#[test]
fn sound_that_starts_late_stays_late() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mkv",
        &[PICTURE, "-itsoffset 3.3", TONE, ON_GRID, "-c:a libopus"],
    );
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        cut.is_exact();
        let film_gap = packet_times(&film, "a")[0] - packet_times(&film, "v")[0];
        assert!(packet_times(&cut.chunk(0), "a").is_empty());
        let start = cut.manifest.chunks[1].start_us as f64 / 1e6;
        let cut_gap =
            start + packet_times(&cut.chunk(1), "a")[0] - packet_times(&cut.chunk(0), "v")[0];
        // FLAC holds the sound without the encoder's 6.5 ms before it.
        let priming = if container == Container::Mp4 {
            0.0065
        } else {
            0.0
        };
        let off = film_gap + priming - cut_gap;
        assert!(off.abs() < 0.002, "{film_gap} became {cut_gap}");
    }
}

#[test]
fn picture_and_sound_stay_together() {
    let lab = Lab::new();
    for (name, codec) in [
        ("a.mkv", "libopus"),
        ("b.mkv", "aac"),
        ("c.mp4", "aac"),
        ("d.mkv", "libmp3lame"),
    ] {
        let film = lab.film(name, &[PICTURE, TONE, ON_GRID, "-c:a", codec]);
        let lab = Lab::new();
        let cut = lab.cut(&film, Container::Mkv);
        // The last packet of sound that is in chunk 0, and the frame at its start.
        let gap = |file, n: usize| packet_times(file, "a")[n] - packet_times(file, "v")[0];
        let film_gap = gap(&film, 60);
        let cut_gap = gap(&cut.chunk(0), 60);
        assert!(
            (film_gap - cut_gap).abs() < 0.002,
            "{name}: {film_gap} became {cut_gap}"
        );
    }
}

#[test]
fn picture_that_starts_late_stays_late() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mkv",
        &["-itsoffset 3.3", PICTURE, TONE, ON_GRID, "-c:a aac"],
    );
    let cut = lab.cut(&film, Container::Mkv);
    cut.is_exact();
    assert!(packet_times(&cut.chunk(0), "v").is_empty());
    let film_gap = packet_times(&film, "v")[0] - packet_times(&film, "a")[0];
    let start = cut.manifest.chunks[1].start_us as f64 / 1e6;
    let cut_gap = start + packet_times(&cut.chunk(1), "v")[0] - packet_times(&cut.chunk(0), "a")[0];
    assert!(
        (film_gap - cut_gap).abs() < 0.002,
        "{film_gap} became {cut_gap}"
    );
}

#[test]
fn a_first_time_that_is_not_zero_is_taken_away() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mkv",
        &[PICTURE, TONE, ON_GRID, "-c:a aac -output_ts_offset 100"],
    );
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (COPIED, COPIED));
    assert!(
        cut.manifest.warnings.is_empty(),
        "{:?}",
        cut.manifest.warnings
    );
    cut.is_exact();
}

#[test]
fn sound_longer_than_the_picture_goes_on() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mkv",
        &[
            PICTURE,
            "-f lavfi -i sine=r=44100:d=11",
            ON_GRID,
            "-c:a libmp3lame",
        ],
    );
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        assert_eq!(cut.manifest.chunks.len(), 6);
        cut.is_exact();
    }
}

#[test]
fn sound_that_cannot_be_cut_becomes_flac_and_stays_exact() {
    let lab = Lab::new();
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 -keyint_min 50";
    let film = lab.film("film.webm", &[PICTURE, TONE, vp9, "-c:a libvorbis"]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (COPIED, REENCODED));
    cut.is_exact();
}

#[test]
fn frames_without_times_get_them_from_the_rate() {
    let lab = Lab::new();
    let film = lab.film("film.h264", &[PICTURE, ON_GRID]);
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how(), (REENCODED, None));
    assert_eq!(cut.manifest.chunks.len(), 4);
    let found = cut.is_exact();
    assert_eq!(found.chunk_frames, 175);
}

#[test]
fn an_edit_list_and_a_turned_picture_are_obeyed() {
    let lab = Lab::new();
    let plain = lab.film("plain.mp4", &[PICTURE, TONE, ON_GRID, "-c:a aac"]);
    let plain = plain.to_str().expect("a plain name");
    let film = lab.film(
        "film.mp4",
        &["-ss 1.1 -i", plain, "-c copy -metadata:s:v rotate=90"],
    );
    let cut = lab.cut(&film, Container::Mkv);
    assert_eq!(cut.how().0, REENCODED);
    cut.is_exact();
    let chunk = media_ffmpeg::probe::probe(&cut.chunk(0)).expect("a chunk");
    assert_eq!(
        (chunk.streams[0].width, chunk.streams[0].height),
        (120, 160)
    );
}

#[test]
fn the_same_film_gives_the_same_chunks() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a libopus"]);
    let first = lab.cut(&film, Container::Mkv);
    let other = Lab::new();
    let second = other.cut(&film, Container::Mkv);
    assert_eq!(first.manifest.chunks, second.manifest.chunks);
}

#[test]
fn a_film_that_is_cut_off_is_cut_as_far_as_it_goes_and_says_so() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a libopus"]);
    let bytes = std::fs::read(&film).expect("the film");
    let short = lab.path("short.mkv");
    std::fs::write(&short, &bytes[..bytes.len() / 2]).expect("a shorter film");
    let cut = lab.cut(&short, Container::Mkv);
    cut.is_exact();
    let warnings = cut.manifest.warnings.join("; ");
    assert!(
        warnings.contains("cut off: it promises 7.0 s"),
        "{warnings}"
    );
}
