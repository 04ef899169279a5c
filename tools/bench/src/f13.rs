//! F13: whether cutting loses or repeats anything. Films of the usual and the awkward kinds are made, cut, and film and
//! chunks decoded by the `ffmpeg` program, which is the judge: our own decoder is not asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use media_ffmpeg::check::{self, Comparison, MKV_TIME_US};
use media_ffmpeg::cut::{Container, CutOptions, How, Manifest, cut_to_folder};
use serde_json::json;

use crate::report::{Error, Report};

const PICTURE: &str = "-f lavfi -i testsrc2=s=640x360:r=25:d=15";
const TONE: &str = "-f lavfi -i sine=f=440:r=48000:d=15";
const ON_GRID: &str = "-c:v libx264 -preset veryfast -bf 3 -g 50 -keyint_min 50 -sc_threshold 0";
const OFF_GRID: &str = "-c:v libx264 -preset veryfast -bf 3 -g 70";
const OPEN: &str =
    "-c:v libx264 -bf 3 -preset fast -x264-params open-gop=1:keyint=50:min-keyint=50:scenecut=0";
const VARIABLE: &str = "-f lavfi -i testsrc2=s=640x360:r=25:d=15,select=not(mod(n\\,3))+lt(n\\,90)";

/// A film: what it is called here, its file, and how ffmpeg makes it.
struct Film {
    what: &'static str,
    file: &'static str,
    made: &'static [&'static str],
}

const FILMS: &[Film] = &[
    Film {
        what: "H.264 and Opus, keyframes on the grid",
        file: "a.mkv",
        made: &[PICTURE, TONE, ON_GRID, "-c:a libopus"],
    },
    Film {
        what: "H.264 and AAC, keyframes on the grid",
        file: "b.mp4",
        made: &[PICTURE, TONE, ON_GRID, "-c:a aac"],
    },
    Film {
        what: "H.264 and AAC, keyframes off the grid",
        file: "c.mp4",
        made: &[PICTURE, TONE, OFF_GRID, "-c:a aac"],
    },
    Film {
        what: "open groups of pictures",
        file: "d.mkv",
        made: &[PICTURE, TONE, OPEN, "-c:a libopus"],
    },
    Film {
        what: "variable frame rate",
        file: "e.mkv",
        made: &[VARIABLE, TONE, "-fps_mode vfr", OFF_GRID, "-c:a aac"],
    },
    Film {
        what: "without sound",
        file: "f.mkv",
        made: &[PICTURE, ON_GRID],
    },
    Film {
        what: "sound that starts late",
        file: "g.mkv",
        made: &[PICTURE, "-itsoffset 3.3", TONE, ON_GRID, "-c:a libopus"],
    },
    Film {
        what: "MPEG-2 transport stream",
        file: "h.ts",
        made: &[PICTURE, TONE, "-c:v mpeg2video -bf 2 -g 12 -c:a mp2"],
    },
    Film {
        what: "VP9 and Vorbis",
        file: "i.webm",
        made: &[
            PICTURE,
            TONE,
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 -keyint_min 50 -c:a libvorbis",
        ],
    },
];

/// A film that was cut and compared.
struct Row {
    what: &'static str,
    manifest: Manifest,
    found: Comparison,
    cut_ms: u128,
    holds: bool,
}

/// Makes, cuts and compares; takes about a minute.
///
/// # Errors
/// When ffmpeg is missing or cannot make a film, or a film cannot be cut.
pub(crate) fn run() -> Result<Report, Error> {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    for film in FILMS {
        let path = make(film, folder.path())?;
        rows.push(cut(
            film.what,
            &path,
            &folder.path().join(format!("cut-{}", film.file)),
        )?);
    }
    let good = rows.iter().filter(|r| r.holds).count();
    let frames: u64 = rows.iter().map(|r| r.found.film_frames).sum();
    let samples: u64 = rows.iter().map(|r| r.found.film_samples).sum();
    let worst_us = rows
        .iter()
        .map(|r| r.found.worst_time_us)
        .max()
        .unwrap_or(0);
    let lines = rows.iter().map(line).collect();
    let data = rows.iter().map(object).collect::<Vec<_>>();
    Ok(Report {
        id: "F13",
        what: "cutting: the film decoded against all its chunks decoded".to_owned(),
        figure: format!("{good} of {} films; {frames} frames, {samples} samples, worst time off {worst_us} us", rows.len()),
        reference: "the film itself, decoded by ffmpeg".to_owned(),
        target: "the same frames where copied, the same count and times (to 1 ms) where re-encoded; the same samples".to_owned(),
        met: good == rows.len(),
        lines,
        data: json!({ "films": data }),
    })
}

fn make(film: &Film, folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join(film.file);
    let words = film.made.iter().flat_map(|m| m.split_whitespace());
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(words)
        .arg(&path)
        .output()
        .map_err(|e| format!("ffmpeg cannot be run: {e}; install it"))?;
    if made.status.success() {
        Ok(path)
    } else {
        Err(format!(
            "ffmpeg made no film `{}`: {}",
            film.what,
            String::from_utf8_lossy(&made.stderr).trim()
        )
        .into())
    }
}

fn cut(what: &'static str, film: &Path, folder: &Path) -> Result<Row, Error> {
    let mut options = CutOptions::new("film");
    options.container = Container::Mkv;
    let begun = Instant::now();
    let manifest = cut_to_folder(film, folder, &options, |_, _| Ok(()))?;
    let cut_ms = begun.elapsed().as_millis();
    let found = check::compare(film, folder, &manifest)?;
    let holds = found.holds(manifest.video == Some(How::Copied), MKV_TIME_US);
    Ok(Row {
        what,
        manifest,
        found,
        cut_ms,
        holds,
    })
}

fn how(how: Option<How>) -> String {
    how.map_or("none".to_owned(), |h| h.to_string())
}

fn line(row: &Row) -> String {
    let f = &row.found;
    format!(
        "{:38} picture {:10} sound {:10} frames {}/{} samples {}/{} cut in {} ms  {}",
        row.what,
        how(row.manifest.video),
        how(row.manifest.sound),
        f.chunk_frames,
        f.film_frames,
        f.chunk_samples,
        f.film_samples,
        row.cut_ms,
        if row.holds { "exact" } else { "NOT EXACT" },
    )
}

fn object(row: &Row) -> serde_json::Value {
    let f = &row.found;
    json!({
        "film": row.what, "video": row.manifest.video, "sound": row.manifest.sound,
        "chunks": row.manifest.chunks.len(), "film_frames": f.film_frames, "chunk_frames": f.chunk_frames,
        "same_frames": f.same_frames, "worst_time_us": f.worst_time_us, "film_samples": f.film_samples,
        "chunk_samples": f.chunk_samples, "same_samples": f.same_samples, "cut_ms": row.cut_ms as u64, "exact": row.holds,
    })
}
