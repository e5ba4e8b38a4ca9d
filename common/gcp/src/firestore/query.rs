//! Encodes queries for Firestore.

use gcloud_sdk::google::firestore::v1::{
    Cursor, RunQueryRequest, StructuredQuery, Value as Stored, run_query_request,
    structured_query::{
        CollectionSelector, CompositeFilter, Direction as Towards, FieldFilter, FieldReference,
        Filter as Condition, Order, UnaryFilter, composite_filter, field_filter::Operator,
        filter::FilterType, unary_filter,
    },
};
use ports::{
    Key, Query, StoreError,
    documents::{Comparison, Direction, check_query},
};
use serde_json::Value;

use super::{commit::quoted, connection::Connection, value};

/// The field name of a document's own name.
const NAME: &str = "__name__";

/// The request for one page.
pub(crate) fn encode(
    connection: &Connection,
    query: &Query,
) -> Result<RunQueryRequest, StoreError> {
    let mut select = select(connection, query)?;
    select.start_at = cursor(connection, query)?;
    select.limit = Some(i32::try_from(query.limit).unwrap_or(i32::MAX));
    Ok(request(connection, query, select))
}

/// The request for all matches, without page or cursor.
pub(crate) fn everything(
    connection: &Connection,
    query: &Query,
) -> Result<RunQueryRequest, StoreError> {
    Ok(request(connection, query, select(connection, query)?))
}

fn request(connection: &Connection, query: &Query, select: StructuredQuery) -> RunQueryRequest {
    let (parent, _) = connection.parent(&query.collection);
    let query_type = Some(run_query_request::QueryType::StructuredQuery(select));
    RunQueryRequest { parent, query_type, ..RunQueryRequest::default() }
}

/// The query for all matches in order, without page or cursor.
pub(crate) fn select(
    connection: &Connection,
    query: &Query,
) -> Result<StructuredQuery, StoreError> {
    check_query(query)?;
    let (_, collection_id) = connection.parent(&query.collection);
    let mut conditions = Vec::new();
    for filter in &query.filters {
        let value = comparable(query, &filter.field, &filter.value)?;
        conditions.push(compare(&quoted(&filter.field), operator(filter.comparison), value));
    }
    if let Some(id) = &query.id {
        let name = connection.name(&Key::new(&query.collection, id));
        conditions.push(compare(NAME, Operator::Equal, value::reference(name)));
    }
    if let Some((field, _)) = &query.order
        && query.filters.iter().all(|filter| filter.field != *field)
    {
        conditions.push(present(field));
    }
    let towards = match query.order {
        Some((_, Direction::Descending)) => Towards::Descending,
        Some((_, Direction::Ascending)) | None => Towards::Ascending,
    };
    let order = |path: String| Order {
        field: Some(FieldReference { field_path: path }),
        direction: towards.into(),
    };
    let by_field = query.order.iter().map(|(field, _)| order(quoted(field)));
    Ok(StructuredQuery {
        from: vec![CollectionSelector { collection_id, all_descendants: false }],
        r#where: all(conditions),
        order_by: by_field.chain([order(NAME.into())]).collect(),
        ..StructuredQuery::default()
    })
}

fn operator(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Equal => Operator::Equal,
        Comparison::Less => Operator::LessThan,
        Comparison::LessOrEqual => Operator::LessThanOrEqual,
        Comparison::Greater => Operator::GreaterThan,
        Comparison::GreaterOrEqual => Operator::GreaterThanOrEqual,
    }
}

fn comparable(query: &Query, field: &str, json: &Value) -> Result<Stored, StoreError> {
    let refuse = |reason: String| StoreError::invalid(&Key::new(&query.collection, ""), reason);
    value::encode_field(field, json).map_err(refuse)
}

fn compare(path: &str, operator: Operator, value: Stored) -> Condition {
    let field = Some(FieldReference { field_path: path.into() });
    let filter = FieldFilter { field, op: operator.into(), value: Some(value) };
    Condition { filter_type: Some(FilterType::FieldFilter(filter)) }
}

/// The condition that a field is present. An order leaves out documents whose field is null or
/// missing.
fn present(field: &str) -> Condition {
    let operand = unary_filter::OperandType::Field(FieldReference { field_path: quoted(field) });
    let filter =
        UnaryFilter { op: unary_filter::Operator::IsNotNull.into(), operand_type: Some(operand) };
    Condition { filter_type: Some(FilterType::UnaryFilter(filter)) }
}

fn all(mut conditions: Vec<Condition>) -> Option<Condition> {
    if conditions.len() < 2 {
        return conditions.pop();
    }
    let filter =
        CompositeFilter { op: composite_filter::Operator::And.into(), filters: conditions };
    Some(Condition { filter_type: Some(FilterType::CompositeFilter(filter)) })
}

fn cursor(connection: &Connection, query: &Query) -> Result<Option<Cursor>, StoreError> {
    let Some(after) = &query.after else { return Ok(None) };
    let key = Key::new(&query.collection, &after.id);
    let mut values = Vec::new();
    if let (Some((field, _)), Some(json)) = (&query.order, &after.value) {
        values.push(comparable(query, field, json)?);
    }
    values.push(value::reference(connection.name(&key)));
    Ok(Some(Cursor { values, before: false }))
}
