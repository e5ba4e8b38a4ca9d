//! The whole analysis on an OpenAI-compatible server, and OpenAI's formats on our own API.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use ports::{MessageRole, ModelMessage, ModelProvider as _, ModelRequest, OutputSchema, Secret};
use providers::{Api, OpenAi};
use serde_json::{Value, json};
use service::EnvSecrets;
use simulation::{Faults, Simulated};
use tokio::net::TcpListener;

use crate::app::{TestApp, brief};

/// A stub server with strict chat completions and the simulation's answers.
async fn compatible_server() -> String {
    let model = Arc::new(Simulated::new("openai", Duration::ZERO, 5, Faults::default()));
    let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(model);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn complete(
    State(model): State<Arc<Simulated>>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let known = [
        "model",
        "messages",
        "max_completion_tokens",
        "reasoning_effort",
        "response_format",
        "prompt_cache_key",
    ];
    if let Some(unknown) =
        body.as_object().unwrap().keys().find(|name| !known.contains(&name.as_str()))
    {
        let error = json!({ "error": { "message": format!("unknown field {unknown}"), "code": "unknown_field" } });
        return (StatusCode::BAD_REQUEST, Json(error));
    }
    let message = |message: &Value| {
        let role = match message["role"].as_str().unwrap() {
            "system" => MessageRole::System,
            "user" => MessageRole::User,
            "assistant" => MessageRole::Assistant,
            role => panic!("unknown role {role}"),
        };
        ModelMessage::text(role, message["content"].as_str().unwrap())
    };
    let schema = &body["response_format"]["json_schema"];
    assert_eq!(schema["strict"], true);
    let messages = body["messages"].as_array().unwrap().iter().map(message).collect();
    let bound = body["max_completion_tokens"].as_u64().unwrap();
    let request = ModelRequest {
        schema: Some(OutputSchema {
            name: schema["name"].as_str().unwrap().into(),
            schema: schema["schema"].clone(),
        }),
        ..ModelRequest::new(body["model"].as_str().unwrap(), "", messages, bound)
    };
    let answer = model.generate(&request).await.unwrap();
    let usage = answer.usage.unwrap();
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": answer.model_served,
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": answer.text } }],
        "usage": { "prompt_tokens": usage.input, "completion_tokens": usage.output },
    });
    (StatusCode::OK, Json(body))
}

#[tokio::test]
async fn the_whole_analysis_runs_on_a_compatible_server() {
    let secrets: EnvSecrets = [("openai_api_key", Secret::new("sk-x"))].into_iter().collect();
    let client = OpenAi::new(&compatible_server().await, Api::ChatCompletions, Arc::new(secrets));
    let app = TestApp::builder().only(Arc::new(client)).start().await;
    let task = app.submit("enterprise", &brief("software.json", "enterprise")).await;
    let events = app.finish("enterprise", &task).await;
    assert_eq!(events.last().unwrap()["event"], "task_completed", "{:#?}", events.last());
    let state = app.get(&format!("/v1/tasks/{task}"), "enterprise").await.ok();
    assert_eq!(
        (&state["simulated"], &state["validation"]["errors"]),
        (&json!(false), &json!(0)),
        "{state}"
    );
}

#[tokio::test]
async fn openais_shapes_work_on_our_own_surface() {
    let app = TestApp::new().await;
    let chat = json!({ "model": "auto", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hello" }] }], "temperature": 1.0 });
    let body = app.post("/v1/chat/completions", "pro", &chat).await.ok();
    assert_eq!(
        (&body["object"], &body["choices"][0]["finish_reason"]),
        (&json!("chat.completion"), &json!("stop"))
    );
    assert!(body["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let mut streamed = chat.clone();
    streamed["stream"] = true.into();
    streamed["stream_options"] = json!({ "include_usage": true });
    let text = app.post("/v1/chat/completions", "pro", &streamed).await.text;
    assert!(
        text.contains("chat.completion.chunk") && text.trim_end().ends_with("data: [DONE]"),
        "{text}"
    );
    let mut wrong = chat.clone();
    wrong["n"] = 3.into();
    let error = app.post("/v1/chat/completions", "pro", &wrong).await;
    assert_eq!((error.status.as_u16(), &error.json()["error"]["param"]), (400, &json!("n")));
    let mut unknown = chat;
    unknown["logit_bias"] = json!({});
    assert_eq!(
        app.post("/v1/chat/completions", "pro", &unknown).await.json()["error"]["code"],
        "unknown_field"
    );
    let embeddings = json!({ "model": "text-embedding-3-small", "input": ["one", "two"] });
    let body = app.post("/v1/embeddings", "pro", &embeddings).await.ok();
    assert_eq!(
        (
            body["data"].as_array().unwrap().len(),
            body["data"][1]["embedding"].as_array().unwrap().len()
        ),
        (2, 1536)
    );
    let empty = app.post("/v1/embeddings", "pro", &json!({ "input": ["", "x"] })).await;
    assert_eq!((error.status.as_u16(), &empty.json()["error"]["param"]), (400, &json!("input[0]")));
}
