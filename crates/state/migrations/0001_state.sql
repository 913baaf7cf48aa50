-- The state store, first form. Times are microseconds since the Unix epoch, dates are ISO text, truth values 0 and 1.
-- Written so that it runs on PostgreSQL after replacing INTEGER PRIMARY KEY, BLOB and the triggers at the end.

CREATE TABLE agencies (
    id INTEGER PRIMARY KEY,
    parent_id BIGINT REFERENCES agencies (id),
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    phone TEXT,
    enabled BIGINT NOT NULL,
    password_hash TEXT,
    last_login_at BIGINT,
    example BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX users_agency ON users (agency_id);

CREATE TABLE links (
    token_hash BLOB PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    logs_in BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX links_user ON links (user_id);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE role_assignments (
    id INTEGER PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    role TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    ended_at BIGINT,
    substitute_id BIGINT REFERENCES users (id),
    away_from TEXT,
    away_through TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX role_assignments_user ON role_assignments (user_id);
CREATE INDEX role_assignments_substitute ON role_assignments (substitute_id);
CREATE INDEX role_assignments_agency ON role_assignments (agency_id);

CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    sender TEXT NOT NULL,
    format TEXT NOT NULL,
    recognised TEXT,
    timezone TEXT NOT NULL,
    silent_after_minutes BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    last_seen_at BIGINT,
    example BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX sources_sender ON sources (sender) WHERE removed_at IS NULL;
CREATE INDEX sources_agency ON sources (agency_id);

CREATE TABLE quarantine (
    address TEXT NOT NULL,
    transport TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    recognised TEXT,
    sample TEXT NOT NULL,
    PRIMARY KEY (address, transport)
);

CREATE TABLE agents (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    enforce TEXT NOT NULL,
    config_version BIGINT NOT NULL,
    hostname TEXT,
    version TEXT,
    address TEXT,
    certificate_serial TEXT,
    certificate_fingerprint TEXT,
    certificate_until BIGINT,
    last_seen_at BIGINT,
    spool_lines BIGINT,
    spool_bytes BIGINT,
    spool_dropped BIGINT,
    rss_bytes BIGINT,
    trouble TEXT,
    enrolled_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX agents_name ON agents (name) WHERE revoked_at IS NULL;

CREATE TABLE agent_inputs (
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    input_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,
    source_id BIGINT NOT NULL REFERENCES sources (id),
    removed_at BIGINT,
    PRIMARY KEY (agent_id, input_id)
);

CREATE TABLE enrolment_tokens (
    token_hash BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE points (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    device TEXT NOT NULL,
    agent_id BIGINT UNIQUE REFERENCES agents (id),
    reachable BIGINT NOT NULL,
    last_seen_at BIGINT,
    last_micros BIGINT,
    removed_at BIGINT
);

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    rule_id TEXT NOT NULL,
    rule_title TEXT NOT NULL,
    rule_title_en TEXT NOT NULL,
    entity_kind TEXT NOT NULL,
    entity_value TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    severity BIGINT NOT NULL,
    score BIGINT NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT,
    close_reason TEXT,
    reason TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    due_at BIGINT,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    owner_id BIGINT REFERENCES users (id),
    closed_at BIGINT,
    suppressed BIGINT NOT NULL,
    example BIGINT NOT NULL
);
CREATE UNIQUE INDEX alerts_group ON alerts (rule_id, entity_kind, entity_value, agency_id) WHERE state <> 'closed';
CREATE INDEX alerts_entity ON alerts (entity_value, last_at);
CREATE INDEX alerts_queue ON alerts (state, last_at);
CREATE INDEX alerts_agency ON alerts (agency_id, state);

CREATE TABLE detections (
    id TEXT PRIMARY KEY,
    alert_id BIGINT NOT NULL REFERENCES alerts (id),
    rule_id TEXT NOT NULL,
    agency_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    events TEXT NOT NULL,
    matched TEXT NOT NULL
);
CREATE INDEX detections_alert ON detections (alert_id, at);
CREATE INDEX detections_rule ON detections (rule_id, at);

CREATE TABLE alert_buckets (
    alert_id BIGINT NOT NULL REFERENCES alerts (id),
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (alert_id, bucket)
);

CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    service TEXT,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_user_id BIGINT,
    actor_address TEXT,
    requested_at BIGINT NOT NULL,
    minutes BIGINT NOT NULL,
    together BIGINT NOT NULL,
    ask_approval BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    approved_at BIGINT,
    ended_at BIGINT,
    dry_run BIGINT NOT NULL,
    automatic BIGINT NOT NULL,
    alert_id BIGINT REFERENCES alerts (id),
    rule_id TEXT,
    approvals_needed BIGINT NOT NULL,
    refused_by TEXT,
    refused_ko TEXT,
    refused_en TEXT,
    grace_until BIGINT,
    example BIGINT NOT NULL
);
CREATE INDEX blocks_state ON blocks (state, expires_at);
CREATE INDEX blocks_approved ON blocks (approved_at);
CREATE INDEX blocks_alert ON blocks (alert_id);
CREATE INDEX blocks_grace ON blocks (grace_until);

CREATE TABLE block_points (
    block_id BIGINT NOT NULL REFERENCES blocks (id),
    point_id BIGINT NOT NULL REFERENCES points (id),
    state TEXT NOT NULL,
    applied_at BIGINT,
    took_micros BIGINT,
    packets_dropped BIGINT,
    effect TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (block_id, point_id)
);

CREATE TABLE block_approvals (
    block_id BIGINT NOT NULL REFERENCES blocks (id),
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_user_id BIGINT,
    actor_address TEXT
);
CREATE INDEX block_approvals_block ON block_approvals (block_id);

CREATE TABLE timeline (
    id INTEGER PRIMARY KEY,
    alert_id BIGINT REFERENCES alerts (id),
    block_id BIGINT REFERENCES blocks (id),
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX timeline_alert ON timeline (alert_id);
CREATE INDEX timeline_block ON timeline (block_id);

CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    noun TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE rule_switches (
    rule_id TEXT PRIMARY KEY,
    enabled BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE checkpoints (
    consumer TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    data BLOB
);

CREATE TABLE audit (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_user_id BIGINT,
    address TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    agency_id BIGINT,
    text TEXT NOT NULL,
    hash BLOB NOT NULL
);
CREATE INDEX audit_object ON audit (object);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
