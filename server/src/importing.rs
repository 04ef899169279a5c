//! `server import` and `server migrate`: what older installations wrote, and tables of older versions.

use std::path::PathBuf;

use server_booking::Policy;
use server_booking::model::{Change, UnixSeconds};
use server_state::import::{FILE_MAX, Source, import};
use server_state::{State, StateUrl};

use crate::{Failure, configuration, print};

/// Reads the files and puts all that they say into the database, or nothing.
pub(crate) async fn run(files: &[PathBuf], database: &StateUrl) -> Result<(), Failure> {
    let mut texts = Vec::with_capacity(files.len());
    for path in files {
        let text = configuration::text(path, FILE_MAX as u64)?;
        texts.push((path.display().to_string(), text));
    }
    let sources: Vec<Source<'_>> = texts
        .iter()
        .map(|(name, text)| Source {
            name,
            bytes: text.as_bytes(),
        })
        .collect();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let now = UnixSeconds(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let changes =
        import(&sources, &Policy::default(), now).map_err(|why| Failure::Usage(why.to_string()))?;
    let state = State::open(database).await?;
    let transaction = state.begin().await?;
    transaction.commit(&changes).await?;
    let count = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    print(&format!(
        "imported {} applications, {} session servers, {} bookings",
        count(|change| matches!(change, Change::PutApplication(_))),
        count(|change| matches!(change, Change::PutServer(_))),
        count(|change| matches!(change, Change::PutBooking(_))),
    ))
}

/// Brings the tables of a database up to this program.
pub(crate) async fn migrate(database: &StateUrl) -> Result<(), Failure> {
    let migrated = State::migrate(database).await?;
    if migrated.from == migrated.to {
        print(&format!(
            "{database}: version {}, as it should be",
            migrated.to
        ))
    } else {
        let (from, to) = (migrated.from, migrated.to);
        print(&format!("{database}: from version {from} to version {to}"))
    }
}
