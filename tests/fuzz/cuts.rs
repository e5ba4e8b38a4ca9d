//! Bytes and a way of cutting them, both from the fuzzer.

/// The first byte says how long the pieces are at most; each byte at the beginning of a piece says
/// how long it is.
pub fn cut(input: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let Some((longest, bytes)) = input.split_first() else { return (input, Vec::new()) };
    let (mut rest, mut pieces) = (bytes, Vec::new());
    while let Some(first) = rest.first() {
        let length = usize::from(*first) % (usize::from(*longest) + 1) + 1;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    (bytes, pieces)
}
