//! What capturing a display costs: grab, convert and encode of each frame, processor time of a moving and of a still
//! picture. `cargo run --release -p media-ffmpeg --example screen -- [seconds] [bits a second] [h264|vp8]`.

#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod scene;

fn main() {
    #[cfg(target_os = "linux")]
    measure::main();
    #[cfg(not(target_os = "linux"))]
    println!("displays are captured on Linux only");
}
