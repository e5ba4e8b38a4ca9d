//! The sources of the statements in a grounded answer.

use ports::Citation;
use serde_json::Value;

/// The sources of an answer's parts. Google counts bytes within a part; the rest of this code
/// counts characters of the text.
pub(super) fn citations(metadata: &Value, text: &str, parts: &[usize]) -> Vec<Citation> {
    let chunks = metadata["groundingChunks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let supports = metadata["groundingSupports"].as_array().map(Vec::as_slice).unwrap_or_default();
    if supports.is_empty() {
        // The sources were read, but no statement cites them.
        return chunks.iter().filter_map(|chunk| citation(chunk, (0, 0))).collect();
    }
    let cited = supports.iter().flat_map(|support| {
        let place = place(&support["segment"], text, parts);
        let indices = support["groundingChunkIndices"].as_array().into_iter().flatten();
        let chunks = indices.filter_map(|index| chunks.get(usize::try_from(index.as_u64()?).ok()?));
        chunks.filter_map(move |chunk| citation(chunk, place))
    });
    cited.collect()
}

fn citation(chunk: &Value, (start, end): (u64, u64)) -> Option<Citation> {
    let url = chunk["web"]["uri"].as_str()?.into();
    Some(Citation {
        url,
        title: chunk["web"]["title"].as_str().unwrap_or_default().into(),
        start,
        end,
    })
}

fn place(segment: &Value, text: &str, parts: &[usize]) -> (u64, u64) {
    let number =
        |field: &str| segment[field].as_u64().and_then(|number| usize::try_from(number).ok());
    // A stream cuts parts anywhere, and its segments count from the beginning of the text, like
    // those of a first part.
    let offset = number("partIndex")
        .filter(|part| *part > 0)
        .and_then(|part| parts.get(part))
        .copied()
        .unwrap_or(0);
    let characters = |bytes: usize| {
        let end = text.floor_char_boundary(offset.saturating_add(bytes));
        text[..end].chars().count() as u64
    };
    let start = characters(number("startIndex").unwrap_or(0));
    (start, characters(number("endIndex").unwrap_or(0)).max(start))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn byte_offsets_become_character_offsets() {
        let text = "Größe zählt. Ja.";
        let check = |segment: Value, expect: &str| {
            let (start, end) = place(&segment, text, &[0, 15]);
            let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
            let cited: String = text.chars().skip(start).take(end - start).collect();
            assert_eq!(cited, expect, "{segment}");
        };
        check(json!({ "endIndex": 15 }), "Größe zählt.");
        check(json!({ "startIndex": 8, "endIndex": 14 }), "zählt");
        check(json!({ "partIndex": 1, "startIndex": 1, "endIndex": 4 }), "Ja.");
        check(json!({ "startIndex": 3, "endIndex": 999 }), "öße zählt. Ja.");
        check(json!({ "startIndex": 9, "endIndex": 2 }), "");
        check(json!({ "partIndex": 7, "startIndex": u64::MAX, "endIndex": u64::MAX }), "");
    }
}
