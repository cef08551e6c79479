-- The catalogue and its queue. Columns that end in _ms hold milliseconds: of the Unix epoch, but for
-- lease_until_ms and run_at_ms, which belong to the monotonic clock of the running process.

CREATE TABLE assets (
    input_content_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    id                   TEXT NOT NULL UNIQUE,
    name                 TEXT NOT NULL,
    -- Path of the delivered file below the data folder.
    input_content_origin TEXT NOT NULL UNIQUE,
    sha256               TEXT NOT NULL,
    size                 INTEGER NOT NULL,
    container            TEXT NOT NULL,
    brand                TEXT NOT NULL,
    fragmented           INTEGER NOT NULL,
    duration_seconds     REAL NOT NULL,
    -- RFC 6381 strings of all tracks, comma separated.
    codecs               TEXT NOT NULL,
    -- Bits a second, over the whole file.
    bitrate              INTEGER NOT NULL,
    -- The container's id of the first packageable video track.
    video_track_number   INTEGER,
    probe                TEXT NOT NULL,
    created_at_ms        INTEGER NOT NULL,
    updated_at_ms        INTEGER NOT NULL
) STRICT;
CREATE INDEX assets_by_name ON assets (name);

CREATE TABLE packages (
    packaged_content_id INTEGER PRIMARY KEY AUTOINCREMENT,
    id                  TEXT NOT NULL UNIQUE,
    input_content_id    INTEGER NOT NULL REFERENCES assets (input_content_id) ON DELETE CASCADE,
    -- The unguessable folder below packages/.
    code                TEXT NOT NULL UNIQUE,
    status              TEXT NOT NULL,
    error               TEXT,
    scheme              TEXT NOT NULL,
    encrypt             TEXT NOT NULL,
    -- Content key, wrapped (AES-256-GCM under the key file), and the KID's 32 hex digits.
    video_key           BLOB,
    kid                 TEXT,
    -- Key (wrapped) and KID in the form in which the client gave them.
    given_key           BLOB,
    given_kid           TEXT,
    segment_duration_ms INTEGER NOT NULL,
    -- JSON: what the plan fixed.
    renditions          TEXT NOT NULL DEFAULT '[]',
    warnings            TEXT NOT NULL DEFAULT '[]',
    -- The newest object written, below the data folder.
    output_file_path    TEXT,
    size                INTEGER,
    -- Path on any host of this server; only once published.
    url                 TEXT,
    created_at_ms       INTEGER NOT NULL,
    updated_at_ms       INTEGER NOT NULL,
    ready_at_ms         INTEGER
) STRICT;
CREATE INDEX packages_by_asset ON packages (input_content_id);
CREATE INDEX packages_by_kid ON packages (kid);

CREATE TABLE jobs (
    seq                 INTEGER PRIMARY KEY AUTOINCREMENT,
    id                  TEXT NOT NULL UNIQUE,
    kind                TEXT NOT NULL,
    packaged_content_id INTEGER NOT NULL UNIQUE
                        REFERENCES packages (packaged_content_id) ON DELETE CASCADE,
    state               TEXT NOT NULL,
    progress            REAL NOT NULL DEFAULT 0,
    attempts            INTEGER NOT NULL DEFAULT 0,
    -- How often a process died while this job ran in it.
    deaths              INTEGER NOT NULL DEFAULT 0,
    error               TEXT,
    cancel_requested    INTEGER NOT NULL DEFAULT 0,
    -- 16 random bytes; a job that is tried again keeps them and so writes the same bytes.
    iv_seed             BLOB NOT NULL,
    -- The claim: who, until when, and the token that grows with every claim.
    worker              TEXT,
    lease_until_ms      INTEGER,
    fence               INTEGER NOT NULL DEFAULT 0,
    run_at_ms           INTEGER NOT NULL DEFAULT 0,
    -- The boot in which objects were last written: after a power cut they are not trusted.
    boot_id             TEXT,
    created_at_ms       INTEGER NOT NULL,
    started_at_ms       INTEGER,
    finished_at_ms      INTEGER
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);

-- The catalogue in the words of the platform that Reelpack succeeds: one row for each packaging, and one
-- for each asset without any.
CREATE VIEW uploaded_videos AS
SELECT a.input_content_id, a.input_content_origin, a.video_track_number,
       COALESCE(p.status, 'Ingested') AS status, p.output_file_path, p.video_key, p.kid,
       p.packaged_content_id, p.url, a.name, a.duration_seconds, a.container, a.codecs, a.bitrate,
       a.size, a.probe, a.created_at_ms, COALESCE(p.updated_at_ms, a.updated_at_ms) AS updated_at_ms
FROM assets a LEFT JOIN packages p ON p.input_content_id = a.input_content_id;
