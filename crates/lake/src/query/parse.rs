//! Placeholder.
use super::{Names, Query, QueryError};
pub fn query(_: &str, _: &dyn Names) -> Result<Query, QueryError> {
    Ok(Query::all())
}
/// Names that may stand before a colon, for completion: short name and what it holds.
pub fn fields() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}
