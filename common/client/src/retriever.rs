//! Searches a business's knowledge base through `vector-search`, as research does.

use std::time::Duration;

use async_trait::async_trait;
use domain::{BusinessId, vector::Passage};
use ports::{GatewayError, Retriever};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::wire::{Transport, WireRequest, read, send};

const TIMEOUT: Duration = Duration::from_secs(30);

/// `vector-search`, reached over a transport.
pub struct RemoteRetriever<T>(pub T);

#[async_trait]
impl<T: Transport> Retriever for RemoteRetriever<T> {
    async fn nearest(
        &self,
        business: &BusinessId,
        question: &str,
        most: usize,
    ) -> Result<Vec<Passage>, GatewayError> {
        let body = json!({ "business_id": business, "query": question, "top_k": most });
        let request =
            WireRequest { path: "/v1/vectors/search", headers: Vec::new(), body, timeout: TIMEOUT };
        let Answer { results } = read(&send(&self.0, request).await?)?;
        Ok(results.into_iter().filter_map(passage).collect())
    }
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
    metadata: Map<String, Value>,
    text: Option<String>,
}

/// Turns a hit into a passage; a vector stored without its text cannot be quoted.
fn passage(hit: Hit) -> Option<Passage> {
    let named = |field: &str| hit.metadata.get(field).and_then(Value::as_str).map(str::to_owned);
    let text = hit.text.filter(|text| !text.trim().is_empty())?;
    Some(Passage {
        title: named("title").unwrap_or_else(|| hit.id.clone()),
        url: named("url"),
        publisher: named("publisher"),
        start: hit
            .metadata
            .get("start")
            .and_then(Value::as_u64)
            .map_or(0, |start| usize::try_from(start).unwrap_or(0)),
        document_id: named("document_id").unwrap_or(hit.id),
        text,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::WireAnswer;
    use ports::GatewayRefusal;

    struct Scripted(Mutex<Vec<WireRequest>>, u16, Value);

    #[async_trait]
    impl Transport for Scripted {
        async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError> {
            self.0.lock().unwrap().push(request);
            Ok(WireAnswer { status: self.1, cost: None, body: self.2.to_string().into() })
        }
    }

    fn ask(status: u16, answer: Value) -> (Result<Vec<Passage>, GatewayError>, Value) {
        let retriever = RemoteRetriever(Scripted(Mutex::default(), status, answer));
        let business = BusinessId::new("acme").unwrap();
        let found = futures::executor::block_on(retriever.nearest(&business, "berths", 3));
        let asked = retriever.0.0.lock().unwrap().remove(0);
        (found, asked.body)
    }

    #[test]
    fn single_vectors_count_as_their_own_document() {
        let chunk = json!({"id": "d.00001", "score": 0.9, "distance": 0.1, "text": "Berths.", "metadata":
            {"document_id": "d", "title": "Harbours", "chunk": 1, "start": 40, "end": 47, "publisher": "IMO"}});
        let single =
            json!({"id": "note", "score": 0.8, "distance": 0.2, "text": "A note.", "metadata": {}});
        let silent = json!({"id": "v", "score": 0.8, "distance": 0.2, "metadata": {}});
        let (found, asked) = ask(200, json!({"results": [chunk, single, silent]}));
        assert_eq!(asked, json!({"business_id": "acme", "query": "berths", "top_k": 3}));
        let found = found.unwrap();
        let known =
            |passage: &Passage| (passage.document_id.clone(), passage.title.clone(), passage.start);
        assert_eq!(
            found.iter().map(known).collect::<Vec<_>>(),
            [("d".into(), "Harbours".into(), 40), ("note".into(), "note".into(), 0)]
        );
        assert_eq!(found[0].publisher.as_deref(), Some("IMO"));
    }

    #[test]
    fn a_budget_refusal_is_not_an_outage() {
        let refusal = json!({"code": "daily_budget_exceeded", "detail": "no"});
        let expect = GatewayRefusal {
            status: 402,
            code: "daily_budget_exceeded".into(),
            detail: "no".into(),
        };
        assert_eq!(ask(402, refusal).0, Err(GatewayError::Refused(expect)));
        assert!(matches!(ask(503, json!({})).0, Err(GatewayError::Unavailable(_))));
    }
}
