-- Format 1. Ids are the 16 bytes of a UUID, times milliseconds since 1970 UTC, spans milliseconds.

-- The last one is the one that the store is in; each of the others was ended by a restore.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE agents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    left_at INTEGER,
    protocol INTEGER NOT NULL,
    transport TEXT NOT NULL,
    epoch BLOB,
    describe TEXT -- JSON, but for the schemas of its handlers
) STRICT;

-- A schema is text that nobody has looked into, so it stands beside the JSON and not in it.
CREATE TABLE schemas (
    agent INTEGER NOT NULL REFERENCES agents ON DELETE CASCADE,
    handler INTEGER NOT NULL, -- position in the list of handlers
    schema BLOB NOT NULL,
    PRIMARY KEY (agent, handler)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    agent BLOB PRIMARY KEY,
    epoch BLOB,
    sequence INTEGER NOT NULL,
    behind INTEGER -- what was queued until then may be older than the truth
) STRICT, WITHOUT ROWID;

-- `life` is the state as JSON. What JSON cannot hold to the last bit stands beside it: payloads, which
-- are bytes that nobody has looked into, and times that may lie beyond the calendar. The columns
-- `state`, `due_at` and `finished_at` say again what is searched for.
CREATE TABLE tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    agent BLOB NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    timeout INTEGER,
    asked_not_before INTEGER, -- what holds it back now is `not_before`
    priority INTEGER NOT NULL,
    ordering_key TEXT,
    idempotency_key TEXT,
    sequence INTEGER,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER, -- of unfinished tasks
    finished_at INTEGER, -- of finished tasks
    life TEXT NOT NULL,
    ttl_at INTEGER NOT NULL,
    not_before INTEGER,
    progress BLOB,
    output BLOB,
    evidence TEXT, -- a late end, as JSON without its output
    evidence_output BLOB
) STRICT;

-- Inputs never change, and SQLite writes the whole of a row whenever any of it does.
CREATE TABLE inputs (
    task INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
    input BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX tasks_by_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_of_agent ON tasks (agent, number);
CREATE INDEX tasks_queued ON tasks (agent, priority DESC, number) WHERE state = 'queued';
CREATE INDEX tasks_held ON tasks (agent, sequence) WHERE state IN ('leased', 'accepted', 'running');
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;

-- How much tasks have written.
CREATE TABLE outputs (
    task INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    length INTEGER NOT NULL,
    head INTEGER NOT NULL -- bytes that are kept of the beginning
) STRICT;

-- What is kept of it. A part begins where the one before it ended, and those that begin at `head` or
-- later are the end of the output, the oldest of which go.
CREATE TABLE output_parts (
    task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (task, position)
) STRICT, WITHOUT ROWID;

-- Positions are counted from 0. Of a long timeline those between its first and its last are gone.
CREATE TABLE timeline (
    task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (task, position)
) STRICT, WITHOUT ROWID;

-- Keys are never used again: rows that a deletion has yet to reach belong to nobody.
CREATE TABLE reporters (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    agent BLOB NOT NULL UNIQUE,
    latest_at INTEGER, -- the report that came last
    latest_epoch INTEGER,
    latest_seq INTEGER
) STRICT;

CREATE TABLE watermarks (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    reporter INTEGER NOT NULL,
    epoch BLOB NOT NULL, -- empty for version 1, which has none
    through INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    UNIQUE (reporter, epoch)
) STRICT;

CREATE TABLE reports (
    reporter INTEGER NOT NULL,
    at INTEGER NOT NULL,
    epoch INTEGER NOT NULL, -- key of the watermark
    seq INTEGER NOT NULL,
    received INTEGER NOT NULL,
    total_memory INTEGER NOT NULL,
    used_memory INTEGER NOT NULL,
    average_cpu ANY NOT NULL, -- a real number; as REAL the sign of -0.0 would be lost
    gauges TEXT, -- JSON, unless there are none
    thinned TEXT, -- JSON, if it stands for several samples
    PRIMARY KEY (reporter, at, epoch, seq)
) STRICT, WITHOUT ROWID;

-- Where to find what was received in a span of time, since `at` may be anything: which spans of
-- `at` the reports of a reporter fell into. An index of spans: one of rows would cost more than the
-- reports themselves.
CREATE TABLE arrivals (
    received_span INTEGER NOT NULL,
    reporter INTEGER NOT NULL,
    at_span INTEGER NOT NULL,
    PRIMARY KEY (received_span, reporter, at_span)
) STRICT, WITHOUT ROWID;
