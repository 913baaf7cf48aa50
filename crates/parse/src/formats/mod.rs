//! Every format, one file each.

use crate::Format;

/// Every format there is. Order matters only between formats of equal confidence: first come, first asked.
pub const FORMATS: &[&dyn Format] = &[];
