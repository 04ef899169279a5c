//! The state on each of its databases, in the same scenarios: `scenarios` tells them, the other files say where they
//! run.

mod files;
mod import;
mod mariadb;
mod mariadb_server;
mod sample;
mod scenarios;
mod sqlite;
