//! Tickets: a browser cannot set headers when it opens a socket, so it sends a token for one task
//! that expires after a minute.

use domain::{BusinessId, TaskId};
use serde::{Deserialize, Serialize};

use super::{Auth, signer};
use crate::Problem;

/// A ticket's audience; it keeps tickets from being accepted as tokens, and tokens as tickets.
const AUDIENCE: &str = "raptorflow-ticket";
/// Lifetime of a ticket in seconds.
const SECONDS: i64 = 60;

#[derive(Clone, Serialize, Deserialize)]
struct Ticket {
    sub: TaskId,
    business_id: BusinessId,
}

impl Auth {
    /// A ticket for watching one task.
    pub async fn ticket(&self, task: &TaskId, business: &BusinessId) -> Result<String, Problem> {
        let ticket = Ticket { sub: task.clone(), business_id: business.clone() };
        Ok(signer::encode(
            &self.secret().await?,
            AUDIENCE,
            self.clock.now().plus_seconds(SECONDS),
            ticket,
        ))
    }

    /// Verifies a ticket and returns the business it was issued for; a ticket for another task is
    /// refused.
    pub async fn verify_ticket(&self, ticket: &str, task: &TaskId) -> Result<BusinessId, Problem> {
        let ticket: Ticket = self.decode_shared(&self.secret().await?, ticket, AUDIENCE)?.rest;
        if ticket.sub == *task {
            Ok(ticket.business_id)
        } else {
            Err(super::unauthenticated("the ticket is for another task"))
        }
    }
}
