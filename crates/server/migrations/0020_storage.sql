-- What the storage knows of packages: hashes, and which package replaces which.

-- SHA-256 of the package's list of hashes (hashes.json beside its files).
ALTER TABLE packages ADD COLUMN hashes_sha256 {word};
-- The package that this one replaces when it is published, and how long that one keeps its objects then.
ALTER TABLE packages ADD COLUMN replaces {int};
ALTER TABLE packages ADD COLUMN retire_after_ms {int};
-- The package that replaced this one, and when this one's objects are deleted.
ALTER TABLE packages ADD COLUMN replaced_by {int};
ALTER TABLE packages ADD COLUMN retire_at_ms {int};
