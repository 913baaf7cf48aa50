//! The state store: SQL, named nowhere else.
