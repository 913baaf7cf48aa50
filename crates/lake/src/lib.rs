//! The event store: columnar files, their manifest and their queries.
