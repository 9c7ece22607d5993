-- Who operates a stream and whether it was allowed: what was concluded, its revisions, what is outstanding, the answers of DNS, and approvals.

-- What is thought of streams (Conclusion); many share one. 0 stands for nothing said. A column without a type as in `arf`.
CREATE TABLE conclusion (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,            -- hash of all below
    verdict INTEGER NOT NULL, confidence INTEGER NOT NULL, category INTEGER NOT NULL, own_network INTEGER NOT NULL,
    authorized_spf INTEGER NOT NULL, authorized_dkim INTEGER NOT NULL,
    sender, sender_name, carrier, via, host,
    candidates,                   -- list
    reason TEXT NOT NULL, remedy TEXT NOT NULL
);
-- By the first bytes of its key.
CREATE TABLE conclusion_by_key (hash INTEGER PRIMARY KEY, id INTEGER NOT NULL);

-- What is thought of the stream now. attribution: 1 final, 2 it is in `unsettled`, 4 it is in `stream_revision`, 8 * revision.
ALTER TABLE stream ADD COLUMN conclusion INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN attribution INTEGER NOT NULL DEFAULT 0;
-- stream.modes holds the alignment, too: 4 dkim aligned, 8 spf aligned, 16 * judgement.
UPDATE stream SET modes = modes | (f.flags & 15) << 2
FROM (SELECT stream, max(flags) AS flags FROM record GROUP BY stream UNION ALL SELECT stream, max(flags) FROM arf GROUP BY stream) f
WHERE f.stream = stream.id;

-- Streams that wait for their first complete attribution, with the sequence of their first event and the time when that was stored, which does
-- not go back from one to the next but where the clock was set back by far (0: that has happened). Rows come in the order of their sequences.
CREATE TABLE unsettled (stream INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, since INTEGER NOT NULL);
CREATE INDEX unsettled_by_time ON unsettled (since, sequence);

-- Streams of which something else was thought, or was thought in another state, when readers had been given events of theirs: an event shows
-- the newest row at or before its sequence. The first row of a stream has sequence 0; the newest says what `stream` does.
CREATE TABLE stream_revision (
    stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
    revision INTEGER NOT NULL, conclusion INTEGER NOT NULL, state INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;

-- Events of class source.reclassified. They stay when the streams go.
CREATE TABLE reclassification (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL, stored INTEGER NOT NULL, cause INTEGER NOT NULL,
    domain INTEGER NOT NULL,      -- name
    stream BLOB, ip BLOB,         -- key of the one stream; NULL: many. Its address
    header_from INTEGER NOT NULL, -- name
    before_conclusion INTEGER NOT NULL, before_revision INTEGER NOT NULL, before_state INTEGER NOT NULL,
    after_conclusion INTEGER NOT NULL, after_revision INTEGER NOT NULL, after_state INTEGER NOT NULL,
    streams INTEGER NOT NULL, rows INTEGER NOT NULL, messages INTEGER NOT NULL, first_day INTEGER NOT NULL, last_day INTEGER NOT NULL
);

-- 1: another revision counted in its place already when it came; what its events say, as events do not change.
ALTER TABLE report ADD COLUMN came_superseded INTEGER NOT NULL DEFAULT 0;
UPDATE report SET came_superseded = 1 WHERE superseded_by IS NOT NULL AND EXISTS (
    SELECT 1 FROM report o WHERE o.identity = report.identity AND o.id < report.id AND (o.authenticity = 2) = (report.authenticity = 2)
    AND (o.authenticity = 1) * 2 + o.complete > (report.authenticity = 1) * 2 + report.complete);

-- Answers of DNS, a few of each question: a row each time that something else was answered, the newest last. One that failed is kept only
-- until the next.
CREATE TABLE dns_answer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL, type INTEGER NOT NULL, status INTEGER NOT NULL,
    first_read INTEGER NOT NULL, last_read INTEGER NOT NULL, ttl INTEGER NOT NULL,
    problem TEXT NOT NULL,
    chain TEXT NOT NULL, texts TEXT NOT NULL, addresses TEXT NOT NULL  -- lists
);
CREATE INDEX dns_answer_by_question ON dns_answer (name, type, id);
CREATE INDEX dns_answer_by_time ON dns_answer (last_read);

CREATE TABLE approval (
    domain TEXT NOT NULL, sender TEXT NOT NULL, approved_by INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (domain, sender)
) WITHOUT ROWID;

-- settled: how often conclusions of streams were changed. attribution_deadline: how long readers wait at least. judged_by_X: what judged all
-- settled streams last.
INSERT INTO meta VALUES ('settled', 0), ('attribution_deadline', 0), ('judged_by_0', 0), ('judged_by_1', 0);
