//! Agent and center messages; no I/O.
