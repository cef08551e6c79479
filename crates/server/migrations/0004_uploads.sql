-- Uploads that may be interrupted, and pulls. Their bytes are in the data folder, uploads/<id>, until they are whole.
CREATE TABLE uploads (
    seq           {id},
    id            {word} NOT NULL UNIQUE,
    -- tus: a client brings the bytes; pull: this server fetches them.
    kind          {word} NOT NULL,
    name          {word} NOT NULL,
    -- Upload-Metadata of tus, as it came.
    metadata      {text} NOT NULL,
    -- Of a pull, until it has ended: from where, and the strong ETag of the file.
    url           {text},
    validator     {word},
    -- Bytes: of the whole, when that is known, and on the disk.
    length        {int},
    received      {int} NOT NULL,
    -- receiving, finishing, done, refused, failed or expired.
    state         {word} NOT NULL,
    error         {text},
    -- What it became. The asset may have been deleted since.
    asset_id      {word},
    expires_at_ms {int} NOT NULL,
    created_at_ms {int} NOT NULL,
    updated_at_ms {int} NOT NULL
) {table};
CREATE INDEX uploads_by_state ON uploads (state);
CREATE INDEX uploads_by_expiry ON uploads (expires_at_ms);

-- Equal content is recognised by its hash.
CREATE INDEX assets_by_sha256 ON assets (sha256);
