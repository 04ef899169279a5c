//! The session server with real processes, real TLS and a small coordinator's end of the link.

mod corpus;
mod crash;
mod crowd;
mod displays;
mod lab;
mod link;
mod output;
mod own_process;
mod processes;
mod programs;
mod rooms;
mod users;
