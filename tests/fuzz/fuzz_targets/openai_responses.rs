//! Whatever bytes come, a streamed response ends once, in an answer or an error, and reads the same
//! however it was cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use providers::fuzzing::{openai_responses, whole};

#[path = "../cuts.rs"]
mod cuts;
#[path = "../ending.rs"]
mod ending;

fuzz_target!(|input: &[u8]| {
    let (bytes, cuts) = cuts::cut(input);
    let outcome = openai_responses(&[bytes]);
    ending::check(&outcome);
    assert_eq!(openai_responses(&cuts), outcome);
    if let Ok(answer) = serde_json::from_slice(bytes)
        && let [.., Ok(answer)] = &whole(&answer)[..=0]
    {
        ending::check_answer(answer);
    }
});
