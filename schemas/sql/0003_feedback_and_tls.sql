-- Failure, feedback and TLS reports. Their ids and those of `report` are one series (meta.last_report); their sequences and those of
-- `record` and `quarantine_event` are another (meta.last_sequence). `diagnostic`, `kept_payload` and `message` hold of them what they
-- hold of the others.
--
-- A column without a type is a text as envelope_to in `record`: an integer points into `name`, a text stands for itself, NULL is empty. What
-- may tell of one person stands for itself, as names outlast a purge. In a list each entry ends with a newline and each field but the
-- last with a tab; within an entry \n, \t and \\ stand for newline, tab and backslash.

CREATE TABLE arf (
    id INTEGER PRIMARY KEY,
    sequence INTEGER,             -- of its event; NULL: feedback that makes none (kind 2)
    kind INTEGER NOT NULL,        -- 0 failure, 1 complaint, 2 other feedback
    source INTEGER NOT NULL,      -- of the stream; its domain is that of the report. A use of it, that no total counts
    stream INTEGER NOT NULL,
    flags INTEGER NOT NULL,       -- as in `record`, the alignment only
    at INTEGER NOT NULL,          -- of the original message, or of the report
    message INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    authenticity INTEGER NOT NULL,
    identity BLOB NOT NULL,
    diagnostics_dropped INTEGER NOT NULL,
    incidents INTEGER, reported_at INTEGER, arrival_date INTEGER,   -- NULL: absent
    campaign_source INTEGER NOT NULL,
    campaign, reporter, provider, feedback_type, auth_failure, delivery_result, user_agent, reporting_mta,
    identity_alignment, reported_domain, derived, containers,       -- lists
    authentication_results,                                         -- list of method, result, domain, selector
    original_mail_from TEXT NOT NULL, original_envelope_id TEXT NOT NULL, subject TEXT NOT NULL, message_id TEXT NOT NULL,
    original_rcpt_to TEXT NOT NULL, reported_uri_host TEXT NOT NULL -- lists
);
CREATE INDEX arf_by_identity ON arf (identity);
CREATE INDEX arf_by_sequence ON arf (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX arf_by_time ON arf (at, id, kind);
-- All that a source's failures and complaints are summed from.
CREATE INDEX arf_by_source ON arf (source, kind, at, incidents, authenticity);

-- The failures of a report are the rows first_sequence .. first_sequence + failures - 1 of `tls_failure`.
CREATE TABLE tls_report (
    id INTEGER PRIMARY KEY,
    first_sequence INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    counts INTEGER NOT NULL,      -- 1: authenticity not failed, not superseded
    window_begin INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    message INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    authenticity INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    superseded_by INTEGER,        -- the revision that counts
    identity BLOB NOT NULL,
    content BLOB NOT NULL,
    diagnostics_dropped INTEGER NOT NULL,
    start_datetime INTEGER, end_datetime INTEGER,                   -- as sent; NULL: absent
    organization, containers,
    report_id TEXT NOT NULL, contact_info TEXT NOT NULL
);
CREATE INDEX tls_report_by_identity ON tls_report (identity);
CREATE INDEX tls_report_by_window ON tls_report (window_begin);

-- Numbers of sessions are the bits of an unsigned integer; NULL: absent. A type X is NULL where it is absent, -1 where the standard does
-- not know it; X_text: as sent.
CREATE TABLE tls_policy (
    report INTEGER NOT NULL, position INTEGER NOT NULL,
    domain INTEGER NOT NULL,      -- name of policy_domain, normalised where it can be
    policy_domain, policy_type INTEGER, policy_type_text,
    policy_string, mx_host,                                         -- lists
    successful INTEGER, failed INTEGER,
    PRIMARY KEY (report, position)
) WITHOUT ROWID;

-- One entry of failure-details. Addresses are 4 or 16 bytes, NULL: absent, or X_text says what stood there.
CREATE TABLE tls_failure (
    sequence INTEGER PRIMARY KEY,
    report INTEGER NOT NULL, policy INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    result_type INTEGER, result_type_text,
    failed INTEGER,
    sending_mta_ip BLOB, receiving_ip BLOB, sending_mta_ip_text TEXT NOT NULL, receiving_ip_text TEXT NOT NULL,
    receiving_mx_hostname, receiving_mx_helo, failure_reason_code,
    additional_information TEXT NOT NULL
);
