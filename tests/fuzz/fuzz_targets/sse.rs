//! Events are the same however their bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use providers::fuzzing::sse;

#[path = "../cuts.rs"]
mod cuts;

fuzz_target!(|input: &[u8]| {
    let (bytes, cuts) = cuts::cut(input);
    assert_eq!(sse(&cuts), sse(&[bytes]));
});
