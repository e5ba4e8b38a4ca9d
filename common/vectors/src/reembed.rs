//! Moves a business's vectors to another embedding model, a page at a time.
//!
//! No search may compare vectors of two models, and nothing may be paid twice. So all vectors are
//! gone through twice. *Preparing* has the texts embedded in calls whose answers the gateway keeps,
//! while searches go on over the vectors that there are. *Switching* makes the same calls again,
//! which costs nothing now, and replaces the vectors; until it is through, searches are refused.
//! Where it stands is in the index's document: whoever asks next goes on from there.

mod count;
mod page;
mod switch;

use domain::{BusinessId, NanoUsd};
use ports::{Document, Query, StoreError, Write};

use crate::{
    Error, Result, Vectors,
    documents::{IndexDoc, MoveStage, Moving, index_key},
};
use page::{Page, Stored};

pub use count::Counted;

/// What one page of a move did, and where the move stands after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is to be done next; `None` when all vectors are of the model.
    pub stage: Option<MoveStage>,
    /// Vectors that this stage is through with.
    pub done: usize,
    /// Vectors that this page replaced.
    pub moved: usize,
    /// Vectors without a text that it removed.
    pub deleted: usize,
    /// Seconds to wait before going on: the index does not show every new vector yet.
    pub wait_s: i64,
    /// The cost of the embeddings.
    pub cost: NanoUsd,
}

/// What was done to some vectors.
#[derive(Clone, Copy, Default)]
struct Did {
    moved: usize,
    deleted: usize,
    cost: NanoUsd,
}

impl Did {
    fn add(&mut self, more: Self) {
        self.moved += more.moved;
        self.deleted += more.deleted;
        self.cost += more.cost;
    }
}

impl Vectors {
    /// Goes on with a move to a model, or begins it. Before anything is replaced, the index's own
    /// model takes the move back. Vectors without a text, which cannot be moved, are removed or
    /// refuse the move.
    pub async fn reembed(
        &self,
        business: &BusinessId,
        to: String,
        delete_without_text: bool,
    ) -> Result<Progress> {
        let seen = self.documents.get_one(&index_key(business)).await?;
        let Some(document) = seen else { return Ok(progress(None, Did::default())) };
        let index: IndexDoc = document.read()?;
        let moving = match &index.moving {
            Some(moving) if moving.to == to => moving.clone(),
            Some(moving) if moving.stage == MoveStage::Switching => {
                return Err(Error::MovingElsewhere(moving.to.clone()));
            }
            Some(_) if index.embedding_model == to => {
                self.commit_index(&document, &IndexDoc::of(to)).await?;
                return Ok(progress(None, Did::default()));
            }
            None if index.embedding_model == to => return Ok(progress(None, Did::default())),
            Some(_) | None => {
                self.target(&to)?;
                Moving { to, stage: MoveStage::Preparing, after: None, done: 0, replaced_at: None }
            }
        };
        let page = Page::read(self, business, moving.after.as_deref()).await?;
        let did = self.move_page(business, &moving, &page, delete_without_text).await?;
        let moving = match did.moved + did.deleted {
            0 => moving,
            _ => Moving { replaced_at: Some(self.clock.now()), ..moving },
        };
        let next = self.after(business, &index, &moving, &page).await?;
        self.commit_index(&document, &next).await?;
        tracing::info!(
            business.id = %business,
            moved = did.moved,
            cost_nano_usd = did.cost.0,
            "vectors of {business} move on"
        );
        let wait_s = if page.is_last { self.wait_seconds(&moving) } else { 0 };
        Ok(Progress { wait_s, ..progress(next.moving.as_ref(), did) })
    }

    async fn move_page(
        &self,
        business: &BusinessId,
        moving: &Moving,
        page: &Page,
        delete_without_text: bool,
    ) -> Result<Did> {
        let mut did = Did::default();
        for group in &page.groups {
            let (textless, _) = switch::by_text(group, &moving.to);
            if !textless.is_empty() && !delete_without_text {
                return Err(without_text(&textless));
            }
            match moving.stage {
                MoveStage::Preparing => {
                    did.cost += switch::prepare(self, business, &moving.to, group).await?;
                }
                MoveStage::Switching => {
                    did.add(switch::switch(self, business, &moving.to, group).await?);
                }
            }
        }
        Ok(did)
    }

    /// The index behind a page: further on, in the next stage, or arrived.
    async fn after(
        &self,
        business: &BusinessId,
        index: &IndexDoc,
        moving: &Moving,
        page: &Page,
    ) -> Result<IndexDoc> {
        let on = |stage, after, done| IndexDoc {
            moving: Some(Moving {
                to: moving.to.clone(),
                stage,
                after,
                done,
                replaced_at: moving.replaced_at,
            }),
            ..index.clone()
        };
        let done = moving.done + page.len();
        let last = || page.last.clone().or_else(|| moving.after.clone());
        Ok(match moving.stage {
            _ if !page.is_last => on(moving.stage, last(), done),
            MoveStage::Preparing => on(MoveStage::Switching, None, 0),
            // Whoever had begun to write before the switch may have written behind it.
            MoveStage::Switching
                if self.is_left_behind(business, &index.embedding_model).await? =>
            {
                on(MoveStage::Switching, None, 0)
            }
            MoveStage::Switching if self.wait_seconds(moving) > 0 => {
                on(MoveStage::Switching, last(), done)
            }
            MoveStage::Switching => IndexDoc::of(moving.to.clone()),
        })
    }

    /// Until when the index may still show a vector that was replaced.
    fn wait_seconds(&self, moving: &Moving) -> i64 {
        let Some(replaced_at) = moving.replaced_at else { return 0 };
        let shown_at = replaced_at.plus_seconds(self.index.lag_seconds());
        (shown_at.ms_since(self.clock.now()).max(0) + 999) / 1000
    }

    async fn is_left_behind(&self, business: &BusinessId, model: &str) -> Result<bool, StoreError> {
        let query = Query::collection("vectors")
            .equal("business", business.as_str())
            .equal("embedding_model", model);
        Ok(!self.documents.query(&query.limit(1)).await?.is_empty())
    }

    /// Somebody else who moves the same vectors changes the version; what was done stays done, and
    /// a repeat goes on.
    async fn commit_index(&self, seen: &Document, index: &IndexDoc) -> Result<()> {
        let write = Write::replace(seen.key.clone(), seen.version, index)?;
        self.documents.commit(vec![write]).await?;
        Ok(())
    }
}

fn progress(moving: Option<&Moving>, did: Did) -> Progress {
    Progress {
        stage: moving.map(|moving| moving.stage),
        done: moving.map_or(0, |moving| moving.done),
        moved: did.moved,
        deleted: did.deleted,
        wait_s: 0,
        cost: did.cost,
    }
}

fn without_text(vectors: &[&Stored]) -> Error {
    let examples = vectors.iter().take(3).map(|stored| stored.vector.id.clone()).collect();
    Error::WithoutText { count: vectors.len(), examples }
}
