-- The queue: turns, pauses, keys of orders, and what all processes of a database must know.

-- Whose turn it is: the job of the smallest number, and of those the oldest. Minus the priority of the API.
ALTER TABLE jobs ADD COLUMN turn {int} NOT NULL DEFAULT 0;
-- A client's own name for its order: the same order, sent again, finds this job.
ALTER TABLE jobs ADD COLUMN unique_key {word};
-- The worker is to put the job back, and it waits until it is resumed.
ALTER TABLE jobs ADD COLUMN pause_requested {bool} NOT NULL DEFAULT {false};
CREATE UNIQUE INDEX jobs_by_unique_key ON jobs (unique_key);
CREATE INDEX jobs_by_turn ON jobs (state, turn, seq);

-- One row.
CREATE TABLE queue (
    id           {int} NOT NULL PRIMARY KEY,
    -- Nothing new is begun.
    paused       {bool} NOT NULL DEFAULT {false},
    -- The boot of the machine in which the times of leases were told; of the embedded database alone.
    boot_id      {word},
    -- When a process last looked whether the database can be written.
    probed_at_ms {int}
) {table};
INSERT INTO queue (id) VALUES (1);
