//! The table of task types as text: reads its rows, and changes their quality without moving any
//! comment.

use domain::task_type::{Quality, TaskType};
use serde::Deserialize;

use crate::Result;

#[derive(Deserialize)]
struct Rows {
    task_type: Vec<TaskType>,
}

/// The rows of a table, whatever else the file contains.
pub(crate) fn rows(text: &str) -> Result<Vec<TaskType>> {
    Ok(toml::from_str::<Rows>(text)?.task_type)
}

/// The text with another quality for the named type. Only that line changes; the result is parsed
/// again as a check.
pub(crate) fn with_quality(text: &str, name: &str, quality: &Quality) -> Result<String> {
    let (mut inside, mut changed) = (false, false);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with('[') {
            inside = false;
        } else if bare.starts_with("name") && bare.split('"').nth(1) == Some(name) {
            inside = true;
        }
        if inside && !changed && bare.starts_with("quality") {
            changed = true;
            let comment = line.find('#').map(|at| format!(" {}", &line[at..])).unwrap_or_default();
            let Quality { nano, mini, full } = quality;
            lines.push(format!(
                "quality = {{ nano = {nano}, mini = {mini}, full = {full} }}{comment}"
            ));
        } else {
            lines.push(line.into());
        }
    }
    let text = lines.join("\n") + "\n";
    let row = rows(&text)?.into_iter().find(|row| row.name == name);
    if row.is_none_or(|row| row.quality != *quality) {
        return Err(format!(
            "the quality of `{name}` does not stand on a line of its own behind its name"
        )
        .into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use domain::task_type::TaskTypes;

    use super::*;

    #[test]
    fn only_the_line_of_the_type_changes() {
        let before = TaskTypes::BUNDLED;
        let quality = Quality { nano: 0.5, mini: 0.75, full: 0.875 };
        let after = with_quality(before, "sostac_analysis", &quality).unwrap();
        let changed: Vec<_> =
            before.lines().zip(after.lines()).filter(|(one, other)| one != other).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert_eq!(changed[0].1, "quality = { nano = 0.5, mini = 0.75, full = 0.875 }");
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(comments(before), comments(&after));
        assert_eq!(
            TaskTypes::parse(&after).unwrap().get("sostac_analysis").unwrap().quality,
            quality
        );
    }

    #[test]
    fn a_trailing_comment_survives_an_update() {
        let quality = Quality { nano: 0.5, mini: 0.75, full: 0.875 };
        let line = "quality = { nano = 0.85, mini = 0.955, full = 0.97 }";
        let text = TaskTypes::BUNDLED.replacen(line, &format!("{line} # measured in May"), 1);
        assert!(
            with_quality(&text, "other", &quality)
                .unwrap()
                .contains("full = 0.875 } # measured in May")
        );
        assert!(with_quality(&text, "poetry", &quality).is_err());
    }
}
