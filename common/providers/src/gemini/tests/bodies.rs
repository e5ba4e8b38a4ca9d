//! Tests of request bodies.

use serde_json::json;

use super::{
    super::{body, searching},
    *,
};
use crate::testing::{complaints, every_request};

const MODELS: &[&str] =
    &["gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite", "gemini-3.8-flash"];

#[test]
fn every_body_matches_the_api_description() {
    let found = ports::ModelAnswer::text("m", "found", None);
    for request in every_request(MODELS) {
        let calls = if searching::needs_two_calls(&request) {
            let second = searching::structure(&request, &found, std::time::Duration::ZERO).unwrap();
            vec![searching::search(&request), second]
        } else {
            vec![request]
        };
        for request in calls {
            let body = body::body(&request);
            let complaints = complaints("/models/m:generateContent", &body);
            assert!(complaints.is_empty(), "{complaints:#?}\n{body:#}");
        }
    }
}

#[test]
fn function_results_follow_their_calls() {
    let requests = every_request(&["gemini-3.8-flash"]);
    let request = requests.iter().find(|request| request.messages.len() > 2).unwrap();
    let body = body::body(request);
    assert_eq!(
        body["systemInstruction"],
        json!({ "parts": [{ "text": "Be brief.\n\nBe kind.\n\nBe quick." }] })
    );
    let call = |name: &str, args: serde_json::Value| json!({ "functionCall": { "name": name, "args": args }, "thoughtSignature": "skip_thought_signature_validator" });
    assert_eq!(
        body["contents"],
        json!([
            { "role": "user", "parts": [{ "text": "Which port?" }] },
            { "role": "model", "parts": [call("find_port", json!({ "city": "Rotterdam" })), call("list", json!({}))] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "find_port", "response": { "port": "Rotterdam" } } },
                { "functionResponse": { "name": "list", "response": { "result": "plain words" } } },
                { "text": "nobody asked" },
            ] },
            { "role": "model", "parts": [{ "text": "Rotterdam." }] },
            { "role": "user", "parts": [{ "text": "Sure?" }] },
        ])
    );
}

#[test]
fn the_choice_of_a_function_is_passed_on() {
    let check = |choice, expect: serde_json::Value| {
        let tools = vec![crate::testing::tool("list", false)];
        let request = ports::ModelRequest { tools, tool_choice: Some(choice), ..request(MODEL) };
        assert_eq!(body::body(&request)["toolConfig"]["functionCallingConfig"], expect);
    };
    check(ports::ToolChoice::Required, json!({ "mode": "ANY" }));
    check(
        ports::ToolChoice::Function("list".into()),
        json!({ "mode": "ANY", "allowedFunctionNames": ["list"] }),
    );
}
