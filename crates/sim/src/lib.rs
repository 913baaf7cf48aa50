//! Whole-city scenarios; tests only.
