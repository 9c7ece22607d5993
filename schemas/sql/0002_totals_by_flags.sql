-- Totals of a month by the flags of the records as well: then two numbers say what ten did, in a row of half the size. What a source
-- adds up to beyond what ranks it follows from its months.

DROP TABLE rollup_month;
-- place = month * 2^40 + stream * 2^7 + (flags of record & 127): what the seven bits say holds of all these messages.
CREATE TABLE rollup_month (
    place INTEGER PRIMARY KEY,
    source INTEGER NOT NULL, rows INTEGER NOT NULL, messages INTEGER NOT NULL,
    first_day INTEGER NOT NULL, last_day INTEGER NOT NULL
);
INSERT INTO rollup_month
SELECT ((strftime('%Y', r.day * 86400, 'unixepoch') * 12 + strftime('%m', r.day * 86400, 'unixepoch') - 1) << 40) + (c.stream << 7) + (c.flags & 127),
       (SELECT source FROM stream WHERE id = c.stream), count(*), sum(min(max(coalesce(c.count, 0), 0), 100000000000)), min(r.day), max(r.day)
FROM report r CROSS JOIN record c
WHERE r.counts = 1 AND c.sequence BETWEEN r.first_sequence AND r.first_sequence + r.rows - 1
GROUP BY 1;

ALTER TABLE source DROP COLUMN dkim_aligned;
ALTER TABLE source DROP COLUMN spf_aligned;
ALTER TABLE source DROP COLUMN forwarded;
ALTER TABLE source DROP COLUMN mailing_list;
ALTER TABLE source DROP COLUMN none;
ALTER TABLE source DROP COLUMN quarantine;
ALTER TABLE source DROP COLUMN reject;
