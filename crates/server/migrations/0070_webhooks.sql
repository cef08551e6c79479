-- Addresses that are told what happened, after Standard Webhooks.
CREATE TABLE webhooks (
    webhook_id       {id},
    id               {word} NOT NULL UNIQUE,
    tenant_id        {word} NOT NULL DEFAULT 'ten_default',
    url              {text} NOT NULL,
    -- Types of events with a space between them; none: all.
    event_types      {text} NOT NULL,
    description      {text} NOT NULL,
    enabled          {bool} NOT NULL DEFAULT {true},
    -- Why it is not, when nobody wanted that.
    disabled_because {text},
    -- What signs, wrapped under the key file; and what signed before, as long as it signs besides.
    secret           {blob} NOT NULL,
    earlier_secret   {blob},
    earlier_until_ms {int},
    -- Number of the last event for which deliveries were made, where it was wanted.
    seen_event       {int} NOT NULL,
    -- When it began to fail; NULL while it does not.
    failing_since_ms {int},
    created_at_ms    {int} NOT NULL,
    updated_at_ms    {int} NOT NULL
) {table};
CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, webhook_id);

-- What a webhook is told, and what came of it.
CREATE TABLE webhook_deliveries (
    webhook_delivery_id {id},
    id                  {word} NOT NULL UNIQUE,
    webhook_id          {int} NOT NULL,
    -- The id of the event, or of a test: the same at each attempt.
    message             {word} NOT NULL,
    kind                {word} NOT NULL,
    body                {text} NOT NULL,
    -- pending, delivered, failed.
    state               {word} NOT NULL,
    -- Of all attempts the number, and that of those since it was last asked for.
    attempts            {int} NOT NULL DEFAULT 0,
    tries               {int} NOT NULL DEFAULT 0,
    -- Of a pending one; while an attempt is under way, when another process may take over.
    next_attempt_at_ms  {int},
    attempting          {bool} NOT NULL DEFAULT {false},
    -- The last attempt: when, for how long, and what was answered or what failed.
    attempted_at_ms     {int},
    duration_ms         {int},
    answer_status       {int},
    answer              {text},
    failure             {text},
    created_at_ms       {int} NOT NULL,
    FOREIGN KEY (webhook_id) REFERENCES webhooks (webhook_id)
) {table};
CREATE UNIQUE INDEX webhook_deliveries_by_message ON webhook_deliveries (webhook_id, message);
CREATE INDEX webhook_deliveries_by_turn ON webhook_deliveries (state, next_attempt_at_ms);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at_ms);
