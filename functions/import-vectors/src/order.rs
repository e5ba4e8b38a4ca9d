//! What is to be imported, as the command line says it.

use std::path::PathBuf;

use clap::Args;
use domain::BusinessId;

/// An import.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Order {
    /// A Chroma persist directory, or a JSONL file.
    #[arg(long, value_name = "DIRECTORY|FILE.jsonl")]
    pub from: PathBuf,
    /// Whose vectors they become.
    #[arg(long, value_name = "ID", value_parser = |id: &str| BusinessId::new(id))]
    pub business: BusinessId,
    /// Which of a Chroma directory's collections, where there are several.
    #[arg(long, value_name = "NAME")]
    pub collection: Option<String>,
    /// What made the embeddings; the business's own model when absent.
    #[arg(long, value_name = "MODEL")]
    pub embedding_model: Option<String>,
    /// Leave the source's embeddings behind and have the texts embedded anew, paid by the business.
    #[arg(long)]
    pub embed_texts: bool,
    /// Count and name problems, send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Remember what was sent, and do not send it again.
    #[arg(long, value_name = "FILE")]
    pub progress: Option<PathBuf>,
    /// Compare searches with Chroma's own answers, as `chroma_answers.py` writes them.
    #[arg(long, value_name = "ANSWERS.jsonl")]
    pub verify: Option<PathBuf>,
}

impl Order {
    /// An import of everything in `from` for a business.
    pub fn new(from: impl Into<PathBuf>, business: BusinessId) -> Self {
        Self {
            from: from.into(),
            business,
            collection: None,
            embedding_model: None,
            embed_texts: false,
            dry_run: false,
            progress: None,
            verify: None,
        }
    }
}
