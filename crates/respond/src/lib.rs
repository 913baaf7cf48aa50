//! Enforcement devices: what each can do, apply a difference, read back, measure.
