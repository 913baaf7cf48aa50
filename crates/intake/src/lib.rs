//! Framing and listeners for syslog: center and agent.
