-- Parts: what must be made of a source before it is packaged. Parts are jobs of their own, which any worker takes.

-- What the order says of renditions: none, auto, or the text of a profile.
ALTER TABLE packages ADD COLUMN ladder {text};
-- What the first look at the source decided (JSON). All parts are made by it, wherever they are.
ALTER TABLE packages ADD COLUMN preparation {text};

-- A package has one job with part 0, which makes it, and a job for each of its parts, from 1. `task` (JSON) says what is
-- to be made, `weight` how much work that is beside the other parts, `made` (JSON) what came of it. SQLite drops no constraint: the table is made anew.
{sqlite:CREATE TABLE jobs_anew (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    packaged_content_id INTEGER NOT NULL REFERENCES packages (packaged_content_id) ON DELETE CASCADE,
    part INTEGER NOT NULL DEFAULT 0,
    task TEXT,
    weight INTEGER NOT NULL DEFAULT 1,
    made TEXT,
    state TEXT NOT NULL,
    progress REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    pause_requested INTEGER NOT NULL DEFAULT 0,
    turn INTEGER NOT NULL DEFAULT 0,
    unique_key TEXT,
    iv_seed BLOB NOT NULL,
    worker TEXT,
    lease_until_ms INTEGER,
    fence INTEGER NOT NULL DEFAULT 0,
    run_at_ms INTEGER NOT NULL DEFAULT 0,
    boot_id TEXT,
    created_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    finished_at_ms INTEGER
) STRICT;
INSERT INTO jobs_anew (seq, id, kind, packaged_content_id, state, progress, attempts, deaths, error,
    cancel_requested, pause_requested, turn, unique_key, iv_seed, worker, lease_until_ms, fence, run_at_ms, boot_id,
    created_at_ms, started_at_ms, finished_at_ms)
SELECT seq, id, kind, packaged_content_id, state, progress, attempts, deaths, error,
    cancel_requested, pause_requested, turn, unique_key, iv_seed, worker, lease_until_ms, fence, run_at_ms, boot_id,
    created_at_ms, started_at_ms, finished_at_ms
FROM jobs ORDER BY seq;
DROP TABLE jobs;
ALTER TABLE jobs_anew RENAME TO jobs;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE UNIQUE INDEX jobs_by_unique_key ON jobs (unique_key);}{postgres,mysql:ALTER TABLE jobs ADD COLUMN part BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN task TEXT;
ALTER TABLE jobs ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN made TEXT;}
CREATE UNIQUE INDEX jobs_by_part ON jobs (packaged_content_id, part);
{postgres:ALTER TABLE jobs DROP CONSTRAINT jobs_packaged_content_id_key;}{mysql:ALTER TABLE jobs DROP INDEX packaged_content_id;}
{postgres:DROP INDEX jobs_by_turn;}{mysql:DROP INDEX jobs_by_turn ON jobs;}
-- Parts have the turn of their package's job, and come before the packages that were ordered later.
CREATE INDEX jobs_by_turn ON jobs (state, turn, packaged_content_id, part);
