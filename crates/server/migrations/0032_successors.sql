-- Whatever was replaced by a package that is replaced in its turn is found by this.
CREATE INDEX packages_by_successor ON packages (replaced_by);
