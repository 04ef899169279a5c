//! The coordinator's database: SQLite, MySQL or MariaDB, or the files of the first stage, behind one interface.
//!
//! The only user of SQL. It stores worlds and changes; it must never know the rules that make them, nor the network.
