PRAGMA application_id = 2003068788;
PRAGMA user_version = 2;
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
, enrolled INTEGER, labels TEXT, cloned TEXT) STRICT;
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
, asked_by TEXT) STRICT;
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
CREATE TABLE outputs (
    task INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    length INTEGER NOT NULL,
    head INTEGER NOT NULL -- bytes that are kept of the beginning
) STRICT;
CREATE TABLE output_parts (
    task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (task, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE timeline (
    task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (task, position)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE arrivals (
    received_span INTEGER NOT NULL,
    reporter INTEGER NOT NULL,
    at_span INTEGER NOT NULL,
    PRIMARY KEY (received_span, reporter, at_span)
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    verifier BLOB NOT NULL UNIQUE,
    purpose TEXT NOT NULL,
    grants TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires INTEGER,
    uses_left INTEGER,
    revoked INTEGER,
    last_used INTEGER
) STRICT;
CREATE TABLE credentials (
    verifier BLOB PRIMARY KEY,
    agent BLOB NOT NULL UNIQUE,
    token INTEGER NOT NULL,
    labels TEXT NOT NULL, -- JSON
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE sightings (
    agent INTEGER NOT NULL REFERENCES agents ON DELETE CASCADE,
    position INTEGER NOT NULL,
    machine BLOB NOT NULL,
    boot TEXT NOT NULL,
    PRIMARY KEY (agent, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    token INTEGER, -- by which it was let in
    agent BLOB,
    peer TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;
CREATE INDEX audit_by_who ON audit (who);
CREATE INDEX audit_of_target ON audit (target);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit list only grows'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit list only grows'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE number = new.number)
BEGIN SELECT raise(ABORT, 'the audit list only grows'); END;
CREATE TABLE counts (
    what TEXT NOT NULL, -- queued tasks, agents, credentials that are good
    agent BLOB NOT NULL, -- whose tasks; empty for the others
    many INTEGER NOT NULL, -- where there are none, there is no row
    PRIMARY KEY (what, agent)
) STRICT, WITHOUT ROWID;
DELETE FROM sqlite_sequence;
INSERT INTO epochs VALUES (1, X'01A222E3C89D71B0A964AF65985A1806');
INSERT INTO epochs VALUES (2, X'01A203DC646F7EECAC1A056575105465');
INSERT INTO agents VALUES (1, X'01010101010101010101010101010101', 1795361105007, 1795361105007, NULL, 2, 'tcp', X'01010101010101010101010101010101', '{"host":"höst","os":"Linux 6.1","boot":"b0","version":"0.1.0","labels":[["zone","a"]],"interval_ms":1000,"handlers":[{"kind":"reindex","idempotent":true,"schema":null},{"kind":"shutdown","idempotent":true,"schema":null}]}', NULL, NULL, NULL);
INSERT INTO agents VALUES (2, X'02020202020202020202020202020202', 1795361105007, 1795361110007, 1795361110007, 1, 'tcp', NULL, NULL, NULL, NULL, NULL);
INSERT INTO agents VALUES (3, X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', 1795361105007, 1795361105007, NULL, 2, 'http', X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', NULL, 1795361105007, '[["zone","ä"]]', '{"since":1795361105007,"hosts":[[[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"b00t"],[[2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2],"b00t"]]}');
INSERT INTO schemas VALUES (1, 0, X'7B2274797065223A20226F626A656374227D');
INSERT INTO deliveries VALUES (X'01010101010101010101010101010101', X'01010101010101010101010101010101', 4, NULL);
INSERT INTO deliveries VALUES (X'02020202020202020202020202020202', X'02020202020202020202020202020202', 40, 1795361045007);
INSERT INTO deliveries VALUES (X'03030303030303030303030303030303', X'01010101010101010101010101010101', 1, NULL);
INSERT INTO deliveries VALUES (X'04040404040404040404040404040404', X'01010101010101010101010101010101', 1, NULL);
INSERT INTO deliveries VALUES (X'05050505050505050505050505050505', X'01010101010101010101010101010101', 1, NULL);
INSERT INTO deliveries VALUES (X'06060606060606060606060606060606', X'01010101010101010101010101010101', 1, NULL);
INSERT INTO tasks VALUES (1, X'01010101010101010101010101010101', X'01010101010101010101010101010101', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 1, 6, 'running', 1795447508007, NULL, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":true,"started_before":false,"failures":0,"losses":0,"phase":{"running":{"epoch":"01010101-0101-0101-0101-010101010101","since":"2026-11-22T15:25:05.007Z","heard":"2026-11-22T15:25:08.007Z","progress":null}}}', 1795447505007, NULL, X'7B22646F6E65223A20302E357D', NULL, NULL, NULL, NULL);
INSERT INTO tasks VALUES (10, X'0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A', X'06060606060606060606060606060606', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 1, 2, 'accepted', 1795533908007, NULL, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":false,"started_before":false,"failures":0,"losses":0,"phase":{"accepted":{"epoch":"01010101-0101-0101-0101-010101010101","heard":"2026-11-22T15:25:08.007Z"}}}', 1795447505007, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tasks VALUES (11, X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, NULL, 0, 'queued', 1795447505007, NULL, '{"attempt":0,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":false,"started_before":false,"failures":0,"losses":0,"phase":{"queued":{"not_before":null}}}', 1795447505007, NULL, NULL, NULL, NULL, NULL, 'token:deploy');
INSERT INTO tasks VALUES (2, X'02020202020202020202020202020202', X'01010101010101010101010101010101', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 2, 4, 'succeeded', NULL, 1795361108007, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":true,"started_before":false,"failures":0,"losses":0,"phase":{"ended":{"outcome":{"state":"succeeded","output":null,"failure":null,"cut":null,"at":"2026-11-22T15:25:08.007Z"},"reached":"running"}}}', 1795447505007, NULL, NULL, X'205B312C20325D20', NULL, NULL, NULL);
INSERT INTO tasks VALUES (3, X'03030303030303030303030303030303', X'01010101010101010101010101010101', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 3, 5, 'failed', NULL, 1795361108007, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":true,"started_before":false,"failures":0,"losses":0,"phase":{"ended":{"outcome":{"state":"failed","output":null,"failure":{"code":"broken","message":"it ''broke''"},"cut":null,"at":"2026-11-22T15:25:08.007Z"},"reached":"running"}}}', 1795447505007, NULL, NULL, NULL, '{"kind":"succeeded","output":null,"failure":null,"cut":null}', X'30', NULL);
INSERT INTO tasks VALUES (4, X'04040404040404040404040404040404', X'01010101010101010101010101010101', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 4, 4, 'succeeded', NULL, 1795361108007, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":true,"started_before":false,"failures":0,"losses":0,"phase":{"ended":{"outcome":{"state":"succeeded","output":null,"failure":null,"cut":3000000,"at":"2026-11-22T15:25:08.007Z"},"reached":"running"}}}', 1795447505007, NULL, NULL, X'226120626567696E6E22', NULL, NULL, NULL);
INSERT INTO tasks VALUES (5, X'05050505050505050505050505050505', X'03030303030303030303030303030303', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 1, 139, 'running', 1795447505007, NULL, '{"attempt":35,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":true,"started_before":true,"failures":34,"losses":0,"phase":{"running":{"epoch":"01010101-0101-0101-0101-010101010101","since":"2026-11-22T15:25:05.007Z","heard":"2026-11-22T15:25:05.007Z","progress":null}}}', 1795447505007, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tasks VALUES (6, X'06060606060606060606060606060606', X'04040404040404040404040404040404', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 1, 4, 'running', 1795447505007, NULL, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":true,"idempotent":true,"started_before":false,"failures":0,"losses":0,"phase":{"running":{"epoch":"01010101-0101-0101-0101-010101010101","since":"2026-11-22T15:25:05.007Z","heard":"2026-11-22T15:25:05.007Z","progress":null}}}', 1795447505007, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tasks VALUES (7, X'07070707070707070707070707070707', X'05050505050505050505050505050505', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, 1, 1, 'leased', 1795361135007, NULL, '{"attempt":1,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":false,"started_before":false,"failures":0,"losses":0,"phase":{"leased":{"epoch":"01010101-0101-0101-0101-010101010101","until":"2026-11-22T15:25:35.007Z"}}}', 1795447505007, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tasks VALUES (8, X'08080808080808080808080808080808', X'01010101010101010101010101010101', 'reindex', 1795361105007, 3600000, 60000, 1795361705007, -3, 'disk', 'key-8', NULL, 0, 'queued', 1795364705007, NULL, '{"attempt":0,"ttl_at":"2026-11-22T16:25:05.007Z","cancel_requested":false,"idempotent":false,"started_before":false,"failures":0,"losses":0,"phase":{"queued":{"not_before":"2026-11-22T15:35:05.007Z"}}}', 1795364705007, 1795361705007, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tasks VALUES (9, X'09090909090909090909090909090909', X'01010101010101010101010101010101', 'reindex', 1795361105007, 86400000, NULL, NULL, 0, NULL, NULL, NULL, 1, 'cancelled', NULL, 1795361109007, '{"attempt":0,"ttl_at":"2026-11-23T15:25:05.007Z","cancel_requested":false,"idempotent":false,"started_before":false,"failures":0,"losses":0,"phase":{"ended":{"outcome":{"state":"cancelled","output":null,"failure":{"code":"cancelled","message":"cancelled before it started"},"cut":null,"at":"2026-11-22T15:25:09.007Z"},"reached":"waiting"}}}', 1795447505007, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO inputs VALUES (1, X'7B226E223A317D');
INSERT INTO inputs VALUES (10, X'7B226E223A317D');
INSERT INTO inputs VALUES (11, X'7B226E223A317D');
INSERT INTO inputs VALUES (2, X'7B226E223A317D');
INSERT INTO inputs VALUES (3, X'7B226E223A317D');
INSERT INTO inputs VALUES (4, X'7B226E223A317D');
INSERT INTO inputs VALUES (5, X'7B226E223A317D');
INSERT INTO inputs VALUES (6, X'7B226E223A317D');
INSERT INTO inputs VALUES (7, X'7B226E223A317D');
INSERT INTO inputs VALUES (8, X'7B2270617468223A20222F61227D');
INSERT INTO inputs VALUES (9, X'7B226E223A317D');
INSERT INTO outputs VALUES (1, 1, 90008, 25);
INSERT INTO output_parts VALUES (1, 0, 'the beginning, ünïcode
');
INSERT INTO output_parts VALUES (1, 25, 'the end
');
INSERT INTO timeline VALUES (1, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (1, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (1, 2, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (1, 3, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (10, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (10, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (10, 2, 1795361108007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (11, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (2, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (2, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (2, 2, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (2, 3, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (2, 4, 1795361108007, 'succeeded', 'the handler ended', 'agent');
INSERT INTO timeline VALUES (3, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (3, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (3, 2, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (3, 3, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (3, 4, 1795361108007, 'failed', 'the handler ended: broken: it ''broke''', 'agent');
INSERT INTO timeline VALUES (4, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (4, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (4, 2, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (4, 3, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (4, 4, 1795361108007, 'succeeded', 'the handler ended', 'agent');
INSERT INTO timeline VALUES (5, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (5, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (5, 10, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 100, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 101, 1795361105007, 'leased', 'handed to the agent, attempt 26', 'server');
INSERT INTO timeline VALUES (5, 102, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 103, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 104, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 105, 1795361105007, 'leased', 'handed to the agent, attempt 27', 'server');
INSERT INTO timeline VALUES (5, 106, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 107, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 108, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 109, 1795361105007, 'leased', 'handed to the agent, attempt 28', 'server');
INSERT INTO timeline VALUES (5, 11, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 110, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 111, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 112, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 113, 1795361105007, 'leased', 'handed to the agent, attempt 29', 'server');
INSERT INTO timeline VALUES (5, 114, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 115, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 116, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 117, 1795361105007, 'leased', 'handed to the agent, attempt 30', 'server');
INSERT INTO timeline VALUES (5, 118, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 119, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 12, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 120, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 121, 1795361105007, 'leased', 'handed to the agent, attempt 31', 'server');
INSERT INTO timeline VALUES (5, 122, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 123, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 124, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 125, 1795361105007, 'leased', 'handed to the agent, attempt 32', 'server');
INSERT INTO timeline VALUES (5, 126, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 127, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 128, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 129, 1795361105007, 'leased', 'handed to the agent, attempt 33', 'server');
INSERT INTO timeline VALUES (5, 13, 1795361105007, 'leased', 'handed to the agent, attempt 4', 'server');
INSERT INTO timeline VALUES (5, 130, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 131, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 132, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 133, 1795361105007, 'leased', 'handed to the agent, attempt 34', 'server');
INSERT INTO timeline VALUES (5, 134, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 135, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 136, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 137, 1795361105007, 'leased', 'handed to the agent, attempt 35', 'server');
INSERT INTO timeline VALUES (5, 138, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 139, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 14, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 15, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 16, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 17, 1795361105007, 'leased', 'handed to the agent, attempt 5', 'server');
INSERT INTO timeline VALUES (5, 18, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 19, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 2, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 20, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 21, 1795361105007, 'leased', 'handed to the agent, attempt 6', 'server');
INSERT INTO timeline VALUES (5, 22, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 23, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 24, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 25, 1795361105007, 'leased', 'handed to the agent, attempt 7', 'server');
INSERT INTO timeline VALUES (5, 26, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 27, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 28, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 29, 1795361105007, 'leased', 'handed to the agent, attempt 8', 'server');
INSERT INTO timeline VALUES (5, 3, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 30, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 31, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 4, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 43, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 44, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 45, 1795361105007, 'leased', 'handed to the agent, attempt 12', 'server');
INSERT INTO timeline VALUES (5, 46, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 47, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 48, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 49, 1795361105007, 'leased', 'handed to the agent, attempt 13', 'server');
INSERT INTO timeline VALUES (5, 5, 1795361105007, 'leased', 'handed to the agent, attempt 2', 'server');
INSERT INTO timeline VALUES (5, 50, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 51, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 52, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 53, 1795361105007, 'leased', 'handed to the agent, attempt 14', 'server');
INSERT INTO timeline VALUES (5, 54, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 55, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 56, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 57, 1795361105007, 'leased', 'handed to the agent, attempt 15', 'server');
INSERT INTO timeline VALUES (5, 58, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 59, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 6, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 60, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 61, 1795361105007, 'leased', 'handed to the agent, attempt 16', 'server');
INSERT INTO timeline VALUES (5, 62, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 63, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 64, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 65, 1795361105007, 'leased', 'handed to the agent, attempt 17', 'server');
INSERT INTO timeline VALUES (5, 66, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 67, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 68, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 69, 1795361105007, 'leased', 'handed to the agent, attempt 18', 'server');
INSERT INTO timeline VALUES (5, 7, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 70, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 71, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 72, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 73, 1795361105007, 'leased', 'handed to the agent, attempt 19', 'server');
INSERT INTO timeline VALUES (5, 74, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 75, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 76, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 77, 1795361105007, 'leased', 'handed to the agent, attempt 20', 'server');
INSERT INTO timeline VALUES (5, 78, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 79, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 8, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 80, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 81, 1795361105007, 'leased', 'handed to the agent, attempt 21', 'server');
INSERT INTO timeline VALUES (5, 82, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 83, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 84, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 85, 1795361105007, 'leased', 'handed to the agent, attempt 22', 'server');
INSERT INTO timeline VALUES (5, 86, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 87, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 88, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 89, 1795361105007, 'leased', 'handed to the agent, attempt 23', 'server');
INSERT INTO timeline VALUES (5, 9, 1795361105007, 'leased', 'handed to the agent, attempt 3', 'server');
INSERT INTO timeline VALUES (5, 90, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 91, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 92, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 93, 1795361105007, 'leased', 'handed to the agent, attempt 24', 'server');
INSERT INTO timeline VALUES (5, 94, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 95, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (5, 96, 1795361105007, 'queued', 'the handler failed and is to be tried again: busy: the disk is busy', 'agent');
INSERT INTO timeline VALUES (5, 97, 1795361105007, 'leased', 'handed to the agent, attempt 25', 'server');
INSERT INTO timeline VALUES (5, 98, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (5, 99, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (6, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (6, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (6, 2, 1795361105007, 'accepted', 'the agent has it', 'agent');
INSERT INTO timeline VALUES (6, 3, 1795361105007, 'running', 'the handler starts', 'agent');
INSERT INTO timeline VALUES (6, 4, 1795361109007, 'running', 'cancel was asked for by page', 'page');
INSERT INTO timeline VALUES (7, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (7, 1, 1795361105007, 'leased', 'handed to the agent, attempt 1', 'server');
INSERT INTO timeline VALUES (8, 0, 1795361105007, 'queued', 'asked for by api', 'api');
INSERT INTO timeline VALUES (9, 0, 1795361105007, 'queued', 'asked for by server', 'server');
INSERT INTO timeline VALUES (9, 1, 1795361109007, 'cancelled', 'cancel was asked for by page', 'page');
INSERT INTO reporters VALUES (1, X'01010101010101010101010101010101', 1795361111007, 1, 6);
INSERT INTO reporters VALUES (2, X'02020202020202020202020202020202', 1795361114007, 3, 1);
INSERT INTO watermarks VALUES (1, 1, X'01010101010101010101010101010101', 7, 4);
INSERT INTO watermarks VALUES (2, 2, X'01010101010101010101010101010101', 102, 0);
INSERT INTO watermarks VALUES (3, 2, X'', 1, 0);
INSERT INTO reports VALUES (1, 1795361107007, 1, 2, 1795361105007, 16000000000, 1000000002, 12.5, '[["queue.depth",3.25]]', NULL);
INSERT INTO reports VALUES (1, 1795361110007, 1, 5, 1795361105007, 16000000000, 1000000005, 12.5, '[["queue.depth",3.25]]', '{"count":3,"from":1795361106007,"used_memory":[1,1000000009],"average_cpu":[0.10000000149011612,33.33333206176758],"gauges":[[0.1,7.25]]}');
INSERT INTO reports VALUES (1, 1795361111007, 1, 6, 1795361105007, 16000000000, 1000000006, 12.5, NULL, NULL);
INSERT INTO reports VALUES (2, 1795361114007, 3, 1, 1795361114007, 16000000000, 1000000000, 12.5, '[["queue.depth",3.25]]', NULL);
INSERT INTO reports VALUES (2, 1795361206007, 2, 101, 1795361105007, 16000000000, 1000000101, 12.5, '[["queue.depth",3.25]]', NULL);
INSERT INTO reports VALUES (2, 1795361207007, 2, 102, 1795361105007, 16000000000, 1000000102, 12.5, '[["queue.depth",3.25]]', NULL);
INSERT INTO arrivals VALUES (2992268, 1, 2992268);
INSERT INTO arrivals VALUES (2992268, 2, 2992268);
INSERT INTO tokens VALUES (1, X'0101010101010101010101010101010101010101010101010101010101010101', 'join', '{"uses":2,"labels":[["zone","ä"]]}', 'token 1', 1795361105007, 'local:0', 1795362005007, 0, NULL, 1795361105007);
INSERT INTO tokens VALUES (2, X'0202020202020202020202020202020202020202020202020202020202020202', 'api', '{"role":"operator","labels":[["zone","ä"]],"kinds":["backup.*"]}', 'token 2', 1795361105007, 'local:0', NULL, NULL, 1795361112007, NULL);
INSERT INTO tokens VALUES (3, X'0303030303030303030303030303030303030303030303030303030303030303', 'api', '{"role":"admin","labels":[]}', 'token 3', 1795361105007, 'local:0', NULL, NULL, NULL, 1795361113007);
INSERT INTO credentials VALUES (X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', 1, '[["zone","ä"]]', 1795361105007, NULL);
INSERT INTO credentials VALUES (X'0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C', X'0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C', 1, '[["zone","ä"]]', 1795361105007, 1795361112007);
INSERT INTO sightings VALUES (3, 0, X'01010101010101010101010101010101', 'b00t');
INSERT INTO sightings VALUES (3, 1, X'02020202020202020202020202020202', 'b00t');
INSERT INTO audit VALUES (1, 1795361112007, 'local:0', NULL, NULL, 'this host', 'token.create', 'token:1', NULL, NULL);
INSERT INTO audit VALUES (10, 1795361112007, 'local:0', NULL, NULL, 'this host', 'planet.move', 'it', NULL, NULL);
INSERT INTO audit VALUES (2, 1795361112007, 'local:0', NULL, NULL, 'this host', 'token.create', 'token:2', NULL, NULL);
INSERT INTO audit VALUES (3, 1795361112007, 'local:0', NULL, NULL, 'this host', 'token.create', 'token:3', NULL, NULL);
INSERT INTO audit VALUES (4, 1795361112007, 'local:0', NULL, NULL, 'this host', 'token.revoke', 'token:2', 'good', NULL);
INSERT INTO audit VALUES (5, 1795361112007, 'local:0', 1, X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', 'this host', 'agent.enrol', '0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b', NULL, NULL);
INSERT INTO audit VALUES (6, 1795361112007, 'local:0', 1, X'0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C0C', 'this host', 'agent.enrol', '0c0c0c0c-0c0c-0c0c-0c0c-0c0c0c0c0c0c', NULL, NULL);
INSERT INTO audit VALUES (7, 1795361112007, 'local:0', NULL, NULL, 'this host', 'agent.delete', 'it', NULL, NULL);
INSERT INTO audit VALUES (8, 1795361112007, 'local:0', NULL, NULL, 'this host', 'agent.clone', 'it', NULL, NULL);
INSERT INTO audit VALUES (9, 1795361112007, 'local:0', 3, X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', 'this host', 'task.create', 'it', NULL, NULL);
INSERT INTO counts VALUES ('agents', X'', 3);
INSERT INTO counts VALUES ('credentials', X'', 1);
INSERT INTO counts VALUES ('queued', X'01010101010101010101010101010101', 1);
INSERT INTO counts VALUES ('queued', X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B', 1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES ('agents', 4);
INSERT INTO sqlite_sequence VALUES ('audit', 10);
INSERT INTO sqlite_sequence VALUES ('epochs', 2);
INSERT INTO sqlite_sequence VALUES ('reporters', 2);
INSERT INTO sqlite_sequence VALUES ('tasks', 11);
INSERT INTO sqlite_sequence VALUES ('tokens', 3);
INSERT INTO sqlite_sequence VALUES ('watermarks', 3);
