-- Who may come in: accounts of people with their sessions, and tokens of programs. Secrets are hashes here, and open nothing.

CREATE TABLE accounts (
    account_id    {id},
    id            {word} NOT NULL UNIQUE,
    name          {word} NOT NULL UNIQUE,
    -- Argon2id, in the form of the PHC.
    password_hash {text} NOT NULL,
    created_at_ms {int} NOT NULL,
    updated_at_ms {int} NOT NULL
) {table};

CREATE TABLE sessions (
    session_id    {id},
    account_id    {int} NOT NULL,
    -- SHA-256 of what the cookie holds.
    secret_sha256 {word} NOT NULL UNIQUE,
    created_at_ms {int} NOT NULL,
    expires_at_ms {int} NOT NULL,
    FOREIGN KEY (account_id) REFERENCES accounts (account_id) ON DELETE CASCADE
) {table};
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);

CREATE TABLE api_tokens (
    api_token_id    {id},
    id              {word} NOT NULL UNIQUE,
    name            {word} NOT NULL,
    -- SHA-256 of the token.
    secret_sha256   {word} NOT NULL UNIQUE,
    -- Words, with a space between them.
    scopes          {text} NOT NULL,
    created_at_ms   {int} NOT NULL,
    expires_at_ms   {int} NOT NULL,
    revoked_at_ms   {int},
    -- To the minute.
    last_used_at_ms {int}
) {table};
