-- Sources, renditions and content keys have rows of their own; events; the view shows no key.

DROP VIEW uploaded_videos;

CREATE TABLE sources (
    source_id        {id},
    input_content_id {int} NOT NULL UNIQUE,
    -- Path of the delivered file below the data folder.
    path             {word} NOT NULL UNIQUE,
    sha256           {word} NOT NULL,
    size             {int} NOT NULL,
    created_at_ms    {int} NOT NULL,
    updated_at_ms    {int} NOT NULL,
    FOREIGN KEY (input_content_id) REFERENCES assets (input_content_id) ON DELETE CASCADE
) {table};
CREATE INDEX sources_by_sha256 ON sources (sha256);
INSERT INTO sources (input_content_id, path, sha256, size, created_at_ms, updated_at_ms)
SELECT input_content_id, input_content_origin, sha256, size, created_at_ms, created_at_ms
FROM assets ORDER BY input_content_id;

CREATE TABLE renditions (
    rendition_id        {id},
    packaged_content_id {int} NOT NULL,
    -- Place in the plan, from 0.
    position            {int} NOT NULL,
    name                {word} NOT NULL,
    -- The track of the source that it was made of.
    track_id            {int} NOT NULL,
    codec               {word} NOT NULL,
    segments            {int} NOT NULL,
    encrypted           {bool} NOT NULL,
    created_at_ms       {int} NOT NULL,
    updated_at_ms       {int} NOT NULL,
    UNIQUE (packaged_content_id, position),
    FOREIGN KEY (packaged_content_id) REFERENCES packages (packaged_content_id) ON DELETE CASCADE
) {table};
INSERT INTO renditions (packaged_content_id, position, name, track_id, codec, segments, encrypted,
                        created_at_ms, updated_at_ms)
{sqlite:SELECT p.packaged_content_id, r.key, r.value ->> '$.name', r.value ->> '$.track_id',
       r.value ->> '$.codec', r.value ->> '$.segments', r.value ->> '$.encrypted',
       p.updated_at_ms, p.updated_at_ms
FROM packages p, json_each(p.renditions) r ORDER BY 1, 2;}{postgres:SELECT p.packaged_content_id, r.number - 1, r.value ->> 'name', (r.value ->> 'track_id')::BIGINT,
       r.value ->> 'codec', (r.value ->> 'segments')::BIGINT, (r.value ->> 'encrypted')::BOOLEAN,
       p.updated_at_ms, p.updated_at_ms
FROM packages p, jsonb_array_elements(p.renditions) WITH ORDINALITY AS r (value, number)
ORDER BY 1, 2;}{mysql:SELECT p.packaged_content_id, r.number - 1, r.name, r.track_id, r.codec, r.segments, r.encrypted,
       p.updated_at_ms, p.updated_at_ms
FROM packages p, JSON_TABLE(p.renditions, '$[*]' COLUMNS (
    number FOR ORDINALITY, name VARCHAR(255) PATH '$.name', track_id BIGINT PATH '$.track_id',
    codec VARCHAR(255) PATH '$.codec', segments BIGINT PATH '$.segments',
    encrypted BOOLEAN PATH '$.encrypted')) r
ORDER BY 1, 2;}
ALTER TABLE packages DROP COLUMN renditions;

CREATE TABLE content_keys (
    content_key_id      {id},
    -- One key a package.
    packaged_content_id {int} NOT NULL UNIQUE,
    -- 32 hex digits.
    kid                 {word} NOT NULL,
    -- The content key, wrapped (AES-256-GCM under the key file, bound to package and KID).
    wrapped_key         {blob} NOT NULL,
    -- Key (wrapped) and KID in the form in which the client gave them.
    given_key           {blob} NOT NULL,
    given_kid           {word} NOT NULL,
    created_at_ms       {int} NOT NULL,
    updated_at_ms       {int} NOT NULL,
    FOREIGN KEY (packaged_content_id) REFERENCES packages (packaged_content_id) ON DELETE CASCADE
) {table};
CREATE INDEX content_keys_by_kid ON content_keys (kid);
INSERT INTO content_keys (packaged_content_id, kid, wrapped_key, given_key, given_kid, created_at_ms,
                          updated_at_ms)
SELECT packaged_content_id, kid, video_key, given_key, given_kid, created_at_ms, created_at_ms
FROM packages WHERE video_key IS NOT NULL ORDER BY packaged_content_id;
DROP INDEX packages_by_kid{mysql: ON packages};
ALTER TABLE packages DROP COLUMN video_key;
ALTER TABLE packages DROP COLUMN kid;
ALTER TABLE packages DROP COLUMN given_key;
ALTER TABLE packages DROP COLUMN given_kid;

-- What happened, for people and programs that were not there.
CREATE TABLE events (
    event_id      {id},
    id            {word} NOT NULL UNIQUE,
    kind          {word} NOT NULL,
    -- The id of what it happened to: of an asset, a package or a job.
    subject       {word} NOT NULL,
    detail        {text},
    created_at_ms {int} NOT NULL
) {table};
CREATE INDEX events_by_subject ON events (subject);
CREATE INDEX events_by_time ON events (created_at_ms);

-- The catalogue in the words of the platform that Reelpack succeeds: one row for each packaging, and one
-- for each asset without any. The first nine columns are the platform's; its sixth held the key.
CREATE VIEW uploaded_videos AS
SELECT a.input_content_id, a.input_content_origin, a.video_track_number,
       COALESCE(p.status, 'Ingested') AS status, p.output_file_path,
       CASE WHEN k.kid IS NULL THEN NULL ELSE 'redacted' END AS video_key, k.kid,
       p.packaged_content_id, p.url, a.name, a.duration_seconds, a.container, a.codecs, a.bitrate,
       a.size, a.probe, a.created_at_ms, COALESCE(p.updated_at_ms, a.updated_at_ms) AS updated_at_ms
FROM assets a
LEFT JOIN packages p ON p.input_content_id = a.input_content_id
LEFT JOIN content_keys k ON k.packaged_content_id = p.packaged_content_id;
