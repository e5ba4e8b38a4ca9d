//! A function with two routes, wired like any other, in a build that runs on AWS Lambda.
#![expect(clippy::panic, reason = "one route shows what a panic becomes")]

use std::process::ExitCode;

use axum::{
    extract::RawQuery,
    http::{HeaderMap, StatusCode},
};
use service::Json;
use utoipa_axum::router::OpenApiRouter;

#[tokio::main]
async fn main() -> ExitCode {
    service::run("lambda-function", async |env| {
        env.required("GREETING")?;
        let routes = OpenApiRouter::new()
            .route("/echo", axum::routing::post(echo))
            .route("/panic", axum::routing::get(fail));
        Ok(service::finish("lambda-function", routes, &[]))
    })
    .await
}

/// Answers with what it received.
async fn echo(
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Json(body): Json<serde_json::Value>,
) -> (StatusCode, Json<serde_json::Value>) {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    (
        StatusCode::CREATED,
        Json(serde_json::json!({ "query": query, "authorization": token, "body": body })),
    )
}

async fn fail() -> StatusCode {
    panic!("on purpose")
}
