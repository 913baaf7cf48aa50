//! Limits of rules and of the state they keep, each named with its unit.

/// Largest rule file, bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Most YAML documents in one file.
pub const FILE_DOCUMENTS_MAX: usize = 1_000;
/// Most YAML values in one file, aliases expanded.
pub const FILE_NODES_MAX: usize = 200_000;
/// Deepest nesting of YAML values.
pub const NODE_DEPTH_MAX: usize = 32;
/// Longest condition, bytes.
pub const CONDITION_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of parentheses and `not` in a condition.
pub const CONDITION_DEPTH_MAX: usize = 64;
/// Most terms of one rule once `1 of` and lists are written out.
pub const RULE_TERMS_MAX: usize = 100_000;
/// Most transformations of one pipeline, those nested in others counted.
pub const PIPELINE_STEPS_MAX: usize = 1_000;
/// Deepest nesting of `nest` in a pipeline.
pub const PIPELINE_DEPTH_MAX: usize = 8;
/// Most modifiers on one field.
pub const MODIFIERS_MAX: usize = 8;
/// Most values that one value may become (`windash`, `base64offset`, placeholders).
pub const VALUE_VARIANTS_MAX: usize = 1_024;
/// Longest regular expression, bytes.
pub const REGEX_BYTES_MAX: usize = 10 * 1024;
/// Largest compiled regular expression, bytes.
pub const REGEX_COMPILED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most of one event value that is compared, bytes; the rest is not looked at.
pub const MATCH_BYTES_MAX: usize = 64 * 1024;
/// Most lanes (rules that fit one kind of event) compiled at once; beyond it one lane holds every rule.
pub const LANES_MAX: usize = 1_024;
/// Most names of JSON events that a thread remembers before it begins anew.
pub const NAMES_KEPT_MAX: usize = 8_192;
/// Longest value kept in a [`crate::Matched`], bytes.
pub const MATCHED_VALUE_BYTES_MAX: usize = 512;
/// Most [`crate::Matched`] of one detection.
pub const MATCHED_MAX: usize = 32;
/// Most groups that one correlation rule keeps; the least recently touched goes first and is counted.
pub const GROUPS_PER_RULE_MAX: usize = 20_000;
/// Most entries that one group keeps; the oldest goes first and is counted.
pub const ENTRIES_PER_GROUP_MAX: usize = 16_384;
/// Most entries that one correlation rule keeps over all groups.
pub const ENTRIES_PER_RULE_MAX: usize = 400_000;
/// Latest event ids given with a hit.
pub const EVIDENCE_EVENTS_MAX: usize = 50;
/// Distinct values given with a hit of `value_count`.
pub const EVIDENCE_VALUES_MAX: usize = 16;
/// Longest group value kept, bytes.
pub const GROUP_VALUE_BYTES_MAX: usize = 256;
/// Longest timespan of a correlation, seconds (31 days).
pub const TIMESPAN_SECONDS_MAX: i64 = 31 * 86_400;
/// Deepest chain of correlations on correlations.
pub const CHAIN_DEPTH_MAX: usize = 8;
/// Longest field name, bytes; no event has a longer one that a rule could mean.
pub const FIELD_NAME_BYTES_MAX: usize = 128;
/// Deepest nesting of a JSON event that is looked into.
pub const JSON_DEPTH_MAX: usize = 64;
/// Most lines that one case feeds.
pub const CASE_LINES_MAX: usize = 10_000;
/// Most entries that an ordered correlation keeps of each of its rules, in one group.
pub const ORDERED_ENTRIES_PER_RULE_MAX: usize = 64;
/// Windows are kept this long beyond their end for sources that lag, seconds.
pub const LATE_SECONDS_MAX: i64 = 300;
