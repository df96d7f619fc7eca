//! Docker's token service, `/service/token` as in Harbor.

use serde_json::json;

use super::admission::Optional;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::error::HttpError;
use crate::access::token::Scope;

/// `GET /service/token`: a token for what the caller asks and may do. Who shows no credentials gets one for what is public.
pub(super) async fn issue_token(call: Call, _caller: Optional) -> Outcome {
    let scopes = Scope::parse_all(call.query.all("scope"))
        .map_err(|error| HttpError::bad_request(error.to_string()))?;
    let issued = call.registry.issue_token(call.principal(), scopes).await?;
    Ok(Answer::json(&json!({
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in,
        "issued_at": issued.issued_at.to_string(),
    })))
}

/// `GET /service/token/keys`: the public keys, as a JSON Web Key Set.
pub(super) async fn list_keys(call: Call, _caller: Optional) -> Outcome {
    Ok(Answer::json(&call.registry.token_keys()))
}
