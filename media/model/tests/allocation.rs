//! Bad input must be refused before memory is taken for it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use media_model::{BlockHead, MAX_SPAN_LEN, SignedSpan};
use proptest::prelude::*;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread takes.
struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.with(|taken| taken.set(taken.get() + layout.size()));
        // SAFETY: the caller's duties are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from the system's allocator with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn taken_by(work: impl FnOnce()) -> usize {
    let before = TAKEN.with(Cell::get);
    work();
    TAKEN.with(Cell::get) - before
}

/// What a span that is read may take: its name, its bytes and some bookkeeping.
const SPAN_BUDGET: usize = 2 * MAX_SPAN_LEN + 512;

proptest! {
    #[test]
    fn reading_a_span_takes_no_more_memory_than_a_span_has(
        bytes in proptest::collection::vec(any::<u8>(), 0..2 * MAX_SPAN_LEN),
        len in any::<u8>(), number in any::<[u8; 9]>(),
    ) {
        prop_assert!(taken_by(|| drop(SignedSpan::decode(&bytes))) <= SPAN_BUDGET);
        // Channel, epoch and seq, then a name that claims any length.
        let header = [&[0, 0, 0][..], &number, &bytes].concat();
        let whole = [&u16::from(len).to_be_bytes()[..], &header].concat();
        prop_assert!(taken_by(|| drop(SignedSpan::decode(&whole))) <= SPAN_BUDGET);
    }
}

#[test]
fn a_name_that_claims_exabytes_takes_nothing() {
    let header = [&[0, 0, 0, 253][..], &[255; 8], &[b'a'; 100]].concat();
    let whole = [&(header.len() as u16).to_be_bytes()[..], &header, &[0; 64]].concat();
    let taken = taken_by(|| assert!(SignedSpan::decode(&whole).is_err()));
    assert!(taken < 256, "{taken} bytes");
}

#[test]
fn bytes_that_are_no_span_or_frame_take_nothing() {
    let long = vec![0; 10_000_000];
    let taken = taken_by(|| {
        assert!(SignedSpan::decode(&long).is_err());
        assert!(BlockHead::parse(&[255; 8]).is_err());
    });
    assert_eq!(taken, 0);
}
