//! Tries the bridge out: a page on http://127.0.0.1:PORT that shows a moving test picture with a tone, encoded by an
//! `ffmpeg` that runs beside it. Messages on data channels come back.
//!
//! `cargo run -p server-bridge --example bridge -- [PORT]`; `--tcp` answers with TCP candidates only, `--open` lets the
//! bridge listen on all addresses.

use bytes::Bytes;
use media_packet::{Rendition, SoundPacket, VideoCodec, VideoPacket};
use server_bridge::{Bridge, BridgeConfig, Stage, StageConfig, Terms, ViewerEvent};
use std::error::Error;
use std::process::Stdio;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

const PAGE: &str = include_str!("bridge.html");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let port: u16 = arguments
        .iter()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(8080);
    let listen = if has("--open") {
        "0.0.0.0:0"
    } else {
        "127.0.0.1:0"
    };
    let bridge = Bridge::start(BridgeConfig {
        udp: listen.parse()?,
        tcp: has("--tcp").then(|| listen.parse()).transpose()?,
        advertise: Vec::new(),
        ice_servers: Vec::new(),
        max_viewers: 1000,
    })
    .await?;
    let stage = bridge.stage(StageConfig {
        codec: if has("--vp8") {
            VideoCodec::Vp8
        } else {
            VideoCodec::H264
        },
        max_viewers: 1000,
        start_bps: 2_000_000,
        max_bps: 4_000_000,
        min_bps: 200_000,
    });
    let started = Instant::now();
    tokio::spawn(picture(stage.clone(), started));
    tokio::spawn(sound(stage.clone(), started));
    let mut demand = stage.demand();
    tokio::spawn(async move {
        while demand.changed().await.is_ok() {
            println!("{:?}", *demand.borrow_and_update());
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!(
        "http://{} and media on {}",
        listener.local_addr()?,
        bridge.udp_address()
    );
    let tcp_only = has("--tcp");
    loop {
        let (connection, _) = listener.accept().await?;
        let stage = stage.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(connection, stage, tcp_only).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn serve(
    connection: TcpStream,
    stage: Stage,
    tcp_only: bool,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut connection = BufReader::new(connection);
    let mut head = String::new();
    while connection.read_line(&mut head).await? > 2 {}
    let len = head
        .lines()
        .filter_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse::<usize>()
                .ok()
        })
        .next()
        .unwrap_or(0);
    let mut body = vec![0; len.min(100_000)];
    connection.read_exact(&mut body).await?;
    let (kind, text) = match head.split(' ').nth(1) {
        Some("/offer") => {
            let terms = Terms {
                input: true,
                low_latency: true,
            };
            let (mut viewer, answer) = stage.answer(&String::from_utf8(body)?, terms).await?;
            tokio::spawn(async move {
                while let Some(event) = viewer.next().await {
                    match event {
                        ViewerEvent::Message {
                            label,
                            data,
                            is_text,
                        } => {
                            viewer.sender().send(&label, data, is_text);
                        }
                        other => println!("{} {other:?} {:?}", viewer.id(), viewer.stats()),
                    }
                }
            });
            let kept = |line: &&str| !tcp_only || !line.contains(" udp ");
            (
                "application/sdp",
                answer
                    .lines()
                    .filter(kept)
                    .map(|line| format!("{line}\r\n"))
                    .collect(),
            )
        }
        Some("/stats") => ("text/plain", format!("{:#?}", stage.viewers())),
        _ => ("text/html", PAGE.to_owned()),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(text.as_bytes()).await?;
    Ok(())
}

/// 720p30 with a keyframe every half second; access units begin with a delimiter.
async fn picture(stage: Stage, started: Instant) {
    let arguments = "-loglevel error -re -f lavfi -i testsrc2=size=1280x720:rate=30 -pix_fmt yuv420p -c:v libx264 \
        -preset ultrafast -tune zerolatency -profile:v baseline -level 3.1 -b:v 2500k -g 15 -x264-params aud=1:repeat-headers=1 \
        -f h264 -";
    let mut data = Vec::new();
    let Ok(mut child) = Command::new("ffmpeg")
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
    else {
        return eprintln!("there is no ffmpeg");
    };
    let Some(mut output) = child.stdout.take() else {
        return;
    };
    let mut number = 0u64;
    while output
        .read_buf(&mut data)
        .await
        .is_ok_and(|count| count > 0)
    {
        let delimiter = [0, 0, 0, 1, 9];
        while let Some(end) = data
            .windows(5)
            .skip(5)
            .position(|window| window == delimiter)
            .map(|at| at + 5)
        {
            let rest = data.split_off(end);
            let unit = Bytes::from(std::mem::replace(&mut data, rest));
            let keyframe = unit
                .windows(4)
                .any(|window| window[..3] == [0, 0, 1] && window[3] & 0x1f == 5);
            stage.video(VideoPacket {
                codec: VideoCodec::H264,
                rendition: Rendition::Full,
                data: unit,
                at_us: started.elapsed().as_micros() as u64,
                keyframe,
                width: 1280,
                height: 720,
            });
            number += 1;
        }
    }
    println!("the picture ended after {number}");
}

/// A tone, taken out of Ogg pages (RFC 3533): packets of 10 ms.
async fn sound(stage: Stage, started: Instant) {
    let arguments = "-loglevel error -re -f lavfi -i sine=frequency=440:sample_rate=48000 -ac 2 -c:a libopus -b:a 96k \
        -frame_duration 10 -page_duration 10000 -flush_packets 1 -f ogg -";
    let Ok(mut child) = Command::new("ffmpeg")
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
    else {
        return;
    };
    let Some(mut output) = child.stdout.take() else {
        return;
    };
    let mut packet = Vec::new();
    let mut head = [0; 27];
    let mut at_us = 0;
    while output.read_exact(&mut head).await.is_ok() {
        let mut lengths = vec![0; usize::from(head[26])];
        if output.read_exact(&mut lengths).await.is_err() {
            return;
        }
        for len in lengths {
            let from = packet.len();
            packet.resize(from + usize::from(len), 0);
            if output.read_exact(&mut packet[from..]).await.is_err() {
                return;
            }
            if len < 255 {
                let data = Bytes::from(std::mem::take(&mut packet));
                if !data.starts_with(b"Opus") {
                    at_us = if at_us == 0 {
                        started.elapsed().as_micros() as u64
                    } else {
                        at_us + 10_000
                    };
                    stage.sound(SoundPacket {
                        data,
                        at_us,
                        duration_us: 10_000,
                    });
                }
            }
        }
    }
}
