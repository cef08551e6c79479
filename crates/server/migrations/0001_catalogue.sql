-- The catalogue and its queue. Columns that end in _ms hold milliseconds: of the Unix epoch, but for
-- lease_until_ms and run_at_ms, which belong to the monotonic clock of the running process.

CREATE TABLE assets (
    input_content_id     {id},
    id                   {word} NOT NULL UNIQUE,
    name                 {word} NOT NULL,
    -- Path of the delivered file below the data folder.
    input_content_origin {word} NOT NULL UNIQUE,
    sha256               {word} NOT NULL,
    size                 {int} NOT NULL,
    container            {word} NOT NULL,
    brand                {word} NOT NULL,
    fragmented           {bool} NOT NULL,
    duration_seconds     {real} NOT NULL,
    -- RFC 6381 strings of all tracks, comma separated.
    codecs               {text} NOT NULL,
    -- Bits a second, over the whole file.
    bitrate              {int} NOT NULL,
    -- The container's id of the first packageable video track.
    video_track_number   {int},
    probe                {json} NOT NULL,
    created_at_ms        {int} NOT NULL,
    updated_at_ms        {int} NOT NULL
) {table};
CREATE INDEX assets_by_name ON assets (name);

CREATE TABLE packages (
    packaged_content_id {id},
    id                  {word} NOT NULL UNIQUE,
    input_content_id    {int} NOT NULL{sqlite,postgres: REFERENCES assets (input_content_id) ON DELETE CASCADE},
    -- The unguessable folder below packages/.
    code                {word} NOT NULL UNIQUE,
    status              {word} NOT NULL,
    error               {text},
    scheme              {word} NOT NULL,
    encrypt             {word} NOT NULL,
    -- Content key, wrapped (AES-256-GCM under the key file), and the KID's 32 hex digits.
    video_key           {blob},
    kid                 {word},
    -- Key (wrapped) and KID in the form in which the client gave them.
    given_key           {blob},
    given_kid           {word},
    segment_duration_ms {int} NOT NULL,
    -- JSON: what the plan fixed.
    renditions          {json} NOT NULL DEFAULT {empty_list},
    warnings            {json} NOT NULL DEFAULT {empty_list},
    -- The newest object written, below the data folder.
    output_file_path    {text},
    size                {int},
    -- Path on any host of this server; only once published.
    url                 {text},
    created_at_ms       {int} NOT NULL,
    updated_at_ms       {int} NOT NULL,
    ready_at_ms         {int}{mysql:,
    FOREIGN KEY (input_content_id) REFERENCES assets (input_content_id) ON DELETE CASCADE}
) {table};
CREATE INDEX packages_by_asset ON packages (input_content_id);
CREATE INDEX packages_by_kid ON packages (kid);

CREATE TABLE jobs (
    seq                 {id},
    id                  {word} NOT NULL UNIQUE,
    kind                {word} NOT NULL,
    packaged_content_id {int} NOT NULL UNIQUE{sqlite,postgres:
                        REFERENCES packages (packaged_content_id) ON DELETE CASCADE},
    state               {word} NOT NULL,
    progress            {real} NOT NULL DEFAULT 0,
    attempts            {int} NOT NULL DEFAULT 0,
    -- How often a process died while this job ran in it.
    deaths              {int} NOT NULL DEFAULT 0,
    error               {text},
    cancel_requested    {bool} NOT NULL DEFAULT {false},
    -- 16 random bytes; a job that is tried again keeps them and so writes the same bytes.
    iv_seed             {blob} NOT NULL,
    -- The claim: who, until when, and the token that grows with every claim.
    worker              {word},
    lease_until_ms      {int},
    fence               {int} NOT NULL DEFAULT 0,
    run_at_ms           {int} NOT NULL DEFAULT 0,
    -- The boot in which objects were last written: after a power cut they are not trusted.
    boot_id             {word},
    created_at_ms       {int} NOT NULL,
    started_at_ms       {int},
    finished_at_ms      {int}{mysql:,
    FOREIGN KEY (packaged_content_id) REFERENCES packages (packaged_content_id) ON DELETE CASCADE}
) {table};
CREATE INDEX jobs_by_state ON jobs (state);

-- The catalogue in the words of the platform that Reelpack succeeds: one row for each packaging, and one
-- for each asset without any.
CREATE VIEW uploaded_videos AS
SELECT a.input_content_id, a.input_content_origin, a.video_track_number,
       COALESCE(p.status, 'Ingested') AS status, p.output_file_path, p.video_key, p.kid,
       p.packaged_content_id, p.url, a.name, a.duration_seconds, a.container, a.codecs, a.bitrate,
       a.size, a.probe, a.created_at_ms, COALESCE(p.updated_at_ms, a.updated_at_ms) AS updated_at_ms
FROM assets a LEFT JOIN packages p ON p.input_content_id = a.input_content_id;
