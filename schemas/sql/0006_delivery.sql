-- How far sinks have delivered, what their receivers will never take, who may read, and what a purge has taken from readers.

-- SinkState: the position is of this store's epoch. Times are 0 where there was none.
CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    configured INTEGER NOT NULL,
    sequence INTEGER NOT NULL, day_start INTEGER NOT NULL, purged INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    first_seen INTEGER NOT NULL, last_success INTEGER NOT NULL, last_error_at INTEGER NOT NULL, failing_since INTEGER NOT NULL, last_error TEXT NOT NULL,
    delivered INTEGER NOT NULL, dead INTEGER NOT NULL, retried INTEGER NOT NULL
) WITHOUT ROWID;

-- The newest of each sink; number counts up within it.
CREATE TABLE dead_letter (
    sink TEXT NOT NULL, number INTEGER NOT NULL,
    sequence INTEGER NOT NULL, event_id TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (sink, number)
) WITHOUT ROWID;

CREATE TABLE access_token (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    scopes TEXT NOT NULL,         -- list of their names, as in `arf`
    digest BLOB NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, last_used INTEGER, revoked INTEGER,
    addresses TEXT NOT NULL       -- list of networks
);

-- purged_through: the highest sequence of an event that a purge has removed. Of those that came before this migration nothing is known: cursors of that time hold as well as
-- they did.
INSERT INTO meta VALUES ('purged_through', 0);
