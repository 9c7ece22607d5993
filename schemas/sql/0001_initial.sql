-- The store, version 1. An id that stands for a text points into `name`; 0 stands for the empty text.
-- Totals count messages; of a disposition that is none of the three they hold what is left of `messages`.
-- Days are counted from 1970-01-01 (UTC), times are seconds since then, months are year * 12 + month - 1.

-- epoch, hash_seed_0, hash_seed_1; last_sequence, last_report, last_stream, last_source: the highest numbers ever given, none is
-- given twice.
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- Epochs of the stores that this one was copied from, and the last sequence that they have in common.
CREATE TABLE previous_epoch (epoch INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);

CREATE TABLE name (id INTEGER PRIMARY KEY, value TEXT NOT NULL);
-- Finds a name by the first bytes of its SHA-256. In the tables X_by_key a slot that another row has taken leads to the next
-- integer, and id 0 is a slot that was freed and still leads on.
CREATE TABLE name_by_key (hash INTEGER PRIMARY KEY, id INTEGER NOT NULL);

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    collector INTEGER NOT NULL,   -- name; 0, and the texts below empty: purged, only the hash is kept
    remote_key TEXT NOT NULL,
    file_name TEXT NOT NULL,
    envelope_recipient TEXT NOT NULL,
    received_at INTEGER,
    authenticity INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    stored INTEGER NOT NULL
);

-- The records of a report are the rows first_sequence .. first_sequence + rows - 1 of `record`.
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    first_sequence INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    counts INTEGER NOT NULL,      -- 1: its rows are part of all totals (authenticity not failed, not superseded)
    domain INTEGER NOT NULL,      -- name of the policy domain
    day INTEGER NOT NULL,         -- of window_begin
    window_begin INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    org INTEGER NOT NULL,         -- name of org_name
    messages INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    message INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    authenticity INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    superseded_by INTEGER,        -- the revision that counts
    identity BLOB NOT NULL,
    rows_hash BLOB NOT NULL,
    diagnostics INTEGER NOT NULL,
    diagnostics_dropped INTEGER NOT NULL,
    report_id TEXT NOT NULL,
    email TEXT NOT NULL,
    -- As sent, for showing. X_text: NULL = absent; X = NULL: not understood.
    extra_contact_info TEXT NOT NULL,
    xml_namespace TEXT NOT NULL,
    version TEXT NOT NULL,
    generator TEXT NOT NULL,
    date_begin INTEGER,
    date_end INTEGER,
    records INTEGER NOT NULL,
    policy_domain TEXT NOT NULL,
    adkim INTEGER, adkim_text TEXT,
    aspf INTEGER, aspf_text TEXT,
    p INTEGER, p_text TEXT,
    sp INTEGER, sp_text TEXT,
    np INTEGER, np_text TEXT,
    pct INTEGER,
    fo TEXT NOT NULL,
    testing INTEGER, testing_text TEXT,
    discovery INTEGER, discovery_text TEXT,
    containers TEXT NOT NULL      -- one a line, outermost first
);
CREATE INDEX report_by_identity ON report (identity);
CREATE INDEX report_by_sequence ON report (first_sequence);
CREATE INDEX report_by_domain ON report (domain, window_begin);
CREATE INDEX report_by_day ON report (day);

-- kind 0: <error>, kind 1: an element that the standard does not know, with its path.
CREATE TABLE report_text (
    report INTEGER NOT NULL, kind INTEGER NOT NULL, position INTEGER NOT NULL, path TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (report, kind, position)
) WITHOUT ROWID;

CREATE TABLE kept_payload (report INTEGER PRIMARY KEY, content BLOB NOT NULL);

-- Of a report, or of a message (report = 0).
CREATE TABLE diagnostic (
    id INTEGER PRIMARY KEY, report INTEGER NOT NULL, message INTEGER NOT NULL,
    severity INTEGER NOT NULL, code INTEGER NOT NULL,
    place,                        -- as envelope_to in `record`
    text TEXT NOT NULL, row INTEGER
);
CREATE INDEX diagnostic_by_report ON diagnostic (report) WHERE report > 0;
CREATE INDEX diagnostic_by_message ON diagnostic (message) WHERE report = 0;

