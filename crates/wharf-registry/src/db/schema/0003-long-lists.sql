-- A project's list is counted and paged through without looking at the rows themselves.
CREATE INDEX repositories_shown ON repositories (project, shown, name);
