//! The center: pipeline, routes, jobs, accounts, configuration.
