//! Tests of request bodies.

use ports::ModelProvider as _;
use serde_json::{Value, json};

use super::{
    super::{chat, embeddings, responses},
    *,
};
use crate::testing::{complaints, every_request, request, tool};

const MODELS: &[&str] = &["gpt-5-mini", "gpt-6-luna"];

#[test]
fn every_body_matches_the_api_description() {
    let mut bodies: Vec<(&str, Value)> =
        vec![("/embeddings", embeddings::body("m", &["text".into()]))];
    for request in every_request(MODELS) {
        bodies.push(("/responses", responses::body(&request)));
        bodies.push(("/responses", responses::streamed(&request)));
        bodies.push(("/responses", responses::background(&request)));
        bodies.push(("/chat/completions", chat::body(&request)));
        bodies.push(("/chat/completions", chat::streamed(&request)));
    }
    for (path, body) in bodies {
        let complaints = complaints(path, &body);
        assert!(complaints.is_empty(), "{path}: {complaints:#?}\n{body:#}");
    }
}

#[tokio::test]
async fn the_stub_refuses_requests_outside_the_description() {
    let (client, _server) =
        client(Api::Responses, [RecordedAnswer::fixture("openai/completed.json")]).await;
    let mut wrong = request("gpt-5-mini");
    wrong.max_output_tokens = 1;
    assert_eq!(client.generate(&wrong).await.unwrap_err().code, "not_as_described");
}

#[test]
fn a_typical_request_in_both_protocols() {
    let schema = json!({"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"], "additionalProperties": false});
    let request = request("gpt-5-mini");
    assert_eq!(
        responses::body(&request),
        json!({
            "model": "gpt-5-mini", "instructions": "Be brief.", "input": [{"role": "user", "content": "Who buys?"}],
            "max_output_tokens": 900, "service_tier": "default",
            "store": false, "reasoning": {"effort": "low"}, "prompt_cache_key": "task-1",
            "text": {"format": {"type": "json_schema", "name": "icps", "strict": true, "schema": schema}},
        })
    );
    assert_eq!(
        chat::body(&request),
        json!({
            "model": "gpt-5-mini", "max_completion_tokens": 900, "reasoning_effort": "low", "prompt_cache_key": "task-1",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who buys?"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "icps", "strict": true, "schema": schema}},
        })
    );
}

#[test]
fn calls_and_their_results_keep_their_ids() {
    let requests = every_request(MODELS);
    let request = requests.iter().find(|request| request.messages.len() > 2).unwrap();
    let call = |name: &str, id: &str, arguments: &str| json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments });
    let result = |id: &str, output: &str| json!({ "type": "function_call_output", "call_id": id, "output": output });
    let body = responses::body(request);
    assert_eq!(body["instructions"], "Be brief.\n\nBe kind.");
    assert_eq!(
        body["input"],
        json!([
            { "role": "user", "content": "Which port?" },
            call("find_port", "call_1", r#"{"city":"Rotterdam"}"#),
            call("list", "call_2", "not json"),
            result("call_1", r#"{"port":"Rotterdam"}"#),
            result("call_2", "plain words"),
            result("call_9", "nobody asked"),
            { "role": "system", "content": "Be quick." },
            { "role": "assistant", "content": "Rotterdam." },
            { "role": "user", "content": "Sure?" },
        ])
    );
    let body = chat::body(request);
    assert_eq!(body["messages"][3]["tool_calls"][1]["id"], "call_2");
    assert_eq!(
        body["messages"][4],
        json!({ "role": "tool", "tool_call_id": "call_1", "content": r#"{"port":"Rotterdam"}"# })
    );
}

#[test]
fn only_strict_functions_get_a_rewritten_schema() {
    let request = ports::ModelRequest {
        tools: vec![tool("a", true), tool("b", false)],
        ..request("gpt-5-mini")
    };
    let tools = &responses::body(&request)["tools"];
    assert_eq!(
        (&tools[0]["strict"], &tools[0]["parameters"]["additionalProperties"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&tools[1]["strict"], &tools[1]["parameters"]["required"]),
        (&json!(false), &json!(["city"]))
    );
}
