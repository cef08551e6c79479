-- Who may play an asset, and how often a licence was given to who may not have it for ever.

-- public, or signed: players then show a token.
ALTER TABLE assets ADD COLUMN playback {word} NOT NULL DEFAULT 'public';

-- A counted token: the token itself is nowhere.
CREATE TABLE playback_grants (
    playback_grant_id {id},
    id                {word} NOT NULL UNIQUE,
    -- Licences that it is good for, and those that were given.
    most              {int} NOT NULL,
    used              {int} NOT NULL DEFAULT 0,
    created_at_ms     {int} NOT NULL,
    expires_at_ms     {int} NOT NULL
) {table};
CREATE INDEX playback_grants_by_expiry ON playback_grants (expires_at_ms);
