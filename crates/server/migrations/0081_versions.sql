-- Versions of what clients change: each grows with every change that a client makes, and is in the thing's ETag.
ALTER TABLE packages ADD COLUMN version {int} NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN version {int} NOT NULL DEFAULT 1;
ALTER TABLE api_tokens ADD COLUMN version {int} NOT NULL DEFAULT 1;
ALTER TABLE webhooks ADD COLUMN version {int} NOT NULL DEFAULT 1;
