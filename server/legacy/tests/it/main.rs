//! The server against programs that speak only the old protocol, over real sockets.

mod bad_clients;
mod blocks;
mod fuzz;
mod lab;
mod requests;
mod speaker;
