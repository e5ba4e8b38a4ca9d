//! The network from a worker to the gateway: real requests to the real router of another instance,
//! some of them lost.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use client::{BUSINESS_HEADER, COST_HEADER, TASK_HEADER, Transport, WireAnswer, WireRequest};
use domain::{BusinessId, CallId, digest};
use http_body_util::BodyExt as _;
use ports::GatewayError;
use service::{CallerRole, Signer};
use tower::ServiceExt as _;

use crate::{instance::Instance, mutants::Mutant};

const KEY_HEADER: &str = "Idempotency-Key";

/// One instance's connection to the gateway.
pub(crate) struct Network {
    pub(crate) instance: Arc<Instance>,
    pub(crate) signer: Signer,
}

fn unavailable(what: &str) -> GatewayError {
    GatewayError::Unavailable(what.into())
}

#[async_trait]
impl Transport for Network {
    async fn post(&self, mut request: WireRequest) -> Result<WireAnswer, GatewayError> {
        let world = &self.instance.world;
        let question = self.question(&mut request);
        self.instance.pass("a request").await;
        if world.dice.happens(world.faults().lost_request) {
            return Err(unavailable("the request was lost"));
        }
        let target = world.any_instance().ok_or_else(|| unavailable("no instance is up"))?;
        self.instance.note(|| format!("asks {} {} {}", target.name, request.path, question));
        let router = target.running().ok_or_else(|| unavailable("the instance is gone"))?.router;
        let timeout = request.timeout;
        let sent = self.http(request, &question)?;
        let answered = async {
            target.pass("a request's arrival").await;
            let Ok(response) = router.oneshot(sent).await;
            let status = response.status().as_u16();
            let cost = response.headers().get(COST_HEADER).and_then(|cost| cost.to_str().ok());
            let cost = cost.map(str::to_owned);
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|error| unavailable(&error.to_string()))?;
            Ok(WireAnswer { status, cost, body: body.to_bytes().into() })
        };
        let answer = tokio::select! {
            biased;
            answer = answered => answer,
            () = target.dead.cancelled() => Err(unavailable("the connection was reset")),
            () = tokio::time::sleep(timeout) => Err(unavailable("no answer in time")),
        };
        self.instance.note(|| match &answer {
            Ok(answer) => format!("is answered {} by {}", answer.status, target.name),
            Err(error) => format!("is not answered by {}: {error}", target.name),
        });
        self.instance.pass("an answer").await;
        if world.dice.happens(world.faults().lost_answer) {
            return Err(unavailable("the answer was lost"));
        }
        answer
    }
}

impl Network {
    /// Identifies the question and its asker by 32 hexadecimal digits, which travel as the trace
    /// id. A mutant changes the key afterwards, so that the same question gets a new key each time.
    fn question(&self, request: &mut WireRequest) -> String {
        let header = |name: &str| {
            request.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.clone())
        };
        let business = request.body["business_id"].as_str().map(str::to_owned);
        let business = business.or_else(|| header(BUSINESS_HEADER)).unwrap_or_default();
        let (task, key) = (header(TASK_HEADER), header(KEY_HEADER).unwrap_or_default());
        let mut question = digest(&[&business, task.as_deref().unwrap_or_default(), &key]);
        question.truncate(32);
        let mut sent = key;
        if self.instance.world.mutant == Some(Mutant::CallLedger) {
            sent = format!("{sent}-{}", self.instance.world.dice.number(0..=u64::MAX));
            request.headers.retain(|(name, _)| *name != KEY_HEADER);
            request.headers.push((KEY_HEADER, sent.clone()));
        }
        if let Ok(business) = BusinessId::new(business) {
            let origin = task.map_or_else(|| "client".to_owned(), |task| format!("task:{task}"));
            let call = CallId::derive(&business, &origin, &sent, 0);
            self.instance.world.oracle().payments.asked(call.to_string(), question.clone());
        }
        question
    }

    fn http(&self, request: WireRequest, question: &str) -> Result<Request<Body>, GatewayError> {
        let token = self.signer.sign("gateway", None, CallerRole::Service, 60);
        let mut sent = Request::post(request.path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("traceparent", format!("00-{question}-0000000000000001-01"));
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        sent.body(Body::from(request.body.to_string()))
            .map_err(|error| unavailable(&error.to_string()))
    }
}
