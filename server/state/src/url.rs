//! Where the state is kept: an address that people write in configurations and on the command line.
//!
//! It must never open anything; and it must never print a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::mysql::MySqlConnectOptions;

/// A place where the state is kept.
///
/// Written `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE` (`mariadb://` too). For a socket of this machine
/// `?socket=PATH` follows, for checked TLS `?ssl-mode=VERIFY_IDENTITY&ssl-ca=PATH`. The files of the first stage have no
/// such form: two paths name them.
#[derive(Clone, PartialEq, Eq)]
pub enum StateUrl {
    /// An SQLite database in this file, created when it is not there.
    Sqlite(PathBuf),
    /// A MySQL or MariaDB server, by its URL.
    MySql(String),
    /// The files of the first stage.
    Files {
        /// `servers.json`; only read, for bookings of an older installation that name no server.
        servers: PathBuf,
        /// `sessions_planned.json`; written at each commit.
        planned: PathBuf,
    },
}

/// Not an address of a database.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// It begins like none of those that are known.
    #[error(
        "\"{0}\" is no address of a database: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Scheme(String),
    /// `sqlite:` without a file.
    #[error("sqlite: needs the path of a file, as in sqlite:/var/lib/treecast/state.db")]
    NoPath,
    /// `mysql:` without a database.
    #[error("the address of the MySQL server names no database: mysql://USER@HOST:PORT/DATABASE")]
    NoDatabase,
    /// `mysql:` and something that cannot be read.
    #[error("the address of the MySQL server cannot be read: {0}")]
    MySql(#[source] sqlx::Error),
}

impl FromStr for StateUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // Both sqlite:/var/x and sqlite:///var/x are in use; two slashes alone begin a relative path.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(BadUrl::NoPath);
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("mysql://") || text.starts_with("mariadb://") {
            mysql_options(text)?;
            return Ok(Self::MySql(text.to_owned()));
        }
        let scheme = text.split_once("://").map_or(text, |(scheme, _)| scheme);
        Err(BadUrl::Scheme(scheme.chars().take(100).collect()))
    }
}

/// How to connect to a MySQL server.
pub(crate) fn mysql_options(url: &str) -> Result<MySqlConnectOptions, BadUrl> {
    let options = url.parse::<MySqlConnectOptions>().map_err(BadUrl::MySql)?;
    match options.get_database() {
        Some(_) => Ok(options),
        None => Err(BadUrl::NoDatabase),
    }
}

impl fmt::Display for StateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::MySql(url) => match mysql_options(url) {
                Ok(options) => {
                    let database = options.get_database().unwrap_or_default();
                    match options.get_socket() {
                        Some(path) => write!(f, "mysql:{}/{database}", path.display()),
                        None => write!(
                            f,
                            "mysql://{}:{}/{database}",
                            options.get_host(),
                            options.get_port()
                        ),
                    }
                }
                Err(_) => f.write_str("mysql:"),
            },
            Self::Files { planned, .. } => write!(f, "{}", planned.display()),
        }
    }
}

impl fmt::Debug for StateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in ["sqlite:/var/lib/x.db", "sqlite:///var/lib/x.db"] {
            assert_eq!(
                text.parse::<StateUrl>().expect(text),
                StateUrl::Sqlite(PathBuf::from("/var/lib/x.db"))
            );
        }
        assert!(matches!(
            "mysql://u:p@localhost/t".parse(),
            Ok(StateUrl::MySql(_))
        ));
        for (text, part) in [
            ("sqlite:", "path of a file"),
            ("postgres://x/y", "\"postgres\" is no address"),
            ("mysql://u:p@localhost", "names no database"),
            ("", "is no address"),
        ] {
            let error = text.parse::<StateUrl>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url: StateUrl = "mysql://me:secret@db.example:3307/tree"
            .parse()
            .expect("a good address");
        assert_eq!(url.to_string(), "mysql://db.example:3307/tree");
        assert!(!format!("{url:?}").contains("secret"));
        let error = "mysql://me:secret@db.example"
            .parse::<StateUrl>()
            .expect_err("no database");
        assert!(!error.to_string().contains("secret"));
    }
}