-- One address that sent as one policy domain, with the totals of all time. The first columns are what a ranking reads.
CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL, pass INTEGER NOT NULL, domain INTEGER NOT NULL,
    rows INTEGER NOT NULL,         -- records that count
    uses INTEGER NOT NULL,         -- all records, also those of superseded and failed reports: at 0 the source goes
    first_day INTEGER NOT NULL, last_day INTEGER NOT NULL,
    dkim_aligned INTEGER NOT NULL, spf_aligned INTEGER NOT NULL, forwarded INTEGER NOT NULL, mailing_list INTEGER NOT NULL,
    none INTEGER NOT NULL, quarantine INTEGER NOT NULL, reject INTEGER NOT NULL,
    last_stream INTEGER NOT NULL,  -- the newest of its streams; stream.previous leads to the others
    ip BLOB                        -- 4 or 16 bytes; NULL: the report names no address
);
-- By a keyed hash of domain and address.
CREATE TABLE source_by_key (hash INTEGER PRIMARY KEY, id INTEGER NOT NULL);

-- What can be judged, under one policy domain (that of its source).
CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    previous INTEGER NOT NULL,     -- the next older stream of the same source; 0: none
    key BLOB NOT NULL,
    header_from INTEGER NOT NULL, envelope_from INTEGER NOT NULL,
    dkim INTEGER NOT NULL,         -- name: "domain \t selector \t result \n" for each result
    spf_domain INTEGER NOT NULL, spf_scope INTEGER NOT NULL, spf_result INTEGER NOT NULL,
    modes INTEGER NOT NULL         -- 1: adkim strict, 2: aspf strict
);
-- By the first bytes of its key, and the domain.
CREATE TABLE stream_by_key (hash INTEGER PRIMARY KEY, id INTEGER NOT NULL);

CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    count INTEGER,                 -- NULL: could not be read
    -- 1 dkim aligned, 2 spf aligned, 4 * judgement, 16 * (disposition + 1), 128 * (evaluated dkim + 1), 512 * (evaluated spf + 1);
    -- 0 in the last three: absent
    flags INTEGER NOT NULL,
    -- An integer points into `name`, a text stands for itself, NULL is empty.
    envelope_to, reasons, detail
);

-- place = month * 2^40 + stream
CREATE TABLE rollup_month (
    place INTEGER PRIMARY KEY,
    source INTEGER NOT NULL, rows INTEGER NOT NULL,
    messages INTEGER NOT NULL, pass INTEGER NOT NULL,
    first_day INTEGER NOT NULL, last_day INTEGER NOT NULL,
    dkim_aligned INTEGER NOT NULL, spf_aligned INTEGER NOT NULL, forwarded INTEGER NOT NULL, mailing_list INTEGER NOT NULL,
    none INTEGER NOT NULL, quarantine INTEGER NOT NULL, reject INTEGER NOT NULL
);

CREATE TABLE rollup_day (
    domain INTEGER NOT NULL, day INTEGER NOT NULL, judgement INTEGER NOT NULL,
    rows INTEGER NOT NULL, messages INTEGER NOT NULL, dkim_aligned INTEGER NOT NULL, spf_aligned INTEGER NOT NULL,
    none INTEGER NOT NULL, quarantine INTEGER NOT NULL, reject INTEGER NOT NULL,
    PRIMARY KEY (domain, day, judgement)
) WITHOUT ROWID;

-- Reports that count.
CREATE TABLE report_day (
    domain INTEGER NOT NULL, day INTEGER NOT NULL, org INTEGER NOT NULL, reports INTEGER NOT NULL,
    PRIMARY KEY (domain, day, org)
) WITHOUT ROWID;

-- Ids are never given twice.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL UNIQUE,
    stored INTEGER NOT NULL, code TEXT NOT NULL, stage TEXT NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL,
    bytes INTEGER NOT NULL, attempts INTEGER NOT NULL,
    content BLOB                   -- gzip of the message; NULL: kept at its origin
);

-- Events that are not records. An event does not change when the entry that it tells of does.
CREATE TABLE quarantine_event (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL, quarantine INTEGER NOT NULL, stored INTEGER NOT NULL, collector TEXT NOT NULL, file_name TEXT NOT NULL,
    code TEXT NOT NULL, reason TEXT NOT NULL, bytes INTEGER NOT NULL
);
