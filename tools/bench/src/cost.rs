//! Processor time of a process and of everything below it, as the kernel counts it (proc(5)). This file must never know what
//! they do.

use std::collections::BTreeMap;
use std::fs;

use crate::report::Error;

/// Ticks of a second in proc(5), on every Linux that Rust knows (USER_HZ).
const TICKS: f64 = 100.0;

/// Seconds of processor time by what took them.
pub(crate) type Costs = BTreeMap<String, f64>;

/// One line of /proc/PID/stat.
struct Stat {
    parent: i32,
    seconds: f64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        seconds: (ticks(11)? + ticks(12)?) / TICKS,
    })
}

/// What a process is called here: its program, and for the built-in application that.
fn name(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next().unwrap_or_default();
    let short = program.rsplit('/').next().unwrap_or_default().to_owned();
    match words.next().as_deref() {
        Some("sample-application") => "application".to_owned(),
        _ => short,
    }
}

/// Of each process below `root`, by name; that of `root` itself is `server`.
pub(crate) fn tree(root: i32) -> Result<Costs, Error> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        if let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>()
            && let Some(stat) = stat(pid)
        {
            all.insert(pid, stat);
        }
    }
    let mut costs = Costs::new();
    let own = all.get(&root).ok_or("the server has ended")?;
    costs.insert("server".to_owned(), own.seconds);
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            *costs.entry(name(*pid)).or_default() += stat.seconds;
            parents.push(*pid);
        }
    }
    Ok(costs)
}

/// Of each thread of a process, by its name without a number at its end.
pub(crate) fn threads(pid: i32) -> Result<Costs, Error> {
    let mut costs = Costs::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let (name, times) = (read("comm"), read("schedstat"));
        let nanos: f64 = times
            .split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0.0);
        let name = name
            .trim()
            .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        *costs.entry(name.to_owned()).or_default() += nanos / 1e9;
    }
    Ok(costs)
}

/// What was added between two looks, as shares of `seconds`, in percent; what is below a twentieth of a percent is left out.
pub(crate) fn shares(before: &Costs, after: &Costs, seconds: f64) -> Costs {
    let share = |name: &String, now: &f64| {
        let part = (now - before.get(name).unwrap_or(&0.0)) / seconds * 100.0;
        (part >= 0.05).then(|| (name.clone(), part))
    };
    after
        .iter()
        .filter_map(|(name, now)| share(name, now))
        .collect()
}

/// In words, the largest first.
pub(crate) fn words(shares: &Costs) -> String {
    let mut sorted: Vec<_> = shares.iter().collect();
    sorted.sort_by(|one, other| other.1.total_cmp(one.1));
    let each = sorted
        .iter()
        .map(|(name, part)| format!("{name} {part:.1} %"));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent_of_the_time_between_and_the_smallest_are_left_out() {
        let costs = |server, small| {
            Costs::from([("server".to_owned(), server), ("small".to_owned(), small)])
        };
        let mut after = costs(3.0, 1.000_1);
        after.insert("new".to_owned(), 0.1);
        let shares = shares(&costs(1.0, 1.0), &after, 10.0);
        assert_eq!(words(&shares), "server 20.0 %, new 1.0 %");
    }

    #[test]
    fn this_process_and_its_threads_are_found() {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        assert!(tree(pid).expect("it runs").contains_key("server"));
        assert!(!threads(pid).expect("it runs").is_empty());
    }
}
