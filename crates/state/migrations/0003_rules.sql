-- Texts of rules as they were in force: one row for each change, the newest has the highest id. No text: the rule went.
CREATE TABLE rule_texts (
    id INTEGER PRIMARY KEY,
    rule_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    file TEXT NOT NULL,
    hash TEXT NOT NULL,
    text TEXT,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_user_id BIGINT,
    actor_address TEXT,
    reason TEXT NOT NULL
);
CREATE INDEX rule_texts_rule ON rule_texts (rule_id, id);
-- A rule's newest alerts.
CREATE INDEX alerts_rule ON alerts (rule_id, last_at);

-- Log sources of rules that were seen, by agency; an absent part is empty.
CREATE TABLE logsources_seen (
    product TEXT NOT NULL,
    service TEXT NOT NULL,
    category TEXT NOT NULL,
    agency_id BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (product, service, category, agency_id)
);
