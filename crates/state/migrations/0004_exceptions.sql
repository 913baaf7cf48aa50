-- Exceptions: Sigma filters that hold back one rule at an agency and those below it, until they end.
CREATE TABLE rule_exceptions (
    id INTEGER PRIMARY KEY,
    rule_id TEXT NOT NULL,
    agency_id BIGINT NOT NULL REFERENCES agencies (id),
    text TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    held_back BIGINT NOT NULL,
    last_held_at BIGINT,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_user_id BIGINT,
    actor_address TEXT
);
CREATE INDEX rule_exceptions_rule ON rule_exceptions (rule_id);
CREATE INDEX rule_exceptions_open ON rule_exceptions (expires_at) WHERE ended_at IS NULL;
