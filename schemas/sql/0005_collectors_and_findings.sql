-- Where the collectors are and what became of what they collected, and findings.

-- CollectorState. Times are 0 where there was none.
CREATE TABLE collector (
    name TEXT PRIMARY KEY,
    place TEXT NOT NULL, configured INTEGER NOT NULL,
    first_seen INTEGER NOT NULL, last_success INTEGER NOT NULL, last_message INTEGER NOT NULL, last_error_at INTEGER NOT NULL,
    failing_since INTEGER NOT NULL, last_error TEXT NOT NULL,
    stored INTEGER NOT NULL, duplicates INTEGER NOT NULL, not_reports INTEGER NOT NULL, quarantined INTEGER NOT NULL, retried INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;

-- What a message was when it was last read: 0 reports (or not known: it came before this column), 1 no report, 2 put into the quarantine. Its original goes by this
-- when it is met again.
ALTER TABLE message ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

-- Ids are never given twice.
CREATE TABLE finding (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL, key TEXT NOT NULL, severity INTEGER NOT NULL, subject TEXT NOT NULL, domain TEXT NOT NULL, text TEXT NOT NULL,
    evidence TEXT NOT NULL,       -- list of name and value, as in `arf`
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    state INTEGER NOT NULL        -- 0 open, 1 acknowledged, 2 closed
);
CREATE UNIQUE INDEX finding_by_key ON finding (key) WHERE state < 2;

-- Events of the classes finding.X: the finding as it was then. They stay when it changes.
CREATE TABLE finding_event (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL, stored INTEGER NOT NULL,
    kind INTEGER NOT NULL,        -- 0 opened, 1 updated, 2 closed
    finding INTEGER NOT NULL,
    rule TEXT NOT NULL, key TEXT NOT NULL, severity INTEGER NOT NULL, subject TEXT NOT NULL, domain TEXT NOT NULL, text TEXT NOT NULL,
    evidence TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, state INTEGER NOT NULL
);
