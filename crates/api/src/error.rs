//! What a refused request says: one sentence for the person, a stable code for the program.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of every answer that is not a success.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// Stable code, as `not_found`, `forbidden`, `bad_request`, `refused`, `rate_limited`, `conflict`, `unavailable`.
    pub code: String,
    /// What failed and what to do, in English; the console shows its own Korean sentence for known codes.
    pub message: String,
    /// The field or place the message is about, if any.
    pub at: Option<String>,
}
