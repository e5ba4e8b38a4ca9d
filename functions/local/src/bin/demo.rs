//! `make demo`: submits a brief, prints live progress to its end, and says where the report is.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
};
use clap::Parser;
use http_body_util::BodyExt as _;
use local::{DEMO_BUSINESS, Parts, assemble};
use serde_json::Value;
use service::{Env, StartError};
use tower::ServiceExt as _;

const BRIEF: &str = include_str!("../../../../tests/it/briefs/software.json");
const DIR: &str = ".data/demo";

/// Analyses a brief, and tells how far it is and where the report lies.
#[derive(Parser)]
#[command(name = "demo")]
struct CommandLine {
    /// A brief as JSON; an example when absent.
    brief: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine { brief } = CommandLine::parse();
    match demo(brief.as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A client of the assembled process.
struct Client {
    router: Router,
    token: String,
}

async fn demo(brief: Option<&Path>) -> Result<(), StartError> {
    let env = Env::of_process().with_default("DATA_DIR", DIR);
    let dir = PathBuf::from(env.required("DATA_DIR")?);
    let brief = match brief {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| StartError::other(format!("{}: {error}", path.display())))?,
        None => BRIEF.into(),
    };
    let mut brief: Value = serde_json::from_str(&brief).map_err(StartError::other)?;
    brief["business_id"] = DEMO_BUSINESS.into();
    let parts = Parts::from_env(&env)?;
    parts.seed().await?;
    let local = assemble(parts);
    let token = local.development_token();
    let client = Client { router: local.start().await?, token };

    let accepted = client.json(Method::POST, "/v1/tasks", Some(&brief)).await?;
    let task = accepted["task_id"].as_str().unwrap_or_default().to_owned();
    say(&format!(
        "{}: task {task}, about ${} expected",
        brief["name"], accepted["estimated_cost_usd"]
    ));
    client.follow(&task).await?;

    let state = client.json(Method::GET, &format!("/v1/tasks/{task}"), None).await?;
    let reports = dir.join("reports");
    fs::create_dir_all(&reports).map_err(StartError::other)?;
    let mut written = Vec::new();
    for format in ["md", "html", "csv", "ics"] {
        let text = client
            .text(Method::GET, &format!("/v1/tasks/{task}/report?format={format}"), None)
            .await?;
        let path = reports.join(format!("{task}.{format}"));
        fs::write(&path, text).map_err(StartError::other)?;
        written.push(path.display().to_string());
    }
    let models = state["models_used"].as_array().into_iter().flatten().filter_map(Value::as_str);
    say(&format!("status   {}", state["status"].as_str().unwrap_or_default()));
    say(&format!("cost     ${}", state["cost_usd"]));
    say(&format!("models   {}", models.collect::<Vec<_>>().join(", ")));
    if state["simulated"] == true {
        say(
            "note     every answer was simulated: set OPENAI_API_KEY or OPENAI_BASE_URL for real ones",
        );
    }
    say(&format!("report   {}", written.join("\n         ")));
    Ok(())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

impl Client {
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<axum::response::Response, StartError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .map_err(StartError::other)?;
        let Ok(response) = self.router.clone().oneshot(request).await;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await.map_err(StartError::other)?.to_bytes();
        Err(StartError::other(format!("{path}: {status}: {}", String::from_utf8_lossy(&body))))
    }

    async fn text(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, StartError> {
        let body = self
            .send(method, path, body)
            .await?
            .into_body()
            .collect()
            .await
            .map_err(StartError::other)?;
        String::from_utf8(body.to_bytes().into()).map_err(StartError::other)
    }

    async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, StartError> {
        serde_json::from_str(&self.text(method, path, body).await?).map_err(StartError::other)
    }

    /// Prints a task's events until the stream ends or the task is parked.
    async fn follow(&self, task: &str) -> Result<(), StartError> {
        let mut body =
            self.send(Method::GET, &format!("/sse/task/{task}"), None).await?.into_body();
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(StartError::other)?;
            text.push_str(&String::from_utf8_lossy(
                frame.data_ref().map_or(&[], |data| data.as_ref()),
            ));
            while let Some((message, rest)) = text.split_once("\n\n") {
                let data: String =
                    message.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                let event: Value = serde_json::from_str(&data).unwrap_or_default();
                text = rest.into();
                show(&event);
                if event["event"] == "task_parked" {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// One line an event: progress with its step and cost, anything else with what it says.
fn show(event: &Value) {
    let name = event["event"].as_str().unwrap_or_default();
    let data = &event["data"];
    match (data["percent_complete"].as_u64(), data["current_step"].as_str()) {
        (Some(percent), Some(step)) => {
            say(&format!(
                "{percent:>3} %  {name:<22} {step:<20} ${:.4}",
                data["cost_so_far_usd"].as_f64().unwrap_or(0.0)
            ));
        }
        _ if name == "artifact_ready" => {
            say(&format!("       {name:<22} {}", data["kind"].as_str().unwrap_or_default()));
        }
        _ if name.is_empty() || name == "hello" => {}
        _ => say(&format!("       {name:<22} {}", data["reason"].as_str().unwrap_or_default())),
    }
}
