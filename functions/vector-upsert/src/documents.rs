//! `/v1/documents`: whole documents, cut into chunks that searches find.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{BusinessId, NanoUsd, Time, money::usd, vector::check_metadata};
use extract::{Chunk, ContentType, Unreadable, chunks};
use ports::{Document, Precondition, Query, StoreError, Version, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::{Content, Item};

use crate::{
    AppState,
    items::unfit,
    stored::{DocumentDoc, chunk_id, document_id, document_key},
};

const MOST_TITLE_CHARS: usize = 300;
const PAGE: usize = 100;
const TRIES: usize = 5;
/// Metadata that every chunk gets from its document.
const OWN_FIELDS: [&str; 5] = ["document_id", "title", "chunk", "start", "end"];

/// A document to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreRequest {
    /// Whose.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// 1 to 300 characters.
    title: String,
    /// What the content is.
    content_type: ContentType,
    /// The content, unless it is a PDF.
    text: Option<String>,
    /// The content's bytes in base64.
    content_base64: Option<String>,
    /// Strings, numbers and booleans that every chunk carries.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

/// A kept document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoreAnswer {
    document_id: String,
    /// Vectors it became: `{document_id}.00000` and on.
    chunks: u32,
    /// Characters of its text; chunks' offsets count in these.
    characters: usize,
    /// What embedding it cost.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    cost_usd: NanoUsd,
}

/// Keeps a document; the same text again is the same document, with the title and metadata sent
/// last.
#[utoipa::path(post, path = "/v1/documents", tag = "vector-upsert", request_body = StoreRequest,
    responses((status = 200, body = StoreAnswer), (status = 402, description = "the budget cannot carry it"),
        (status = 413, description = "too many characters or pages"),
        (status = 422, description = "malformed, protected or without text")))]
pub(crate) async fn store(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<StoreRequest>,
) -> Result<Json<StoreAnswer>, Problem> {
    caller.may_act_for(&request.business_id)?;
    check(&request)?;
    let StoreRequest { business_id: business, title, content_type, text, content_base64, metadata } =
        request;
    let bytes = bytes(content_type, text, content_base64)?;
    let text = state.extractor.extract(content_type, bytes).await.map_err(unreadable)?;
    let chunks = chunks(&text);
    let id = document_id(&business, &text);
    let doc = DocumentDoc {
        business,
        title,
        content_type,
        metadata,
        characters: text.chars().count(),
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        ready: true,
        created_at: state.vectors.clock.now(),
    };
    let cost_usd = place(&state, &id, &doc, &chunks).await?;
    Ok(Json(StoreAnswer {
        document_id: id,
        chunks: doc.chunks,
        characters: doc.characters,
        cost_usd,
    }))
}

fn check(request: &StoreRequest) -> Result<(), Problem> {
    if request.title.trim().is_empty() || request.title.chars().count() > MOST_TITLE_CHARS {
        return Err(Problem::invalid_field("title", "title must be 1 to 300 characters"));
    }
    if let Some(name) = OWN_FIELDS.iter().find(|name| request.metadata.contains_key(**name)) {
        let detail = "this field is set for every chunk; choose another name";
        return Err(Problem::invalid_field(&format!("metadata.{name}"), detail));
    }
    check_metadata(&request.metadata).map_err(unfit)
}

fn bytes(
    content_type: ContentType,
    text: Option<String>,
    base64: Option<String>,
) -> Result<Vec<u8>, Problem> {
    match (text, base64) {
        (Some(_), None) if content_type == ContentType::Pdf => {
            Err(Problem::invalid_field("text", "a PDF is sent as content_base64"))
        }
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(base64)) => STANDARD.decode(base64).map_err(|error| {
            Problem::invalid_field("content_base64", format!("is not base64: {error}"))
        }),
        (Some(_), Some(_)) | (None, None) => {
            Err(Problem::invalid_field("text", "send either text or content_base64"))
        }
    }
}

