//! `reembed`: moves a business's vectors to another embedding model and reports progress.
//!
//! `vector-upsert` stores the progress of the move, so the next run continues where this one ended.

use std::{fmt, process::ExitCode, time::Duration};

use clap::Args;
use domain::BusinessId;
use serde::Deserialize;

use crate::{
    ImportError,
    target::{Target, TargetError},
};

/// A move to another embedding model.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Reembed {
    /// The business that owns the vectors.
    #[arg(long, value_name = "ID", value_parser = |id: &str| BusinessId::new(id))]
    pub business: BusinessId,
    /// The model to move to.
    #[arg(long, value_name = "MODEL")]
    pub embedding_model: String,
    /// Count and estimate the cost, change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove vectors without a text, which cannot be moved; otherwise they refuse the move.
    #[arg(long)]
    pub delete_without_text: bool,
}

/// The result of a move.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Moved {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Vectors of the business.
    pub vectors: usize,
    /// Vectors that had to be moved at the start.
    pub to_move: usize,
    /// Vectors that cannot be moved, because they have no text.
    pub without_text: usize,
    /// The estimated cost of embedding all texts.
    pub expected_usd: f64,
    /// Vectors that were replaced.
    pub moved: usize,
    /// Vectors without a text that were removed.
    pub deleted: usize,
    /// The cost of this run.
    pub cost_usd: f64,
}

/// One page of the estimate.
#[derive(Deserialize)]
pub(crate) struct EstimatePage {
    vectors: usize,
    to_move: usize,
    without_text: usize,
    cost_usd: f64,
    next_page_token: Option<String>,
}

/// The result of one request.
#[derive(Deserialize)]
pub(crate) struct Step {
    state: String,
    done: usize,
    moved: usize,
    deleted: usize,
    wait_s: u64,
    cost_usd: f64,
}

/// Runs a move; `notify` gets a line for each step.
pub async fn reembed(
    order: &Reembed,
    target: &Target,
    notify: &mut dyn FnMut(&str),
) -> Result<Moved, ImportError> {
    let mut moved = Moved { dry_run: order.dry_run, ..Moved::default() };
    let mut page_token = None;
    loop {
        let page: EstimatePage =
            target.estimate(&order.business, &order.embedding_model, page_token.as_deref()).await?;
        moved.vectors += page.vectors;
        moved.to_move += page.to_move;
        moved.without_text += page.without_text;
        moved.expected_usd += page.cost_usd;
        page_token = page.next_page_token;
        if page_token.is_none() {
            break;
        }
    }
    if order.dry_run {
        return Ok(moved);
    }
    if moved.without_text > 0 && !order.delete_without_text {
        return Err(without_text(moved.without_text).into());
    }
    loop {
        let step: Step = target
            .reembed(&order.business, &order.embedding_model, order.delete_without_text)
            .await?;
        moved.moved += step.moved;
        moved.deleted += step.deleted;
        moved.cost_usd += step.cost_usd;
        if step.state == "done" {
            return Ok(moved);
        }
        if step.wait_s > 0 {
            notify(&format!("waiting {} s for the index to show what was replaced", step.wait_s));
            tokio::time::sleep(Duration::from_secs(step.wait_s)).await;
        }
        notify(&format!(
            "{} {} of {}, ${:.6} paid",
            step.state, step.done, moved.vectors, moved.cost_usd
        ));
    }
}

fn without_text(count: usize) -> TargetError {
    TargetError::Refused {
        path: "/v1/vectors/reembed",
        status: 409,
        code: "vectors_without_text".into(),
        detail: format!(
            "{count} vectors have no text and cannot be embedded anew: send their texts, or remove them with \
             --delete-without-text; nothing was changed"
        ),
    }
}

/// Runs a move as a program: progress goes to standard error, the report to standard output.
pub(crate) async fn run(order: &Reembed, target: &Target) -> ExitCode {
    use std::io::Write as _;
    let mut notify = |line: &str| drop(writeln!(std::io::stderr(), "{line}"));
    match reembed(order, target, &mut notify).await {
        Ok(moved) => {
            let _ = write!(std::io::stdout(), "{moved}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "reembed: {error}\nwhat was done stays done: a repeat goes on from there"
            );
            ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vectors, to_move, without_text, expected_usd, moved, deleted, cost_usd, .. } =
            self;
        writeln!(f, "vectors    {vectors}")?;
        writeln!(f, "to move    {to_move}, expected to cost ${expected_usd:.6}")?;
        writeln!(f, "no text    {without_text}")?;
        if self.dry_run {
            return writeln!(f, "moved      0 (dry run)");
        }
        writeln!(f, "moved      {moved} for ${cost_usd:.6}")?;
        writeln!(f, "removed    {deleted}")
    }
}
