//! What one caller may ask for: requests and connections. Pure; time is an argument.

mod callers;
mod rate;

pub(crate) use callers::{Caller, Callers, Connected};
pub(crate) use rate::Rate;
