//! Encodes writes with their preconditions for Firestore.

use gcloud_sdk::google::firestore::v1::{
    CommitResponse, Document as Stored, DocumentMask, Precondition as Condition,
    Write as StoredWrite,
    document_transform::{FieldTransform, field_transform::TransformType},
    precondition::ConditionType,
    write::Operation,
};
use ports::{
    Document, Precondition, StoreError, Version, Write,
    documents::{Change, Fields, MAX_DOCUMENT_BYTES},
};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    connection::{Connection, update_time, version},
    value,
};

/// Encodes one write.
pub(super) fn encode(connection: &Connection, write: &Write) -> Result<StoredWrite, StoreError> {
    let name = connection.name(&write.key);
    let fields = |body: &Fields| {
        value::encode_fields(body).map_err(|reason| StoreError::invalid(&write.key, reason))
    };
    let mut encoded = StoredWrite {
        current_document: Some(condition(write.precondition)),
        ..StoredWrite::default()
    };
    match &write.change {
        Change::Delete => encoded.operation = Some(Operation::Delete(name)),
        Change::Replace(body) => {
            let mut fields = fields(body)?;
            // A number that differs from the last one, because a replacement with the same content
            // must still be a change.
            fields.insert(
                value::REVISION.into(),
                value::integer(rand::rng().random_range(0..i64::MAX / 2)),
            );
            encoded.operation =
                Some(Operation::Update(Stored { name, fields, ..Stored::default() }));
        }
        Change::Merge { set, increments, remove } => {
            let field_paths = set.keys().chain(remove).map(|field| quoted(field)).collect();
            encoded.update_mask = Some(DocumentMask { field_paths });
            let rise = increments.iter().map(|(field, by)| increment(field, *by));
            encoded.update_transforms = rise.chain([increment(value::REVISION, 1)]).collect();
            encoded.operation =
                Some(Operation::Update(Stored { name, fields: fields(set)?, ..Stored::default() }));
        }
    }
    Ok(encoded)
}

fn condition(precondition: Precondition) -> Condition {
    let condition = match precondition {
        Precondition::Absent => ConditionType::Exists(false),
        Precondition::Exists => ConditionType::Exists(true),
        Precondition::Version(version) => ConditionType::UpdateTime(update_time(version)),
    };
    Condition { condition_type: Some(condition) }
}

fn increment(field: &str, by: i64) -> FieldTransform {
    FieldTransform {
        field_path: quoted(field),
        transform_type: Some(TransformType::Increment(value::integer(by))),
    }
}

/// A field's name as a path of one segment, with any characters quoted.
pub(super) fn quoted(field: &str) -> String {
    format!("`{}`", field.replace('\\', "\\\\").replace('`', "\\`"))
}

/// The versions that a commit made, in the order of its writes.
pub(super) fn versions(
    writes: &[Write],
    answer: CommitResponse,
) -> Result<Vec<Version>, StoreError> {
    let committed = answer.commit_time.map(version);
    let each = answer
        .write_results
        .into_iter()
        .map(|result| result.update_time.map(version).or(committed));
    let versions: Option<Vec<Version>> = each.collect();
    let versions = versions.filter(|versions| versions.len() == writes.len());
    versions.ok_or_else(|| StoreError::Unavailable("the commit's answer lacks versions".into()))
}

/// Whether a write's precondition holds for the stored document.
pub(super) fn holds(write: &Write, stored: Option<&Document>) -> bool {
    match write.precondition {
        Precondition::Absent => stored.is_none(),
        Precondition::Exists => stored.is_some(),
        Precondition::Version(version) => stored.is_some_and(|stored| stored.version == version),
    }
}

/// Refuses a merge that cannot be applied to the stored document.
pub(super) fn check_merge(write: &Write, stored: Option<&Document>) -> Result<(), StoreError> {
    let Change::Merge { set, increments, remove } = &write.change else { return Ok(()) };
    let (true, Some(stored)) = (holds(write, stored), stored) else {
        return Err(StoreError::Conflict(write.key.clone()));
    };
    let mut body = Fields::clone(&stored.body);
    body.extend(set.clone());
    body.retain(|field, _| !remove.contains(field));
    for (field, by) in increments {
        let value =
            body.get(field).map_or(Some(0), Value::as_i64).and_then(|value| value.checked_add(*by));
        let refusal =
            || StoreError::invalid(&write.key, format!("`{field}` cannot be incremented by {by}"));
        body.insert(field.clone(), json!(value.ok_or_else(refusal)?));
    }
    let bytes = serde_json::to_string(&body).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_DOCUMENT_BYTES {
        let reason =
            format!("the document would have {bytes} bytes; the limit is {MAX_DOCUMENT_BYTES}");
        return Err(StoreError::invalid(&write.key, reason));
    }
    Ok(())
}
