//! Cutting into a folder: what is refused, what is used again, what is never overwritten.

mod lab;

use std::fs;
use std::path::Path;

use lab::{Lab, ON_GRID, PICTURE};
use media_ffmpeg::cut::{Container, CutError, CutOptions, cut_film, cut_to_folder, read_manifest};
use media_ffmpeg::probe;

fn error_of(lab: &Lab, film: &Path) -> String {
    let Err(error) = lab.try_cut(film, Container::Mkv) else {
        panic!("{} was cut", film.display());
    };
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn what_is_not_a_film_is_refused_in_one_line_that_names_it() {
    let lab = Lab::new();
    assert!(error_of(&lab, &lab.path("none.mkv")).contains("none.mkv: no such film"));
    let empty = lab.path("empty.mkv");
    fs::write(&empty, b"").expect("an empty file");
    assert!(error_of(&lab, &empty).contains("empty.mkv: the film is empty"));
    let text = lab.path("text.mkv");
    fs::write(&text, "not a film\n".repeat(2000)).expect("a text");
    assert!(error_of(&lab, &text).contains("text.mkv: not a film"));
    let plain = lab.path("notes.txt");
    fs::write(&plain, "not a film\n".repeat(2000)).expect("a text");
    assert!(error_of(&lab, &plain).contains("notes.txt: not a film"));
    assert!(error_of(&lab, lab.dir.path()).contains("not a regular file"));
    let picture = lab.film(
        "one.png",
        &["-f lavfi -i testsrc2=s=160x120", "-frames:v 1"],
    );
    assert!(error_of(&lab, &picture).contains("single picture"));
    assert!(
        !lab.path("cut-mkv").exists()
            || fs::read_dir(lab.path("cut-mkv"))
                .expect("the folder")
                .count()
                == 0
    );
}

#[test]
fn an_mp4_without_its_index_is_called_cut_off() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let bytes = fs::read(&film).expect("the film");
    let short = lab.path("short.mp4");
    fs::write(&short, &bytes[..bytes.len() / 2]).expect("a shorter film");
    assert!(error_of(&lab, &short).contains("short.mp4: the film is cut off: its index (moov)"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    fs::write(lab.path("file"), b"x").expect("a file");
    let error = cut_to_folder(
        &film,
        &lab.path("file/out"),
        &CutOptions::new("film"),
        |_, _| Ok(()),
    )
    .expect_err("a file is no folder");
    assert!(
        error.to_string().contains("file/out: cannot be written"),
        "{error}"
    );
}

#[test]
fn a_complete_cut_is_used_again() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let first = lab.cut(&film, Container::Mkv);
    let mut reused = Vec::new();
    let again = cut_to_folder(&film, &first.dir, &CutOptions::new("film"), |chunk, old| {
        reused.push((chunk.clone(), old));
        Ok(())
    })
    .expect("the same film");
    assert_eq!(again.chunks, first.manifest.chunks);
    assert_eq!(reused.len(), 4);
    assert!(reused.iter().all(|(_, old)| *old));
}

#[test]
fn a_cut_with_a_missing_chunk_is_done_again() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let first = lab.cut(&film, Container::Mkv);
    fs::remove_file(first.chunk(2)).expect("the chunk was there");
    let second = lab.cut(&film, Container::Mkv);
    assert_eq!(second.manifest.chunks, first.manifest.chunks);
    second.is_exact();
}

#[test]
fn an_interrupted_cut_is_done_again_and_leaves_nothing_half_written() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let dir = lab.path("cut-mkv");
    let stopped = cut_to_folder(&film, &dir, &CutOptions::new("film"), |chunk, _| {
        if chunk.file.ends_with("1.mkv") {
            Err(CutError::Stopped)
        } else {
            Ok(())
        }
    });
    assert!(matches!(stopped, Err(CutError::Stopped)));
    assert!(!read_manifest(&dir, "film").expect("a list").complete);
    fs::write(dir.join(".film_00002.mkv.part"), b"half").expect("what a crash leaves");
    let cut = lab.cut(&film, Container::Mkv);
    cut.is_exact();
    assert!(!dir.join(".film_00002.mkv.part").exists());
    assert_eq!(probe::ready_chunks(&dir).expect("the folder").len(), 4);
}

#[test]
fn chunks_of_another_film_are_never_overwritten() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let other = lab.film(
        "other.mp4",
        &["-f lavfi -i testsrc=s=160x120:r=25:d=3", ON_GRID],
    );
    let first = lab.cut(&film, Container::Mkv);
    let error = lab.try_cut(&other, Container::Mkv).err().expect("refused");
    assert!(matches!(error, CutError::OtherFilm { .. }), "{error}");
    first.is_exact();
    // The same without a list: nobody knows whose they are.
    fs::remove_file(first.dir.join("film.json")).expect("the list was there");
    assert!(matches!(
        lab.try_cut(&film, Container::Mkv),
        Err(CutError::OtherFilm { .. })
    ));
    // Another film that is none does not touch them either.
    fs::write(lab.path("text.mkv"), "no film").expect("a text");
    assert!(lab.try_cut(&lab.path("text.mkv"), Container::Mkv).is_err());
    assert!(first.chunk(3).exists());
}

#[test]
fn other_options_cut_the_same_film_anew() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let first = lab.cut(&film, Container::Mkv);
    let mut options = CutOptions::new("film");
    options.container = Container::Mp4;
    let second = cut_to_folder(&film, &first.dir, &options, |_, _| Ok(())).expect("the same film");
    assert!(second.chunks.iter().all(|c| c.file.ends_with(".mp4")));
    assert!(!first.chunk(0).exists(), "the old cut is gone");
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    for name in ["../film", "a/b", "", ".hidden", "-x"] {
        let cut = cut_film(&film, &CutOptions::new(name), |_| Ok(()));
        assert!(matches!(cut, Err(CutError::BadName { .. })), "{name}");
    }
}

#[test]
fn a_film_and_its_chunks_are_probed() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, lab::TONE, ON_GRID, "-c:a libopus"]);
    let info = probe::probe(&film).expect("a film");
    assert_eq!(info.streams.len(), 2);
    assert_eq!(
        (
            info.streams[0].codec.as_str(),
            info.streams[1].codec.as_str()
        ),
        ("h264", "opus")
    );
    assert_eq!((info.streams[0].width, info.streams[0].height), (160, 120));
    assert_eq!(info.streams[0].frame_rate, Some(25.0));
    assert!(
        info.duration_us
            .is_some_and(|us| (7_000_000..7_050_000).contains(&us))
    );
    // A chunk from elsewhere has no metadata of ours.
    let foreign = lab.film(
        "foreign_00001.mkv",
        &["-f lavfi -i testsrc2=s=160x120:r=25:d=2", ON_GRID],
    );
    assert_eq!(probe::probe_chunk(&foreign).expect("a chunk"), 2_000_000);
    let ready = probe::ready_chunks(lab.dir.path()).expect("the folder");
    assert_eq!(ready.len(), 1);
    assert_eq!((ready[0].film.as_str(), ready[0].number), ("foreign", 1));
}

#[test]
fn a_cut_ends_when_it_is_told_to() {
    let lab = Lab::new();
    let film = lab.film("film.mp4", &[PICTURE, ON_GRID]);
    let options = CutOptions::new("film");
    let stop = std::sync::Arc::clone(&options.stop);
    let mut chunks = 0;
    let cut = cut_film(&film, &options, |_| {
        chunks += 1;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    });
    assert!(matches!(cut, Err(CutError::Stopped)));
    assert_eq!(chunks, 1);
}
