//! The tables, in numbered steps; each is made once, in order, by whichever coordinator comes first.
//!
//! `coordinator_state` has one row: the step that the tables have reached, the version of the world, the next number of
//! an audit or history row. Whoever changes anything holds that row. No step may ever be altered once it is released: a
//! new one follows it.

use super::link::{Failure, Link, Value};
use crate::error::StateError;
use crate::state::Migrated;

/// Step N makes version N of the tables.
const STEPS: &[&str] = &[include_str!("../../migrations/0001.sql")];

/// The newest version of the tables that this program knows.
pub(crate) const NEWEST: i64 = STEPS.len() as i64;

const MAKE_STATE: &str = "CREATE TABLE IF NOT EXISTS coordinator_state (
    id BIGINT NOT NULL PRIMARY KEY,
    migration BIGINT NOT NULL,
    version BIGINT NOT NULL,
    next_number BIGINT NOT NULL
) {options}";

/// Seconds that a coordinator waits for another one that makes tables. A guess; they are made in less than one.
const TABLES_WAIT_SECONDS: i64 = 7;

/// Makes what is missing; does nothing when nothing is.
pub(crate) async fn migrate(link: &mut Link) -> Result<Migrated, StateError> {
    // Most starts end here, with nothing but the right to read.
    match found(link).await {
        Ok(Some(from)) if from >= NEWEST => return finish(link, from),
        Ok(_) => {}
        Err(failure) if failure.is_missing_table() => {}
        Err(failure) => return Err(link.sort(&failure)),
    }
    if link.makes_tables_in_transactions() {
        sorted(link.begin(true).await, link)?;
        let from = make(link).await?;
        sorted(link.command("COMMIT").await, link)?;
        return finish(link, from);
    }
    let lock = vec![Value::Int(TABLES_WAIT_SECONDS)];
    let rows = link
        .rows("SELECT GET_LOCK(CONCAT('treecast ', DATABASE()), ?)", lock)
        .await;
    let rows = sorted(rows, link)?;
    if rows.first().and_then(|row| row.maybe_int(0).ok()).flatten() != Some(1) {
        return Err(StateError::Busy {
            database: link.database().to_owned(),
            reason: "another coordinator is making its tables".to_owned(),
        });
    }
    // An error closes the link, and with it goes the lock.
    let from = make(link).await?;
    let released = link
        .rows(
            "SELECT RELEASE_LOCK(CONCAT('treecast ', DATABASE()))",
            vec![],
        )
        .await;
    sorted(released, link)?;
    finish(link, from)
}

fn finish(link: &Link, from: i64) -> Result<Migrated, StateError> {
    if from > NEWEST {
        return Err(StateError::Newer {
            database: link.database().to_owned(),
            found: from,
            known: NEWEST,
        });
    }
    Ok(Migrated { from, to: NEWEST })
}

/// Makes the missing steps; the version that was found.
async fn make(link: &mut Link) -> Result<i64, StateError> {
    let options = link.table_options();
    let made = link
        .command(&MAKE_STATE.replace("{options}", options))
        .await;
    sorted(made, link)?;
    let from = match sorted(found(link).await, link)? {
        Some(from) => from,
        None => {
            let made = link
                .run(
                    "INSERT INTO coordinator_state (id, migration, version, next_number) VALUES (1, 0, 0, 1)",
                    vec![],
                )
                .await;
            sorted(made, link)?;
            0
        }
    };
    for (step, to) in STEPS.iter().zip(1_i64..) {
        if to <= from {
            continue;
        }
        for statement in statements(step) {
            let made = link.command(&statement.replace("{options}", options)).await;
            sorted(made, link)?;
        }
        let noted = link
            .run(
                "UPDATE coordinator_state SET migration = ? WHERE id = 1",
                vec![Value::Int(to)],
            )
            .await;
        sorted(noted, link)?;
    }
    Ok(from)
}

/// The version of the tables.
async fn found(link: &mut Link) -> Result<Option<i64>, Failure> {
    let rows = link
        .rows(
            "SELECT migration FROM coordinator_state WHERE id = 1",
            vec![],
        )
        .await?;
    rows.first()
        .map(|row| row.int(0).map_err(Failure::Sql))
        .transpose()
}

/// The statements of a step: its comments are lines, and no text in it has a semicolon.
fn statements(step: &str) -> Vec<String> {
    let code: Vec<&str> = step
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    code.join("\n")
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

fn sorted<T>(result: Result<T, Failure>, link: &Link) -> Result<T, StateError> {
    result.map_err(|failure| link.sort(&failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_every_step_can_be_repeated() {
        for step in STEPS {
            let statements = statements(step);
            assert!(!statements.is_empty());
            for statement in statements {
                assert!(
                    statement.starts_with("CREATE TABLE IF NOT EXISTS ")
                        && statement.ends_with("{options}"),
                    "{statement}"
                );
            }
        }
    }
}
