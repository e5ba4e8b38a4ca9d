//! Commits in a directory until it is killed, and prints what was acknowledged: the process that
//! `tests/kill.rs` kills.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of a test")]

use std::{path::Path, sync::Arc};

use embedded::Store;
use ports::{Documents as _, Key, Write};
use serde_json::json;

const WRITERS: usize = 8;
const COMMITS: usize = 10_000;

#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let store = Arc::new(Store::open(Path::new(&dir)).unwrap());
    let write = |writer: usize, store: Arc<Store>| async move {
        for i in 0..COMMITS {
            let id = format!("{writer}-{i}");
            let create = Write::create(Key::new("acknowledged", &id), &json!({ "i": i })).unwrap();
            store.commit(vec![create]).await.unwrap();
            println!("acknowledged {id};");
        }
    };
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(writer, store.clone()))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}
