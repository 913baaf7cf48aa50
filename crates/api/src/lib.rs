//! The JSON types and routes of the HTTP interface, one file per noun.
