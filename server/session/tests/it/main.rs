//! The session server with real processes, real TLS and a small coordinator's end of the link.

mod corpus;
mod crash;
mod lab;
mod link;
mod output;
mod processes;
mod programs;
mod users;
