-- Texts by digest: parts of requests, constitutions, templates. Prefixes shared by many judge calls lie here once.
CREATE TABLE blobs (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE prompts (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE completions (
  id TEXT NOT NULL, prompt_id TEXT NOT NULL, policy TEXT NOT NULL, draw INTEGER NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY (prompt_id, policy, draw, id)
) WITHOUT ROWID;
-- `reply` is NULL while a call has only failed; `error` then says why.
CREATE TABLE calls (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, fingerprint TEXT NOT NULL, request TEXT NOT NULL,
  reply TEXT, error TEXT, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
  run_id TEXT NOT NULL, at REAL NOT NULL, tries INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE pairs (
  run_id TEXT NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY (run_id, place)
) WITHOUT ROWID;
CREATE INDEX pairs_by_id ON pairs (id);
-- What people said in review, and which training step used which pair.
CREATE TABLE decisions (
  pair_id TEXT NOT NULL, reviewer TEXT NOT NULL, row TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (pair_id, reviewer, at)
) WITHOUT ROWID;
CREATE TABLE usage (
  run_id TEXT NOT NULL, step INTEGER NOT NULL, pair_id TEXT NOT NULL,
  PRIMARY KEY (run_id, step, pair_id)
) WITHOUT ROWID;
-- Raw judge answers behind each pair; what they mean is read by parsers, which may improve.
CREATE VIEW judgments AS
  SELECT pairs.run_id, pairs.id AS pair_id, calls.key, calls.fingerprint AS judge, calls.kind, calls.reply, calls.error
  FROM pairs, json_each(pairs.row, '$.provenance.calls') AS named JOIN calls ON calls.key = named.value;
