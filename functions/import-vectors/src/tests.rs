//! Tests of imports from the store that `tests/make_store.py` made with the real `chromadb`, and
//! from JSONL.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use client::{Transport, WireAnswer, WireRequest};
use domain::BusinessId;
use ports::GatewayError;
use serde_json::{Value, json};

use crate::{
    ImportError, Order, ProblemSummary, Report, Target, TargetError, chroma::Collection, import,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn order(from: impl Into<PathBuf>) -> Order {
    Order::new(from, BusinessId::new("acme").unwrap())
}

/// Accepts a number of requests and records the ids.
struct Recorder {
    patience: usize,
    requests: Mutex<Vec<Vec<String>>>,
}

impl Recorder {
    fn new(patience: usize) -> Arc<Self> {
        Arc::new(Self { patience, requests: Mutex::default() })
    }

    fn target(self: &Arc<Self>) -> Target {
        Target { upsert: self.clone(), search: self.clone() }
    }

    fn sizes(&self) -> Vec<usize> {
        self.requests.lock().unwrap().iter().map(Vec::len).collect()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError> {
        let mut requests = self.requests.lock().unwrap();
        if requests.len() == self.patience {
            let body =
                json!({ "code": "daily_budget_exceeded", "detail": "enough" }).to_string().into();
            return Ok(WireAnswer { status: 402, cost: None, body });
        }
        let ids: Vec<String> = request.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        let body = json!({ "upserted": ids.len(), "unchanged": 0, "embedded": 0, "cost_usd": 0.0 })
            .to_string()
            .into();
        requests.push(ids);
        Ok(WireAnswer { status: 200, cost: None, body })
    }
}

async fn imported(order: &Order, to: &Arc<Recorder>) -> Result<Report, ImportError> {
    import(order, &to.target(), &mut |_, _| {}).await
}

#[test]
fn a_store_is_read_as_chroma_reads_it() {
    let expected = std::fs::read_to_string(fixture("expected.jsonl")).unwrap();
    let expected: Vec<Value> =
        expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let collection = Collection::open(&fixture("store"), Some("docs")).unwrap();
    assert_eq!((collection.len(), collection.space()), (expected.len(), "cosine"));
    for (record, expected) in Box::new(collection).records().map(Result::unwrap).zip(&expected) {
        assert_eq!(record.id, expected["id"].as_str().unwrap());
        assert_eq!(record.text.as_deref(), expected["text"].as_str(), "{}", record.id);
        assert_eq!(Value::Object(record.metadata), expected["metadata"], "{}", record.id);
        let embedding: Vec<f64> = record.embedding.unwrap().into_iter().map(f64::from).collect();
        let length = embedding.iter().map(|component| component * component).sum::<f64>().sqrt();
        assert_eq!(embedding.len(), 1536);
        for (component, head) in embedding.iter().zip(expected["head"].as_array().unwrap()) {
            // Chroma keeps directions, but returns lengths only approximately.
            let direction = head.as_f64().unwrap() / expected["length"].as_f64().unwrap();
            assert!((component / length - direction).abs() < 1e-6, "{}", record.id);
        }
    }
}

#[tokio::test]
async fn a_dry_run_counts_names_problems_and_sends_nothing() {
    let nobody = Recorder::new(0);
    let dry = |collection: &str, embed_texts| Order {
        dry_run: true,
        collection: Some(collection.into()),
        embed_texts,
        ..order(fixture("store"))
    };
    let report = imported(&dry("docs", false), &nobody).await.unwrap();
    assert_eq!((report.read, report.with_embedding, report.to_embed), (43, 43, 0));
    assert!(report.problems.is_empty());

    let report = imported(&dry("odd", false), &nobody).await.unwrap();
    let found = |count, examples: &[&str]| ProblemSummary {
        count,
        examples: examples.iter().map(ToString::to_string).collect(),
    };
    let id = "also small: id: an id must be 1 to 128 characters of A-Z a-z 0-9 . _ - and start with a letter or digit";
    let dimensions = "embedding: an embedding has 1536 numbers, not 384";
    let small = found(2, &[&format!("list: {dimensions}"), &format!("small: {dimensions}")]);
    assert_eq!(
        Vec::from_iter(report.problems),
        [("id_not_allowed", found(1, &[id])), ("wrong_dimensions", small)]
    );

    let report = imported(&dry("odd", true), &nobody).await.unwrap();
    assert_eq!((report.to_embed, report.problems["metadata_value"].count), (1, 1));
}

#[tokio::test]
async fn an_unreadable_store_names_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let check = async |order: Order, expected: &str| {
        let error = imported(&order, &Recorder::new(0)).await.unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    };
    check(order(fixture("store")), "--collection must name one of: docs, odd").await;
    let other = Order { collection: Some("other".into()), ..order(fixture("store")) };
    check(other, "no such collection; there are: docs, odd").await;
    check(order(dir.path()), "it is no Chroma directory: chroma.sqlite3 is missing").await;
    check(order(dir.path().join("none.jsonl")), "No such file or directory (os error 2)").await;
}

fn lines(count: usize, changed: usize) -> String {
    let line = |n| {
        json!({ "id": format!("v{n:03}"), "text": if n == changed { "new" } else { "old" } })
            .to_string()
    };
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_interrupted_import_resumes_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (from, progress) = (dir.path().join("v.jsonl"), dir.path().join("progress"));
    std::fs::write(&from, lines(450, 1_000)).unwrap();
    let order = Order { progress: Some(progress.clone()), ..order(&from) };
    let first = Recorder::new(1);
    let error = imported(&order, &first).await.unwrap_err();
    assert!(
        matches!(error, ImportError::Target(TargetError::Refused { status: 402, .. })),
        "{error}"
    );
    assert_eq!(first.sizes(), [200]);

    let second = Recorder::new(10);
    let report = imported(&order, &second).await.unwrap();
    assert_eq!((report.sent_before, report.upserted, second.sizes()), (200, 250, vec![200, 50]));

    // Only the changed batch is sent again.
    std::fs::write(&from, lines(450, 449)).unwrap();
    let third = Recorder::new(10);
    assert_eq!(imported(&order, &third).await.unwrap().sent_before, 400);
    assert_eq!(third.sizes(), [50]);

    // For another business nothing has been sent yet.
    let theirs = Order { business: BusinessId::new("other").unwrap(), ..order };
    assert_eq!(imported(&theirs, &Recorder::new(10)).await.unwrap().sent_before, 0);
}

#[tokio::test]
async fn a_damaged_segment_is_reported() {
    let damaged = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(fixture("store")).unwrap() {
            copy(&entry.unwrap().path(), dir.path());
        }
        let found =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path().join(file));
        for path in found.filter(|path| path.exists()) {
            let mut bytes = std::fs::read(&path).unwrap();
            change(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
        }
        let opened = Collection::open(dir.path(), Some("docs"));
        opened.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(
        damaged("data_level0.bin", &|bytes| bytes.truncate(1_000))
            .ends_with("it is shorter than header.bin says")
    );
    assert!(damaged("header.bin", &|bytes| bytes.truncate(20)).ends_with("it is cut short"));
    assert!(
        damaged("index_metadata.pickle", &|bytes| bytes.truncate(30))
            .contains("index_metadata.pickle: ")
    );
}

fn copy(from: &Path, into: &Path) {
    let to = into.join(from.file_name().unwrap());
    if from.is_dir() {
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            copy(&entry.unwrap().path(), &to);
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

#[test]
fn a_report_reads_as_a_table() {
    let mut report = Report { read: 3, with_embedding: 2, upserted: 2, ..Report::default() };
    report.problems =
        [("id_not_allowed", ProblemSummary { count: 1, examples: vec!["a b: no".into()] })].into();
    let expected = "read       3\nfit        2 with embeddings, 0 to be embedded\n\
        kept       2 new or changed, 0 unchanged, 0 sent before\nembedded   0 for $0.000000\nleft out   1\n           \
        id_not_allowed 1\n             a b: no\n";
    assert_eq!(report.to_string(), expected);
}
