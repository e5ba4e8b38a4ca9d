//! The authenticated caller of a request, and what it may touch.

use std::sync::Arc;

use axum::{
    Extension,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use domain::BusinessId;

use super::{Auth, bearer};
use crate::Problem;

/// What a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallerRole {
    /// Its own business's work.
    Member,
    /// Any business's work, subscriptions and kill switches.
    Admin,
    /// Another function.
    Service,
}

impl CallerRole {
    pub(super) fn of(text: &str) -> Option<Self> {
        match text {
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            "service" => Some(Self::Service),
            // Supabase's own `authenticated` and anything unknown carry no rights beyond
            // membership.
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Service => "service",
        }
    }
}

/// An authenticated caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Who.
    pub subject: String,
    /// Whose work it may touch; `None` for admins and services without a business of their own.
    pub business: Option<BusinessId>,
    /// What it may do.
    pub role: CallerRole,
}

impl Caller {
    /// Refuses a business that is not the caller's, unless it is an admin or a service.
    pub fn may_act_for(&self, business: &BusinessId) -> Result<(), Problem> {
        if self.role != CallerRole::Member || self.business.as_ref() == Some(business) {
            return Ok(());
        }
        let detail = format!("the token is not for business `{business}`");
        Err(Problem::new(StatusCode::FORBIDDEN, "foreign_business", detail)
            .with("field", "business_id"))
    }

    /// The only business whose things the caller can see; `None` sees all.
    pub fn scope(&self) -> Option<&BusinessId> {
        if self.role == CallerRole::Member { self.business.as_ref() } else { None }
    }

    /// Refuses anybody but admins.
    pub fn must_be_admin(&self) -> Result<(), Problem> {
        if self.role == CallerRole::Admin {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "admin_only",
            "this route needs a token with role `admin`",
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let auth = Extension::<Arc<Auth>>::from_request_parts(parts, state).await;
        let Extension(auth) =
            auth.map_err(|_| Problem::internal("no authentication is configured"))?;
        auth.verify(bearer(&parts.headers)?).await
    }
}
