//! Sigma rules: rule, plan, match, correlate. Pure.
