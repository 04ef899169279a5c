//! Simulates a day of a hundred thousand bookings over two hundred servers and prints how long it took:
//! `cargo run -p server-booking --example day`.

mod simulation;

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "a program that measures")]
fn main() {
    let begun = Instant::now();
    let day = simulation::run(1);
    let took = begun.elapsed();
    println!("{day:#?}");
    let each = took.as_secs_f64() * 1e6 / f64::from(day.decisions);
    println!(
        "{:.2} s, {each:.1} us a decision, checks included",
        took.as_secs_f64()
    );
}
