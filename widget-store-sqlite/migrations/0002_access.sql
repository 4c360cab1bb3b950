-- Format 2: who may come in, and what was done.

-- What is not good any more stays. `grants` is JSON: what the purpose has of labels, uses, role and kinds.
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

-- They outlive the rows of their agents, so that no id is given a second time.
CREATE TABLE credentials (
    verifier BLOB PRIMARY KEY,
    agent BLOB NOT NULL UNIQUE,
    token INTEGER NOT NULL,
    labels TEXT NOT NULL, -- JSON
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT, WITHOUT ROWID;

-- The hosts on which an agent was seen, where it is now last.
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
-- A row that is replaced is deleted without asking the trigger above.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE number = new.number)
BEGIN SELECT raise(ABORT, 'the audit list only grows'); END;

ALTER TABLE agents ADD COLUMN enrolled INTEGER;
ALTER TABLE agents ADD COLUMN labels TEXT; -- JSON, of its credential
ALTER TABLE agents ADD COLUMN cloned TEXT; -- JSON, where there are two of it
ALTER TABLE tasks ADD COLUMN asked_by TEXT;

-- How many rows there are of what has a limit, since to count them would take longer than to add one.
CREATE TABLE counts (
    what TEXT NOT NULL, -- queued tasks, agents, credentials that are good
    agent BLOB NOT NULL, -- whose tasks; empty for the others
    many INTEGER NOT NULL, -- where there are none, there is no row
    PRIMARY KEY (what, agent)
) STRICT, WITHOUT ROWID;

INSERT INTO counts SELECT 'queued', agent, count(*) FROM tasks WHERE state = 'queued' GROUP BY agent;
INSERT INTO counts SELECT 'agents', x'', count(*) FROM agents HAVING count(*) > 0;
