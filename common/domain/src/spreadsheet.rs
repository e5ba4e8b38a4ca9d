//! Tables for spreadsheets, as CSV (RFC 4180).

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

/// Rows as CSV: every field is read back as it was, and no spreadsheet takes one for a formula.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "writing to a vector cannot fail, and rows may differ in length"
)]
pub fn csv<R>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item: AsRef<str>>,
{
    let mut table = WriterBuilder::new();
    let mut table = table.flexible(true).terminator(Terminator::CRLF).from_writer(Vec::<u8>::new());
    for row in rows {
        let fields = row.into_iter().map(|field| no_formula(field.as_ref()).into_owned());
        table.write_record(fields).expect("a vector takes every row");
    }
    let bytes = table.into_inner().expect("a vector takes every byte");
    String::from_utf8(bytes).expect("fields are text, and so are the marks between them")
}

/// A spreadsheet takes what begins with one of these for a formula, which may do harm; an
/// apostrophe before it keeps it a text. Numbers stay numbers.
fn no_formula(field: &str) -> Cow<'_, str> {
    let is_formula =
        field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
    if is_formula { format!("'{field}").into() } else { field.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_needed_and_no_formulas() {
        for (field, expect) in [
            ("plain", "plain"),
            ("", ""),
            ("a, b", "\"a, b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=SUM(A1)", "'=SUM(A1)"),
            ("@home", "'@home"),
            ("-4.5", "-4.5"),
            ("-cmd|' /C calc'!A0, and more", "\"'-cmd|' /C calc'!A0, and more\""),
            ("# ünïcode; a b ", "# ünïcode; a b "),
        ] {
            assert_eq!(csv([["key", field, "end"]]), format!("key,{expect},end\r\n"));
        }
    }

    #[test]
    fn rows_may_differ_in_length() {
        assert_eq!(csv([vec!["a note"], vec!["a", "b"]]), "a note\r\na,b\r\n");
    }
}
