//! What a benchmark says: figure, reference, target and verdict, for people and as JSON. It measures nothing.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::machine::Machine;

/// Whatever keeps a benchmark from giving a figure.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A finished measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Its id in the list of targets.
    pub(crate) id: &'static str,
    /// What was measured, and how.
    pub(crate) what: String,
    /// What came out, with its unit.
    pub(crate) figure: String,
    /// What it is to be compared with.
    pub(crate) reference: String,
    /// What it should be.
    pub(crate) target: String,
    /// Whether it is.
    pub(crate) met: bool,
    /// More lines for people.
    pub(crate) lines: Vec<String>,
    /// All numbers, for scripts.
    pub(crate) data: Value,
}

impl Report {
    /// One line of JSON, with the machine and the command.
    pub(crate) fn json(&self, machine: &Machine, command: &str) -> String {
        let verdict = if self.met { "met" } else { "missed" };
        serde_json::json!({
            "report": self, "verdict": verdict, "machine": machine, "command": command,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.id, self.what)?;
        for line in &self.lines {
            writeln!(f, "    {line}")?;
        }
        writeln!(f, "    figure     {}", self.figure)?;
        writeln!(f, "    reference  {}", self.reference)?;
        writeln!(f, "    target     {}", self.target)?;
        write!(
            f,
            "    verdict    {}",
            if self.met { "met" } else { "MISSED" }
        )
    }
}
