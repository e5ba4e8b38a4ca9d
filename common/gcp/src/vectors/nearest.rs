//! The two queries: the nearest vectors of a business, and a page of all of them.

use domain::BusinessId;
use gcloud_sdk::google::firestore::v1::{
    RunQueryRequest, run_query_request,
    structured_query::{FieldReference, FindNearest, find_nearest::DistanceMeasure},
};
use ports::{Query, StoreError, VectorError, VectorQuery, documents::Cursor};

use super::{COLLECTION, FirestoreVectors, encoding};
use crate::{
    firestore::{Connection, query},
    nearness::StoredVector,
};

type Request = Result<RunQueryRequest, StoreError>;

/// The `limit` nearest vectors of the query's business.
pub(super) fn nearest(connection: &Connection, vectors: &VectorQuery, limit: usize) -> Request {
    let within =
        Query::collection(COLLECTION).equal("business", vectors.business.as_str()).limit(limit);
    let mut request = query::encode(connection, &within)?;
    if let Some(run_query_request::QueryType::StructuredQuery(select)) = &mut request.query_type {
        // Nearest-neighbour queries have their own order and limit.
        select.order_by.clear();
        select.limit = None;
        select.find_nearest = Some(FindNearest {
            vector_field: Some(FieldReference { field_path: encoding::EMBEDDING.into() }),
            query_vector: Some(encoding::vector(&vectors.embedding)),
            distance_measure: DistanceMeasure::Cosine.into(),
            limit: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            ..FindNearest::default()
        });
    }
    Ok(request)
}

/// A page of the business's vectors by id, after the one named `last`.
pub(super) fn page(
    connection: &Connection,
    business: &BusinessId,
    last: Option<&str>,
    limit: usize,
) -> Request {
    let mut all = Query::collection(COLLECTION).equal("business", business.as_str()).limit(limit);
    all.after = last.map(|id| Cursor { value: None, id: format!("{business}:{id}") });
    query::encode(connection, &all)
}

impl FirestoreVectors {
    pub(super) async fn read(&self, request: Request) -> Result<Vec<StoredVector>, VectorError> {
        let request = request.map_err(|error| VectorError::Invalid(error.to_string()))?;
        let answered = self.connection.read(|mut client| {
            let request = request.clone();
            async move {
                let mut answers = client.run_query(request).await?.into_inner();
                let mut page = Vec::new();
                while let Some(answer) = answers.message().await? {
                    page.extend(answer.document.and_then(encoding::found));
                }
                Ok(page)
            }
        });
        answered.await.map_err(|error| match error {
            StoreError::Invalid { reason, .. } => VectorError::Invalid(reason),
            error @ (StoreError::Conflict(_) | StoreError::Unavailable(_)) => {
                VectorError::Unavailable(error.to_string())
            }
        })
    }
}
