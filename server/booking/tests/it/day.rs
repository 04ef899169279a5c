//! A day of a hundred thousand bookings over two hundred servers.

#[path = "../../examples/day/simulation.rs"]
mod simulation;

#[test]
fn a_day_of_a_hundred_thousand_bookings_gives_no_place_twice() {
    let day = simulation::run(1);
    assert_eq!(day.bookings, simulation::BOOKINGS);
    assert!(
        day.moves > 0 && day.refused > 0,
        "it was not crowded: {day:?}"
    );
    assert!(day.checks > 100);
}
