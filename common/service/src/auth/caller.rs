//! The authenticated caller of a request, and what it may access.

use std::sync::Arc;

use axum::{
    Extension,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use domain::BusinessId;

use super::{Auth, bearer};
use crate::Problem;

/// The caller's role: what it may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallerRole {
    /// May access the work of its own business.
    Member,
    /// May access every business's work, change subscriptions and use the emergency stop.
    Admin,
    /// Another function of this system.
    Service,
}

impl CallerRole {
    pub(super) fn of(text: &str) -> Option<Self> {
        match text {
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            "service" => Some(Self::Service),
            // Supabase's own `authenticated` and unknown roles give no rights beyond membership.
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
    /// The token's subject.
    pub subject: String,
    /// The business whose work the caller may access; `None` for admins and services without one.
    pub business: Option<BusinessId>,
    /// The caller's role.
    pub role: CallerRole,
}

impl Caller {
    /// Refuses a business that is not the caller's own, except for admins and services.
    pub fn may_act_for(&self, business: &BusinessId) -> Result<(), Problem> {
        if self.role != CallerRole::Member || self.business.as_ref() == Some(business) {
            return Ok(());
        }
        let detail = format!("the token is not for business `{business}`");
        Err(Problem::new(StatusCode::FORBIDDEN, "foreign_business", detail)
            .with("field", "business_id"))
    }

    /// The only business whose data the caller can see; `None` means all businesses.
    pub fn scope(&self) -> Option<&BusinessId> {
        if self.role == CallerRole::Member { self.business.as_ref() } else { None }
    }

    /// Refuses every caller but admins.
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
