//! `POST /v1beta/models/{model}:generateContent`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{self, Path},
};
use serde_json::{Value, json};

use super::{Refused, State};

pub(super) async fn generate(
    extract::State(state): extract::State<Arc<State>>,
    Path(call): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refused> {
    let model = call.strip_suffix(":generateContent").unwrap();
    let contents =
        body["contents"].as_array().into_iter().flatten().chain([&body["systemInstruction"]]);
    let parts = contents.flat_map(|content| content["parts"].as_array().into_iter().flatten());
    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    let asked = (model, body["generationConfig"]["maxOutputTokens"].as_u64().unwrap_or(100_000));
    let (said, _) = state.take(&body, &state.gemini, asked, &texts, false)?;
    let (input, output) = (said.usage.input, said.usage.output);
    Ok(Json(json!({
        "candidates": [{
            "index": 0,
            "content": { "role": "model", "parts": [{ "text": said.text }] },
            "finishReason": if said.is_cut { "MAX_TOKENS" } else { "STOP" },
        }],
        "modelVersion": said.model,
        "responseId": said.id,
        "usageMetadata": {
            "promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output,
        },
    })))
}
