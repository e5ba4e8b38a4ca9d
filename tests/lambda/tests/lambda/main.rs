//! A function as AWS Lambda runs it: a process that takes its requests from the runtime interface.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod runtime;

use std::process::{ExitStatus, Output, Stdio};

use runtime::{Outcome, Runtime, api_gateway};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// The function with the settings that Lambda gives it; `changed` replaces some, and an empty value
/// removes one.
fn function(address: &str, changed: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-function"));
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("APP_MODE", "prod")
        .env("GREETING", "hello");
    command.env("AWS_LAMBDA_FUNCTION_NAME", "probe").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").envs(changed.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn started() -> (Runtime, Child) {
    let runtime = Runtime::start().await;
    let child = function(&runtime.address, &[]).spawn().unwrap();
    (runtime, child)
}

/// Ends the function as Lambda does, and collects its output.
async fn terminated(child: Child) -> Output {
    let kill = Command::new("kill").arg(child.id().unwrap().to_string()).status().await.unwrap();
    assert!(kill.success());
    child.wait_with_output().await.unwrap()
}

/// Waits for a function that ends by itself.
async fn ended(mut function: Command) -> Output {
    tokio::time::timeout(runtime::PATIENCE, function.output()).await.expect("it goes on").unwrap()
}

fn code(status: ExitStatus) -> Option<i32> {
    status.code()
}

/// Status, content type and JSON body of an answer to the `index`th event.
fn answer(outcome: Outcome, index: usize) -> (u64, String, Value) {
    let Outcome::Response(of, response) = outcome else { panic!("no response: {outcome:?}") };
    assert_eq!((of, &response["isBase64Encoded"]), (index, &json!(false)));
    let content_type = response["headers"]["content-type"].as_str().unwrap().to_owned();
    let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    (response["statusCode"].as_u64().unwrap(), content_type, body)
}

#[tokio::test]
async fn api_gateway_requests_are_served_by_the_router() {
    let (mut runtime, child) = started().await;
    let (status, content_type, body) =
        answer(runtime.invoke(api_gateway("GET", "/health", "", None)).await, 0);
    assert_eq!((status, content_type.as_str()), (200, "application/json"));
    assert_eq!((&body["status"], &body["function"]), (&json!("ok"), &json!("lambda-function")));

    let event =
        api_gateway("POST", "/echo", "from=2026-11-01&tag=%C3%BC", Some(r#"{"name":"Grüße"}"#));
    let (status, _, body) = answer(runtime.invoke(event).await, 1);
    let query = "from=2026-11-01&tag=%C3%BC";
    assert_eq!(status, 201);
    assert_eq!(
        body,
        json!({ "query": query, "authorization": "Bearer t", "body": { "name": "Grüße" } })
    );

    let mut binary = api_gateway("POST", "/echo", "", Some("eyJhIjoxfQ=="));
    binary["isBase64Encoded"] = true.into();
    assert_eq!(answer(runtime.invoke(binary).await, 2).2["body"], json!({ "a": 1 }));

    let output = terminated(child).await;
    assert_eq!(code(output.status), Some(0));
    let log = String::from_utf8(output.stdout).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&first["severity"], &first["megabytes"]), (&json!("INFO"), &json!(128)), "{log}");
}

#[tokio::test]
async fn errors_are_problem_details_and_bad_events_reported() {
    let (mut runtime, child) = started().await;
    let (status, content_type, body) =
        answer(runtime.invoke(api_gateway("GET", "/nowhere", "", None)).await, 0);
    assert_eq!((status, content_type.as_str()), (404, "application/problem+json"));
    assert_eq!(body["status"], json!(404));
    let (status, _, body) = answer(runtime.invoke(api_gateway("GET", "/panic", "", None)).await, 1);
    assert_eq!((status, &body["code"]), (500, &json!("internal")));
    assert!(!body.to_string().contains("on purpose"), "{body}");
    let (status, _, body) =
        answer(runtime.invoke(api_gateway("POST", "/echo", "", Some("{"))).await, 2);
    assert_eq!((status, &body["status"]), (400, &json!(400)));

    let outcome = runtime.invoke(json!({ "Records": [{ "eventSource": "aws:s3" }] })).await;
    assert!(matches!(outcome, Outcome::Error(3, _)), "{outcome:?}");
    // The function still serves.
    assert_eq!(answer(runtime.invoke(api_gateway("GET", "/health", "", None)).await, 4).0, 200);
    assert_eq!(code(terminated(child).await.status), Some(0));
}

#[tokio::test]
async fn a_wrong_setting_exits_with_64() {
    let runtime = Runtime::start().await;
    let check = async |setting: &str, value: &str, expect: &str| {
        let output = ended(function(&runtime.address, &[(setting, value)])).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((code(output.status), said.trim_end()), (Some(64), expect), "{setting}={value}");
    };
    check("GREETING", "", "lambda-function: GREETING: is not set").await;
    check("AWS_LAMBDA_FUNCTION_NAME", "", "lambda-function: AWS_LAMBDA_FUNCTION_NAME: is not set")
        .await;
    let megabytes =
        "lambda-function: AWS_LAMBDA_FUNCTION_MEMORY_SIZE: `much` is not a number of megabytes";
    check("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much", megabytes).await;
}

#[tokio::test]
async fn a_lost_runtime_interface_exits_with_1() {
    let gone = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let output = ended(function(&gone, &[])).await;
    assert_eq!(code(output.status), Some(1), "{output:?}");
}
