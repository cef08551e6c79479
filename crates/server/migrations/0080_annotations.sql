-- What clients note about assets: their own name for one, and metadata.

ALTER TABLE assets ADD COLUMN external_id {word};
-- Grows with every change that a client makes.
ALTER TABLE assets ADD COLUMN version {int} NOT NULL DEFAULT 1;
CREATE INDEX assets_by_external_id ON assets (tenant_id, external_id);

CREATE TABLE asset_metadata (
    asset_metadata_id {id},
    input_content_id  {int} NOT NULL,
    name              {word} NOT NULL,
    value             {text} NOT NULL,
    -- SHA-256 of name and value, hex digits: what is filtered by, for no engine has an index over long texts.
    digest            {word} NOT NULL,
    FOREIGN KEY (input_content_id) REFERENCES assets (input_content_id) ON DELETE CASCADE
) {table};
CREATE UNIQUE INDEX asset_metadata_by_name ON asset_metadata (input_content_id, name);
CREATE INDEX asset_metadata_by_digest ON asset_metadata (digest, input_content_id);

-- The same for the asset that an upload becomes: JSON, or NULL where nothing was noted.
ALTER TABLE uploads ADD COLUMN annotations {json};
