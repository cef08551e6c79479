-- What lies beside a package for pages, in the clear: words of what was ordered, and of what was made, with commas between.
ALTER TABLE packages ADD COLUMN extras {text};
ALTER TABLE packages ADD COLUMN extras_made {text};
-- How loud sound is made, in LUFS; nothing where it stays as it is.
ALTER TABLE packages ADD COLUMN loudness_lufs {real};