/// Puts the document and its chunks in place; returns what it cost.
async fn place(
    state: &AppState,
    id: &str,
    doc: &DocumentDoc,
    chunks: &[Chunk],
) -> Result<NanoUsd, Problem> {
    let key = document_key(id);
    let seen = state.vectors.documents.get_one(&key).await?;
    let stored: Option<DocumentDoc> = seen.as_ref().map(Document::read).transpose()?;
    let doc = DocumentDoc {
        created_at: stored.as_ref().map_or(doc.created_at, |stored| stored.created_at),
        ..doc.clone()
    };
    if stored.as_ref() == Some(&doc) {
        return Ok(NanoUsd::ZERO);
    }
    let settled = state.vectors.settled(&doc.business, None).await?;
    // The document is known before its first chunk, so that a crash leaves no chunk that nobody
    // could delete.
    let unready = DocumentDoc { ready: false, ..doc.clone() };
    let opening = Write::put(key.clone(), seen.map(|document| document.version), &unready)?;
    let version = unless_lost(state, opening).await?.ok_or(ledger::Error::Contended)?;
    let items: Vec<Item> =
        (0..).zip(chunks).map(|(index, chunk)| item(id, &doc, index, chunk)).collect();
    let kept = state.vectors.keep(&doc.business, &settled, &items).await?;
    unless_lost(state, Write::replace(key, version, &doc)?)
        .await?
        .ok_or(ledger::Error::Contended)?;
    tracing::info!(document.id = id, business.id = %doc.business, chunks = doc.chunks, "document {id} was kept");
    Ok(kept.cost)
}

fn item(id: &str, doc: &DocumentDoc, index: u32, chunk: &Chunk) -> Item {
    let mut metadata = doc.metadata.clone();
    let own =
        [id.into(), doc.title.clone().into(), index.into(), chunk.start.into(), chunk.end.into()];
    metadata.extend(OWN_FIELDS.map(Into::into).into_iter().zip(own));
    Item { id: chunk_id(id, index), content: Content::Text(chunk.text.clone()), metadata }
}

/// Why a file has no text for us, as its client is told.
pub(crate) fn unreadable(unreadable: Unreadable) -> Problem {
    let (status, code, detail) = match unreadable {
        Unreadable::Malformed(reason) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "unreadable_document",
            format!("the document cannot be read: {reason}"),
        ),
        Unreadable::Encrypted => {
            let detail = "the PDF is protected by a password: send it without protection";
            (StatusCode::UNPROCESSABLE_ENTITY, "encrypted_document", detail.into())
        }
        Unreadable::TooLarge(reason) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "document_too_large",
            format!("{reason}: send it in parts"),
        ),
        Unreadable::Empty => {
            let detail =
                "the document holds no text; scanned pages must go through text recognition first";
            (StatusCode::UNPROCESSABLE_ENTITY, "no_text", detail.into())
        }
        Unreadable::Busy => {
            return Problem::unavailable("other documents are being read; try again soon");
        }
        Unreadable::TooSlow => {
            let detail = "reading the document takes too long: send its text, or send it in parts";
            (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_document", detail.into())
        }
    };
    Problem::new(status, code, detail)
}

/// A document as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentBody {
    document_id: String,
    #[schema(value_type = String)]
    business_id: BusinessId,
    title: String,
    content_type: ContentType,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    characters: usize,
    chunks: u32,
    /// False while its chunks are being embedded, or when that was cut short: send it again.
    ready: bool,
    #[schema(value_type = String)]
    created_at: Time,
}

impl DocumentBody {
    fn of(document: &Document) -> Result<Self, Problem> {
        let doc: DocumentDoc = document.read()?;
        Ok(Self {
            document_id: document.key.id.clone(),
            business_id: doc.business,
            title: doc.title,
            content_type: doc.content_type,
            metadata: doc.metadata,
            characters: doc.characters,
            chunks: doc.chunks,
            ready: doc.ready,
            created_at: doc.created_at,
        })
    }
}

