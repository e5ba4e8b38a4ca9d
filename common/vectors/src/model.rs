//! Which embedding model a business's vectors are made with: one for all of them, for distances
//! between vectors of different models mean nothing.

use std::sync::Arc;

use domain::{
    BusinessId,
    catalog::{Model, ModelKind, Role},
};
use ports::{Query, StoreError, Write};

use crate::{
    Error, Result, TRIES, Vectors,
    documents::{IndexDoc, index_key},
};

/// What new vectors of a business are made with.
pub struct Settled {
    /// The model.
    pub model: String,
    /// Whether the vectors are on their way to another model.
    pub is_moving: bool,
}

impl Settled {
    fn of(index: &IndexDoc) -> Self {
        Self { model: index.model_for_new().to_owned(), is_moving: index.moving.is_some() }
    }
}

impl Vectors {
    /// The model for new vectors of a business: the one its index has, else the one that is named,
    /// else the catalogue's.
    ///
    /// Refused when `named` is not the index's. An index without vectors may change its model, and
    /// does so by itself when its own is served no more.
    pub async fn settled(&self, business: &BusinessId, named: Option<&str>) -> Result<Settled> {
        let key = index_key(business);
        for _ in 0..TRIES {
            let seen = self.documents.get_one(&key).await?;
            if let Some(document) = &seen {
                let recorded = Settled::of(&document.read::<IndexDoc>()?);
                if named.map_or_else(
                    || self.is_served(&recorded.model),
                    |named| named == recorded.model,
                ) {
                    return Ok(recorded);
                }
                if !self.is_empty(business).await? {
                    return if named.is_some() {
                        Err(Error::ModelMismatch(recorded.model))
                    } else {
                        Ok(recorded)
                    };
                }
            }
            let embedding_model =
                named.map_or_else(|| self.default_model(), |named| Ok(named.to_owned()))?;
            let index = IndexDoc::of(embedding_model);
            let write = Write::put(key.clone(), seen.map(|document| document.version), &index)?;
            match self.documents.commit(vec![write]).await {
                Ok(_) => return Ok(Settled::of(&index)),
                // Somebody settled it meanwhile, perhaps otherwise.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ledger::Error::Contended.into())
    }

    fn default_model(&self) -> Result<String> {
        let rules = self.ledger.rules();
        let chain = rules.catalog.chain(Role::Embedding, self.clock.now().date(), rules.lead_days);
        let model = chain
            .first()
            .ok_or(Error::Internal("the catalogue has no embedding model in force"))?;
        Ok(model.id.clone())
    }

    fn is_served(&self, model: &str) -> bool {
        let model = self.ledger.rules().catalog.model(model);
        model.is_some_and(|model| {
            model.kind == ModelKind::Embedding && model.in_force(self.clock.now().date())
        })
    }

    /// The model for new vectors of a business by now; `None` where nothing is recorded.
    pub(crate) async fn current_model(&self, business: &BusinessId) -> Result<Option<String>> {
        let index = self.documents.get_one(&index_key(business)).await?;
        let index = index.as_ref().map(ports::Document::read::<IndexDoc>).transpose()?;
        Ok(index.map(|index| index.model_for_new().to_owned()))
    }

    /// A model that vectors can move to.
    pub(crate) fn target(&self, name: &str) -> Result<&Arc<Model>> {
        let model = self.ledger.rules().catalog.model(name).filter(|_| self.is_served(name));
        model.ok_or(Error::NoEmbeddingModel)
    }

    /// Whether a model embeds no more. One that the catalogue does not know is the gateway's to
    /// judge.
    pub(crate) fn has_ended(&self, model: &str) -> bool {
        let known = self.ledger.rules().catalog.model(model);
        known.is_some_and(|known| !known.in_force(self.clock.now().date()))
    }

    /// What is to be told of a model that made vectors when its end is near or past.
    pub fn warning(&self, model: &str) -> Option<String> {
        self.ledger.rules().catalog.vectors_warning(model, self.clock.now().date())
    }

    async fn is_empty(&self, business: &BusinessId) -> Result<bool> {
        let query = Query::collection("vectors").equal("business", business.as_str()).limit(1);
        Ok(self.documents.query(&query).await?.is_empty())
    }
}
