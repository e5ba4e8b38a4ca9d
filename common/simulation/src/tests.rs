use domain::catalog::{Effort, ServiceTier};
use futures::StreamExt as _;
use ports::{Billing, ModelMessage, NextMove, Piece};
use serde_json::{Value, json};

use super::*;

fn simulated(faults: &str) -> Simulated {
    Simulated::new("openai", Duration::ZERO, 7, faults.parse().unwrap())
}

fn request(content: &str, schema: Option<(&str, Value)>) -> ModelRequest {
    let message = |role, content: &str| ModelMessage::text(role, content);
    let messages =
        vec![message(MessageRole::System, "Be brief."), message(MessageRole::User, content)];
    ModelRequest {
        schema: schema.map(|(name, schema)| OutputSchema { name: name.into(), schema }),
        ..ModelRequest::new("gpt-5-mini", "sentence_summary", messages, 4_000)
    }
}

#[tokio::test]
async fn a_question_without_schema_gets_a_paragraph_about_it() {
    let answer =
        simulated("").generate(&request("Summarise the tides of Rotterdam", None)).await.unwrap();
    assert!(answer.text.contains("Summarise the tides of Rotterdam"), "{}", answer.text);
    assert_eq!((answer.model_served.as_str(), answer.finish), ("gpt-5-mini", Finish::Stop));
}

#[tokio::test]
async fn usage_follows_bytes_and_effort() {
    let request = ModelRequest { effort: Some(Effort::Medium), ..request("Eight by", None) };
    let answer = simulated("").generate(&request).await.unwrap();
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input, usage.reasoning), (3 + 2, 600));
    assert_eq!(usage.output, 600 + (answer.text.len() as u64).div_ceil(4));
}

#[tokio::test]
async fn an_answer_is_cut_at_its_token_limit() {
    for (max_output_tokens, text_tokens) in [(610, 10), (600, 0), (20, 0)] {
        let request = ModelRequest {
            max_output_tokens,
            effort: Some(Effort::Medium),
            ..request("Ünïcödé täxt hére", None)
        };
        let answer = simulated("").generate(&request).await.unwrap();
        let usage = answer.usage.unwrap();
        assert!(
            usage.output <= max_output_tokens && answer.text.len() <= text_tokens * 4,
            "{answer:?}"
        );
        assert_eq!(answer.finish, Finish::Length);
    }
}

#[tokio::test]
async fn any_schema_gets_a_value_it_accepts() {
    let schema = json!({
        "type": "object",
        "required": ["kind", "name", "score", "tags", "maybe", "child", "exactly"],
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "name": {"type": "string", "minLength": 40, "maxLength": 45},
            "score": {"type": "integer", "minimum": 3, "maximum": 4},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "minItems": 3, "maxItems": 3},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}]},
            "child": {"$ref": "#/$defs/Node"},
            "exactly": {"const": 5},
        },
        "$defs": {
            "Tag": {"type": ["string", "null"]},
            "Node": {
                "type": "object",
                "required": ["next", "all"],
                "properties": {
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                    "all": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
            },
        },
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    for n in 0..20 {
        let request = request(&format!("request {n}"), Some(("anything", schema.clone())));
        let request = ModelRequest { max_output_tokens: 100_000, ..request };
        let answer = simulated("").generate(&request).await.unwrap();
        let value = serde_json::from_str(&answer.text).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {value}");
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let ask = async |seed| {
        let simulated = Simulated::new("openai", Duration::ZERO, seed, Faults::default());
        simulated.generate(&request("What next?", None)).await.unwrap()
    };
    assert_eq!(ask(1).await, ask(1).await);
    assert_ne!(ask(1).await.provider_response_id, ask(2).await.provider_response_id);
}

#[tokio::test]
async fn faults_map_to_the_callers_options() {
    let after = Some(Duration::from_secs(1));
    let cases = [
        ("rate_limit=1", "rate_limited", NextMove::Retry { after }, Billing::None),
        ("unavailable=1", "unavailable", NextMove::Retry { after: None }, Billing::None),
        ("timeout=1", "timeout", NextMove::NextModel, Billing::Unknown),
        ("cut=1", "connection_lost", NextMove::NextModel, Billing::Unknown),
        ("stall=1", "timeout", NextMove::NextModel, Billing::Unknown),
    ];
    for (faults, code, next, billing) in cases {
        let error = simulated(faults).generate(&request("Anything", None)).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.next, error.billing), (code, next, billing));
        let embedded = simulated(faults).embed("m", &["text".into()], Duration::from_secs(1)).await;
        assert_eq!(embedded.unwrap_err().code, code);
    }
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let spoilt =
        simulated("invalid=1").generate(&request("Anything", Some(("x", schema)))).await.unwrap();
    assert!(serde_json::from_str::<Value>(&spoilt.text).is_err(), "{}", spoilt.text);
}

#[tokio::test]
async fn embeddings_are_counted() {
    let texts = ["four".to_owned(), "eight by".to_owned()];
    let embedded = simulated("")
        .embed("text-embedding-3-small", &texts, Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!((embedded.vectors.len(), embedded.input_tokens), (2, Some(3)));
}

/// The text of a stream, the number of its pieces, and how it ended.
async fn watched(
    faults: &str,
    request: &ModelRequest,
) -> (String, usize, Result<ModelAnswer, String>) {
    let latency = Duration::from_millis(90);
    let simulated = Simulated::new("openai", latency, 7, faults.parse().unwrap());
    let mut pieces = simulated.stream(request).await.unwrap();
    let (mut text, mut count) = (String::new(), 0);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Text(words)) => (text, count) = (text + &words, count + 1),
            Ok(Piece::Refusal(_) | Piece::Usage(_)) => {}
            Ok(Piece::Answer(answer)) => return (text, count, Ok(*answer)),
            Err(error) => return (text, count, Err(error.code)),
        }
    }
    panic!("the stream just ended");
}

#[tokio::test(start_paused = true)]
async fn a_stream_delivers_pieces_over_its_latency() {
    let request = request("Summarise the tides of Rotterdam – für alle", None);
    let begun = tokio::time::Instant::now();
    let (text, count, answer) = watched("", &request).await;
    assert!(
        count > 4
            && begun.elapsed().abs_diff(Duration::from_millis(90)) < Duration::from_millis(20)
    );
    assert_eq!(answer.as_ref().map(|answer| &answer.text), Ok(&text));
    assert_eq!(answer, Ok(simulated("").generate(&request).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_can_break_off_or_fall_silent() {
    let request =
        ModelRequest { idle_timeout: Duration::from_secs(30), ..request("Anything", None) };
    let begun = tokio::time::Instant::now();
    let (text, _, end) = watched("cut=1", &request).await;
    assert!(!text.is_empty() && begun.elapsed() < Duration::from_secs(1));
    assert_eq!(end, Err("stream_cut".into()));
    let (text, _, end) = watched("stall=1", &request).await;
    assert!(!text.is_empty() && begun.elapsed() >= Duration::from_secs(30));
    assert_eq!(end, Err("stalled".into()));
}

#[tokio::test]
async fn a_search_cites_an_impossible_page() {
    let request = ModelRequest {
        max_searches: 3,
        service_tier: ServiceTier::Flex,
        ..request("Who buys?", None)
    };
    let answer = simulated("").generate(&request).await.unwrap();
    assert_eq!((answer.usage.unwrap().searches, answer.service_tier), (1, ServiceTier::Flex));
    assert!(
        answer.citations[0].url.starts_with("https://simulated.invalid/"),
        "{:?}",
        answer.citations
    );
    assert_eq!(answer.citations[0].end, answer.text.chars().count() as u64);
}
