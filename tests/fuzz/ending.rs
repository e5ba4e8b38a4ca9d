//! What is true of every stream.

use providers::fuzzing::{ModelAnswer, Outcome, Piece};

/// The last piece, and no other, is the answer or an error.
pub fn check(outcome: &Outcome) {
    let (last, before) = outcome.split_last().expect("a stream says how it ended");
    assert!(before.iter().all(|piece| matches!(piece, Ok(Piece::Text(_) | Piece::Refusal(_) | Piece::Usage(_)))));
    match last {
        Ok(Piece::Answer(answer)) => check_answer(answer),
        Ok(Piece::Text(_) | Piece::Refusal(_) | Piece::Usage(_)) => panic!("the stream just ended"),
        Err(error) => assert!(!error.code.is_empty()),
    }
}

/// Citations lie within what they cite, and a model is named.
pub fn check_answer(answer: &ModelAnswer) {
    let length = answer.text.chars().count() as u64;
    assert!(answer.citations.iter().all(|source| source.start <= source.end && source.end <= length));
    if let Some(usage) = answer.usage {
        assert!(usage.cached_input <= usage.input && usage.reasoning <= usage.output);
    }
}
