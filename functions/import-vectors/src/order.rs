//! What is to be imported, as the command line says it.

use std::path::PathBuf;

use domain::BusinessId;
use service::StartError;

const USAGE: &str = "usage: import-vectors --from DIRECTORY|FILE.jsonl --business ID
    --collection NAME        which of a Chroma directory's collections, where there are several
    --embedding-model MODEL  what made the embeddings; the business's own model when absent
    --embed-texts            leave the source's embeddings behind and have the texts embedded anew, paid by the business
    --dry-run                count and name problems, send nothing
    --progress FILE          remember what was sent, and do not send it again
    --verify ANSWERS.jsonl   compare searches with Chroma's own answers, as chroma_answers.py writes them";

/// An import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// A Chroma persist directory, or a JSONL file.
    pub from: PathBuf,
    /// Whose vectors they become.
    pub business: BusinessId,
    /// Which collection of the directory.
    pub collection: Option<String>,
    /// What made the embeddings.
    pub embedding_model: Option<String>,
    /// Whether texts are embedded anew, whatever embeddings there are.
    pub embed_texts: bool,
    /// Whether nothing is sent.
    pub dry_run: bool,
    /// Where to remember what was sent.
    pub progress: Option<PathBuf>,
    /// Chroma's answers to compare with.
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

    /// Reads a command line, without the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, StartError> {
        let wrong = |reason: String| StartError::other(format!("{reason}\n{USAGE}"));
        let mut arguments = arguments.into_iter();
        let (mut from, mut business) = (None, None);
        // Whose and what are settled at the end: until then the order is anybody's.
        let nobody = BusinessId::new("nobody").map_err(StartError::other)?;
        let mut order = Self::new("", nobody);
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| wrong(format!("{argument}: needs a value")));
            match argument.as_str() {
                "--from" => from = Some(value()?),
                "--business" => {
                    let id = BusinessId::new(value()?);
                    business = Some(id.map_err(|error| wrong(format!("--business: {error}")))?);
                }
                "--collection" => order.collection = Some(value()?),
                "--embedding-model" => order.embedding_model = Some(value()?),
                "--progress" => order.progress = Some(value()?.into()),
                "--verify" => order.verify = Some(value()?.into()),
                "--embed-texts" => order.embed_texts = true,
                "--dry-run" => order.dry_run = true,
                _ => return Err(wrong(format!("{argument}: is not known"))),
            }
        }
        let from = from.ok_or_else(|| wrong("--from: is missing".into()))?.into();
        let business = business.ok_or_else(|| wrong("--business: is missing".into()))?;
        Ok(Self { from, business, ..order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Order, String> {
        let first_line =
            |error: StartError| error.to_string().lines().next().unwrap_or_default().to_owned();
        Order::parse(line.split_whitespace().map(Into::into)).map_err(first_line)
    }

    #[test]
    fn a_command_line_says_what_to_import() {
        let acme = || BusinessId::new("acme").unwrap();
        assert_eq!(parse("--from f.jsonl --business acme"), Ok(Order::new("f.jsonl", acme())));
        let all = Order {
            collection: Some("docs".into()),
            embedding_model: Some("m".into()),
            embed_texts: true,
            dry_run: true,
            progress: Some("p".into()),
            verify: Some("a".into()),
            ..Order::new("d", acme())
        };
        let line = "--dry-run --from d --collection docs --business acme --embedding-model m --embed-texts \
            --progress p --verify a";
        assert_eq!(parse(line), Ok(all));
    }

    #[test]
    fn what_is_wrong_with_it_is_named() {
        for (line, reason) in [
            ("--business acme", "--from: is missing"),
            ("--from d", "--business: is missing"),
            ("--from d --business", "--business: needs a value"),
            ("--form d", "--form: is not known"),
        ] {
            assert_eq!(parse(line), Err(reason.into()), "{line}");
        }
        assert!(
            parse("--from d --business a/b").unwrap_err().starts_with("--business: an id must be")
        );
    }
}
