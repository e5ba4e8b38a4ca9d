//! Who pays for a call: the business and the task that a request's headers and token name.

use axum::http::{HeaderMap, StatusCode};
use client::{BUSINESS_HEADER, TASK_HEADER};
use domain::{BusinessId, TaskId};
use service::{Caller, CallerRole, Problem};

/// The business that pays: the token's own, or for admins and services the one the header names.
pub(crate) fn business_of(headers: &HeaderMap, caller: &Caller) -> Result<BusinessId, Problem> {
    let named = headers.get(BUSINESS_HEADER).map(|value| {
        let id = value.to_str().ok().and_then(|text| BusinessId::new(text).ok());
        id.ok_or_else(|| Problem::invalid_field(BUSINESS_HEADER, "is not a business id"))
    });
    let business = named.transpose()?.or_else(|| caller.business.clone());
    let business = business.ok_or_else(|| {
        Problem::invalid_field(BUSINESS_HEADER, "the token names no business: send this header")
    })?;
    caller.may_act_for(&business)?;
    Ok(business)
}

/// The task that pays: only other functions may name one.
pub(crate) fn task_of(headers: &HeaderMap, caller: &Caller) -> Result<Option<TaskId>, Problem> {
    let Some(value) = headers.get(TASK_HEADER) else { return Ok(None) };
    if caller.role != CallerRole::Service {
        let detail = "only another function may spend a task's grant";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, "service_only", detail).with("field", TASK_HEADER)
        );
    }
    let task = value.to_str().ok().and_then(|text| TaskId::new(text).ok());
    task.map(Some).ok_or_else(|| Problem::invalid_field(TASK_HEADER, "is not a task id"))
}
