//! The rules, one file each, and what they report.
//!
//! A rule is a function of the tree; it reads nothing else and prints nothing.

pub(crate) mod channels;
pub(crate) mod clippy_config;
pub(crate) mod fences;
pub(crate) mod headers;
pub(crate) mod inherited;
pub(crate) mod layers;
pub(crate) mod length;
pub(crate) mod links;
pub(crate) mod markers;
pub(crate) mod names;
pub(crate) mod pages;
pub(crate) mod places;
pub(crate) mod protocol;
pub(crate) mod purity;
pub(crate) mod unused;

use std::fmt;

use crate::tree::Tree;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The gate fails.
    Error,
    /// It is printed, and the gate goes on.
    Warning,
}

/// Something that a rule found.
#[derive(Debug)]
pub(crate) struct Finding {
    severity: Severity,
    path: String,
    line: Option<usize>,
    message: String,
}

impl Finding {
    /// A violation in a line of a file.
    pub(crate) fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            line: Some(line),
            message: message.into(),
        }
    }

    /// A violation of a whole file.
    pub(crate) fn of(path: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            line: None,
            message: message.into(),
        }
    }

    /// The same, as a warning.
    pub(crate) fn warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    /// Whether it makes the gate fail.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let kind = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, ": {kind}{}", self.message)
    }
}

/// A rule's name and what it does.
pub(crate) type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// Every rule, in the order in which findings are printed.
pub(crate) const RULES: [Rule; 15] = [
    ("layers", layers::check),
    ("fences", fences::check),
    ("purity", purity::check),
    ("clippy-config", clippy_config::check),
    ("inherited", inherited::check),
    ("unused", unused::check),
    ("names", names::check),
    ("channels", channels::check),
    ("headers", headers::check),
    ("markers", markers::check),
    ("length", length::check),
    ("places", places::check),
    ("links", links::check),
    ("pages", pages::check),
    ("protocol", protocol::check),
];

/// What a rule says of a repository made of strings, as printed.
#[cfg(test)]
pub(crate) fn findings(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files))
        .iter()
        .map(ToString::to_string)
        .collect()
}
