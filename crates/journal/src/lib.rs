//! The journal and the agent's spool: append-only segments, group commit, hash chain.
