//! The built-in application alone, on the display that DISPLAY names: `clock [--still] [--silent] [--busy]`.

use server_sample::Options;

fn main() -> Result<(), server_sample::SampleError> {
    let has = |flag: &str| std::env::args().any(|one| one == flag);
    server_sample::run(Options {
        frame_rate: 60,
        still: has("--still"),
        sound: !has("--silent"),
        busy: has("--busy"),
    })
}
