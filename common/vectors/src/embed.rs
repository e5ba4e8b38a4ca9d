//! Embeddings, paid through the gateway.

use std::collections::BTreeMap;

use domain::{BusinessId, NanoUsd, digest};
use ports::{EmbedRequest, KeyedCall};

use crate::{Error, Result, Vectors};

impl Vectors {
    /// Embeds texts, named by their content hashes, in one call; returns the vectors by hash and
    /// what they cost.
    ///
    /// The call's key is made of the hashes, so that the same texts are paid once, however often
    /// they are asked for.
    pub(crate) async fn embed(
        &self,
        business: &BusinessId,
        model: &str,
        texts: &BTreeMap<String, &str>,
    ) -> Result<(BTreeMap<String, Vec<f32>>, NanoUsd)> {
        if self.has_ended(model) {
            return Err(Error::ModelEnded(model.into()));
        }
        let hashes: Vec<&str> = texts.keys().map(String::as_str).collect();
        let call = KeyedCall { task: None, key: format!("vectors-{}", digest(&hashes)) };
        let request = EmbedRequest {
            business_id: business.clone(),
            model: Some(model.into()),
            texts: texts.values().map(|text| (*text).to_owned()).collect(),
        };
        let answer = self.gateway.embed(&call, &request).await?;
        if answer.model != model {
            return Err(Error::Internal(
                "the gateway embedded with another model than it was asked for",
            ));
        }
        Ok((texts.keys().cloned().zip(answer.vectors).collect(), answer.cost))
    }

    /// Embeds a query. The call's key is made of the query, so that asking the same again costs
    /// nothing.
    pub(crate) async fn embed_query(
        &self,
        business: &BusinessId,
        model: &str,
        query: String,
    ) -> Result<Vec<f32>> {
        if self.has_ended(model) {
            return Err(Error::QueryModelEnded(model.into()));
        }
        self.ledger.admit(business).await?;
        let call = KeyedCall { task: None, key: format!("search-{}", digest(&[model, &query])) };
        let request = EmbedRequest {
            business_id: business.clone(),
            model: Some(model.into()),
            texts: vec![query],
        };
        let mut answer = self.gateway.embed(&call, &request).await?;
        answer.vectors.pop().ok_or(Error::Internal("the gateway sent no vector"))
    }
}
