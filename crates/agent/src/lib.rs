//! The agent: collectors, spool, enforcement; a library and its small binary.
