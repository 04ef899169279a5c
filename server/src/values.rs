//! Values as people write them, on the command line and in files alike; each refusal says what is accepted.

use std::net::SocketAddr;
use std::time::Duration;

use server_legacy::ListAnswer;
use server_origin::Coding;

use crate::legacy::Door;
use crate::site_args::Broadcast;

/// Where to listen.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is not IP:PORT, for example 0.0.0.0:7000 or [::]:7000 (port 0: any free one)"
        )
    })
}

/// Where old clients are served: an address, or `off`.
pub(crate) fn legacy(text: &str) -> Result<Door, String> {
    if text == "off" {
        return Ok(Door::Closed);
    }
    text.parse().map(Door::At).map_err(|_| {
        format!(
            "{text:?} is neither off nor IP:PORT, for example 0.0.0.0:6060 (port 0: any free one)"
        )
    })
}

/// Where `server run` and `server session` broadcast: an address, or `off`.
pub(crate) fn broadcast(text: &str) -> Result<Broadcast, String> {
    if text == "off" {
        return Ok(Broadcast::Off);
    }
    listen(text)
        .map(Broadcast::At)
        .map_err(|why| format!("{why}; or off"))
}

/// Where old clients get the list of a channel's receivers.
pub(crate) fn list_answer(text: &str) -> Result<ListAnswer, String> {
    match text {
        "request" => Ok(ListAnswer::OnRequest),
        "connect-back" => Ok(ListAnswer::ConnectBack),
        _ => Err(format!("{text:?} is neither request nor connect-back")),
    }
}

/// Data and parity stripes, `K+M`.
pub(crate) fn stripes(text: &str) -> Result<Coding, String> {
    text.parse()
        .map_err(|why: server_origin::CodingError| why.to_string())
}

/// A number and a unit: `90s`, `15m`, `24h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a time: a number and s, m, h or d, for example 24h");
    let unit = text.chars().last().ok_or_else(refused)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(refused()),
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let number: u64 = number.parse().map_err(|_| refused())?;
    let total = number.checked_mul(seconds).ok_or_else(refused)?;
    Ok(Duration::from_secs(total))
}

/// A short time, with its unit: `1.8s`, `500ms`.
pub(crate) fn short_time(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a time: a number and s or ms, for example 1.8s");
    let (number, unit_s) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return Err(refused()),
    };
    if !number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(refused());
    }
    let number: f64 = number.parse().map_err(|_| refused())?;
    Duration::try_from_secs_f64(number * unit_s).map_err(|_| refused())
}

/// An option of a live input, `name=value`.
pub(crate) fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!(
            "{text:?} is not NAME=VALUE, for example video_size=1280x720"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for text in [
            "",
            "s",
            "5",
            "-5s",
            "+5s",
            "5 s",
            "1.5h",
            "5w",
            "5ä",
            "99999999999999999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn short_times_may_have_a_point() {
        assert_eq!(short_time("1.8s"), Ok(Duration::from_millis(1_800)));
        assert_eq!(short_time("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(short_time("500ms"), Ok(Duration::from_millis(500)));
        let long = format!("{}s", "9".repeat(400));
        for text in [
            "", "s", "ms", ".s", "1.8", "-1s", "1e3s", "infs", "1,8s", "2m", &long,
        ] {
            assert!(short_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_shown_with_what_is_accepted() {
        for (why, wanted) in [
            (listen("7000").map(|_| ()), "IP:PORT"),
            (listen("localhost:7000").map(|_| ()), "IP:PORT"),
            (legacy("6060").map(|_| ()), "off nor IP:PORT"),
            (list_answer("port").map(|_| ()), "connect-back"),
            (stripes("4").map(|_| ()), "K+M"),
            (stripes("0+1").map(|_| ()), "1 to 16"),
            (stripes("4+9").map(|_| ()), "0 to 8"),
            (option("video_size").map(|_| ()), "NAME=VALUE"),
        ] {
            let why = why.expect_err("refused");
            assert!(why.contains(wanted), "{why}");
        }
    }
}
