//! `tidy [ROOT]`: the rules of this repository that neither the compiler nor
//! clippy can check, as a program that fails.
//!
//! It prints one line per finding, `[rule] path:line: what and what to do`, and
//! ends with status 1 if one of them is an error, 2 if it could not read the
//! repository. `tidy --layers` prints who may use whom, for the book.

mod mask;
mod rules;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rules::RULES;
use tree::Tree;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = match arguments.as_slice() {
        [] => find_root(),
        [flag] if flag == "--layers" => {
            print!("{}", rules::layers::table());
            return ExitCode::SUCCESS;
        }
        [root] if !root.starts_with('-') => Ok(PathBuf::from(root)),
        _ => Err("usage: tidy [ROOT] | tidy --layers".to_owned()),
    };
    match root.and_then(|root| Tree::read(&root)) {
        Ok(tree) => report(&tree),
        Err(message) => {
            eprintln!("tidy: {message}");
            ExitCode::from(2)
        }
    }
}

/// The nearest folder upwards that holds a workspace.
fn find_root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("no current folder: {error}"))?;
    here.ancestors()
        .find(|folder| is_workspace(folder))
        .map(Path::to_owned)
        .ok_or_else(|| format!("{} is in no workspace; give its root", here.display()))
}

fn is_workspace(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

fn report(tree: &Tree) -> ExitCode {
    let mut errors = 0_usize;
    let mut warnings = 0_usize;
    for (name, check) in RULES {
        for finding in check(tree) {
            if finding.is_error() {
                errors += 1;
            } else {
                warnings += 1;
            }
            println!("[{name}] {finding}");
        }
    }
    println!(
        "tidy: {} files, {} crates, {} rules: {errors} errors, {warnings} warnings",
        tree.files.len(),
        tree.crates.len(),
        RULES.len()
    );
    if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
