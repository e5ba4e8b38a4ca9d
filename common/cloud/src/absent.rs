//! What a function was not given, because it does not need it. Asking for it all the same is
//! refused, never pretended.

use async_trait::async_trait;
use domain::BusinessId;
use domain::vector::Passage;
use ports::{
    ArtifactStore, EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, Gateway,
    GatewayError, KeyedCall, Retriever, StoreError,
};

/// Stands for the thing behind a setting that is not set.
pub(crate) struct Absent(pub(crate) &'static str);

impl Absent {
    fn reason(&self) -> String {
        format!("{} is not set for this function", self.0)
    }
}

#[async_trait]
impl ArtifactStore for Absent {
    async fn put(&self, _content: &str) -> Result<String, StoreError> {
        Err(StoreError::Unavailable(self.reason()))
    }

    async fn get(&self, _reference: &str) -> Result<String, StoreError> {
        Err(StoreError::Unavailable(self.reason()))
    }
}

#[async_trait]
impl Gateway for Absent {
    async fn execute(
        &self,
        _call: &KeyedCall,
        _request: &ExecuteRequest,
    ) -> Result<ExecuteResponse, GatewayError> {
        Err(GatewayError::Unavailable(self.reason()))
    }

    async fn embed(
        &self,
        _call: &KeyedCall,
        _request: &EmbedRequest,
    ) -> Result<EmbedResponse, GatewayError> {
        Err(GatewayError::Unavailable(self.reason()))
    }

    async fn cancel(&self, _business: &BusinessId, _call: &KeyedCall) -> Result<(), GatewayError> {
        Err(GatewayError::Unavailable(self.reason()))
    }
}

#[async_trait]
impl Retriever for Absent {
    async fn nearest(
        &self,
        _business: &BusinessId,
        _question: &str,
        _most: usize,
    ) -> Result<Vec<Passage>, GatewayError> {
        Err(GatewayError::Unavailable(self.reason()))
    }
}