/// Whose documents, from where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    business_id: String,
    page_token: Option<String>,
}

/// A business's documents by id, a hundred at a time.
#[utoipa::path(get, path = "/v1/documents", tag = "vector-upsert",
    params(("business_id" = String, Query), ("page_token" = Option<String>, Query)),
    responses((status = 200, description = "documents and the next page's token")))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    service::Query(query): service::Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let business = BusinessId::new(query.business_id);
    let business =
        business.map_err(|error| Problem::invalid_field("business_id", error.to_string()))?;
    caller.may_act_for(&business)?;
    let mut page = Query::collection("documents").equal("business", business.as_str()).limit(PAGE);
    page.after = query.page_token.map(|id| ports::documents::Cursor { value: None, id });
    let found = state.vectors.documents.query(&page).await?;
    let next = found.get(PAGE - 1).map(|last| last.key.id.clone());
    let documents: Vec<DocumentBody> =
        found.iter().map(DocumentBody::of).collect::<Result<_, _>>()?;
    Ok(Json(json!({ "documents": documents, "next_page_token": next })))
}

/// What is known of a document.
#[utoipa::path(get, path = "/v1/documents/{id}", tag = "vector-upsert", params(("id" = String, Path)),
    responses((status = 200, body = DocumentBody), (status = 404, description = "unknown, or another business's")))]
pub(crate) async fn document(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DocumentBody>, Problem> {
    let (document, _) = visible(&state, &caller, &id).await?;
    DocumentBody::of(&document).map(Json)
}

/// Removes a document and its chunks.
#[utoipa::path(delete, path = "/v1/documents/{id}", tag = "vector-upsert", params(("id" = String, Path)),
    responses((status = 200, description = "{document_id, deleted}: how many chunks are gone"),
        (status = 404, description = "unknown, or another business's")))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let mut deleted = 0;
    for attempt in 0..TRIES {
        let (document, doc) = match visible(&state, &caller, &id).await {
            // A conflict may hide a success.
            Err(problem) if attempt > 0 && problem.status == StatusCode::NOT_FOUND => break,
            found => found?,
        };
        // The document goes last, so that a repeat knows which chunks to look for. Whoever sends it
        // again meanwhile meets a changed version, or changes it: then the chunks that came back go
        // too.
        let unready = DocumentDoc { ready: false, ..doc.clone() };
        let marked = Write::replace(document.key.clone(), document.version, &unready)?;
        let Some(version) = unless_lost(&state, marked).await? else { continue };
        let chunks: Vec<String> = (0..doc.chunks).map(|index| chunk_id(&id, index)).collect();
        deleted += state.vectors.remove(&doc.business, &chunks).await?;
        let gone = Write::delete(document.key, Precondition::Version(version));
        if unless_lost(&state, gone).await?.is_some() {
            break;
        }
        if attempt + 1 == TRIES {
            return Err(ledger::Error::Contended.into());
        }
    }
    Ok(Json(json!({ "document_id": id, "deleted": deleted })))
}

/// The new version, or `None` after a conflict.
async fn unless_lost(state: &AppState, write: Write) -> Result<Option<Version>, Problem> {
    match state.vectors.documents.commit(vec![write]).await {
        Ok(versions) => Ok(versions.first().copied()),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A document the caller may see; any other does not exist for it.
async fn visible(
    state: &AppState,
    caller: &Caller,
    id: &str,
) -> Result<(Document, DocumentDoc), Problem> {
    let missing = || Problem::not_found("the document");
    // A valid id cannot reach another collection.
    let id = BusinessId::new(id).map_err(|_| missing())?;
    let found =
        state.vectors.documents.get_one(&document_key(id.as_str())).await?.ok_or_else(missing)?;
    let doc: DocumentDoc = found.read()?;
    if caller.scope().is_some_and(|business| *business != doc.business) {
        return Err(missing());
    }
    Ok((found, doc))
}
