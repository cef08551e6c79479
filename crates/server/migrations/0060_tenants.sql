-- Tenants, which see nothing of each other. What was there before belongs to the first one.
CREATE TABLE tenants (
    tenant_number {id},
    id            {word} NOT NULL UNIQUE,
    name          {word} NOT NULL UNIQUE,
    -- Most bytes, assets and unfinished jobs; NULL where there is no limit.
    max_bytes     {int},
    max_assets    {int},
    max_jobs      {int},
    -- Grows with every change that a client makes.
    version       {int} NOT NULL DEFAULT 1,
    created_at_ms {int} NOT NULL,
    updated_at_ms {int} NOT NULL
) {table};
INSERT INTO tenants (id, name, created_at_ms, updated_at_ms)
SELECT 'ten_default', 'default', t.now_ms, t.now_ms FROM (SELECT
    {sqlite:CAST(strftime('%s', 'now') AS INTEGER) * 1000}{postgres:CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)}{mysql:CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)}
    AS now_ms) t;

-- Packages, sources, renditions and content keys are those of their asset; sessions those of their account.
ALTER TABLE assets ADD COLUMN tenant_id {word} NOT NULL DEFAULT 'ten_default';
ALTER TABLE uploads ADD COLUMN tenant_id {word} NOT NULL DEFAULT 'ten_default';
ALTER TABLE jobs ADD COLUMN tenant_id {word} NOT NULL DEFAULT 'ten_default';
ALTER TABLE events ADD COLUMN tenant_id {word} NOT NULL DEFAULT 'ten_default';
ALTER TABLE accounts ADD COLUMN tenant_id {word} NOT NULL DEFAULT 'ten_default';
ALTER TABLE api_tokens ADD COLUMN tenant_id {word} NOT NULL DEFAULT 'ten_default';
CREATE INDEX assets_by_tenant ON assets (tenant_id, input_content_id);
CREATE INDEX uploads_by_tenant ON uploads (tenant_id, seq);
CREATE INDEX jobs_by_tenant ON jobs (tenant_id, state);
CREATE INDEX events_by_tenant ON events (tenant_id, event_id);
CREATE INDEX api_tokens_by_tenant ON api_tokens (tenant_id, api_token_id);

-- Each tenant has names of its own for its orders.
DROP INDEX jobs_by_unique_key{mysql: ON jobs};
CREATE UNIQUE INDEX jobs_by_unique_key ON jobs (tenant_id, unique_key);
