//! The data of the stub, and its search.

use std::collections::{BTreeMap, VecDeque};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::wire::{Datapoint, NumericRestrict, Op, Removal, Search, Upsert};

const MOST: usize = 1000;

#[derive(Default)]
pub(crate) struct Index {
    points: BTreeMap<String, Datapoint>,
    /// The requests: method name and body.
    pub(crate) asked: Vec<(String, Value)>,
    /// Queued refusals, which come before any other answer.
    pub(crate) refusals: VecDeque<(StatusCode, Value)>,
    /// An answer to return for every search.
    pub(crate) answer: Option<Value>,
    /// Whether only the first of several numeric restricts is applied.
    pub(crate) is_loose: bool,
}

pub(crate) type Answer = Result<Value, String>;

impl Index {
    pub(crate) fn upsert(&mut self, request: Upsert) -> Answer {
        if !(1..=MOST).contains(&request.datapoints.len()) {
            return Err(format!(
                "datapoints: {} are too few or too many",
                request.datapoints.len()
            ));
        }
        request.datapoints.iter().try_for_each(|point| point.check(false))?;
        for point in request.datapoints {
            if point.id.is_empty() {
                return Err("datapointId: missing".into());
            }
            self.points.insert(point.id.clone(), point);
        }
        Ok(json!({}))
    }

    pub(crate) fn remove(&mut self, request: &Removal) -> Answer {
        if !(1..=MOST).contains(&request.datapoint_ids.len()) {
            return Err(format!(
                "datapointIds: {} are too few or too many",
                request.datapoint_ids.len()
            ));
        }
        request.datapoint_ids.iter().for_each(|id| drop(self.points.remove(id)));
        Ok(json!({}))
    }

    pub(crate) fn search(&self, request: &Search) -> Answer {
        let [query] = &request.queries[..] else { return Err("queries: one at a time".into()) };
        query.datapoint.check(true)?;
        let count = usize::try_from(query.neighbor_count).unwrap_or(0);
        if request.deployed_index_id != "deployed"
            || !request.return_full_datapoint
            || !(1..=MOST).contains(&count)
        {
            return Err("deployedIndexId, returnFullDatapoint or neighborCount".into());
        }
        // Either would silently lose neighbours: too few candidates, or leaves left out.
        let candidates = query.approximate_neighbor_count.unwrap_or(100);
        if candidates < query.neighbor_count
            || query.fraction_leaf_nodes_to_search_override != Some(1.0)
        {
            return Err("approximateNeighborCount or fractionLeafNodesToSearchOverride".into());
        }
        if let Some(answer) = &self.answer {
            return Ok(answer.clone());
        }
        let wanted = &query.datapoint;
        let matching = self.points.values().filter(|point| self.is_let_through(wanted, point));
        let distance =
            |point: &Datapoint| 1.0 - cosine(&wanted.feature_vector, &point.feature_vector);
        let mut found: Vec<(f32, &Datapoint)> =
            matching.map(|point| (distance(point), point)).collect();
        // Ties are returned in the order that is wrong for the adapter.
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.id.cmp(&a.1.id)));
        found.truncate(count);
        let neighbors: Vec<Value> =
            found.into_iter().map(|(distance, point)| neighbor(distance, point)).collect();
        Ok(if neighbors.is_empty() {
            json!({ "nearestNeighbors": [{ "id": "0" }] })
        } else {
            json!({ "nearestNeighbors": [{ "id": "0", "neighbors": neighbors }] })
        })
    }

    fn is_let_through(&self, wanted: &Datapoint, point: &Datapoint) -> bool {
        let tokens_match = wanted.restricts.iter().all(|wanted| {
            let own = point.restricts.iter().find(|own| own.namespace == wanted.namespace);
            let has = |token: &String| own.is_some_and(|own| own.allow_list.contains(token));
            (wanted.allow_list.is_empty() || wanted.allow_list.iter().any(has))
                && !wanted.deny_list.iter().any(has)
        });
        let counted = if self.is_loose { 1 } else { usize::MAX };
        tokens_match
            && wanted.numeric_restricts.iter().take(counted).all(|wanted| compares(wanted, point))
    }
}

fn compares(wanted: &NumericRestrict, point: &Datapoint) -> bool {
    let own = point.numeric_restricts.iter().find(|own| own.namespace == wanted.namespace);
    let order = own.and_then(|own| own.value_double.partial_cmp(&wanted.value_double));
    order.is_some_and(|order| match wanted.op {
        Some(Op::Less) => order.is_lt(),
        Some(Op::LessEqual) => order.is_le(),
        Some(Op::Equal) => order.is_eq(),
        Some(Op::GreaterEqual) => order.is_ge(),
        Some(Op::Greater) => order.is_gt(),
        Some(Op::NotEqual) => order.is_ne(),
        None => false,
    })
}

fn neighbor(distance: f32, point: &Datapoint) -> Value {
    let restricts = point
        .restricts
        .iter()
        .map(|own| json!({ "namespace": own.namespace, "allowList": own.allow_list }));
    let numbers = point.numeric_restricts.iter().map(|own| match own.value_double {
        Some(0.0) | None => json!({ "namespace": own.namespace }),
        Some(number) => json!({ "namespace": own.namespace, "valueDouble": number }),
    });
    let mut neighbor = json!({ "datapoint": {
        "datapointId": point.id,
        "featureVector": point.feature_vector,
        "restricts": restricts.collect::<Vec<_>>(),
        "crowdingTag": { "crowdingAttribute": "0" },
    }});
    if !point.numeric_restricts.is_empty() {
        neighbor["datapoint"]["numericRestricts"] = numbers.collect();
    }
    if distance != 0.0 {
        neighbor["distance"] = json!(distance);
    }
    neighbor
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
