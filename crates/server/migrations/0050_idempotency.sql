-- Requests that a client named (Idempotency-Key), and what they were answered: sent again, they are answered the same.
CREATE TABLE idempotency_keys (
    seq            {id},
    -- Whose names these are.
    scope          {word} NOT NULL,
    -- As the client gave it.
    name           {word} NOT NULL,
    -- Hash of what was asked.
    fingerprint    {word} NOT NULL,
    -- The request that works on it, and the process that it is in.
    owner          {word} NOT NULL,
    run            {word} NOT NULL,
    lease_until_ms {int} NOT NULL,
    -- The id of what it made, written with that.
    subject        {word},
    status         {int},
    -- Headers and body of the answer, wrapped under the key file.
    answer         {blob},
    created_at_ms  {int} NOT NULL
) {table};
CREATE UNIQUE INDEX idempotency_keys_by_name ON idempotency_keys (scope, name);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at_ms);
