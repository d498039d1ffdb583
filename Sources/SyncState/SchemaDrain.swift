/// What a POP3 drain needs (DESIGN.md section 7).
extension Schema {
  static let drain = """
    -- The maildrop of a POP3 account as the last session left it.
    CREATE TABLE maildrop (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      -- Where its messages are delivered.
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      -- Complete listings so far.
      listing INTEGER NOT NULL DEFAULT 0,
      -- Messages that were delivered and whose rows have gone.
      gone INTEGER NOT NULL DEFAULT 0,
      -- On the server, and those of them that are over the size limit.
      left_there INTEGER NOT NULL DEFAULT 0, too_large INTEGER NOT NULL DEFAULT 0,
      -- In the folder, and those of them without the Seen flag.
      files INTEGER NOT NULL DEFAULT 0, unseen INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    -- A message of the maildrop. Its id is the UID of its row in message, which it has from its delivery intent on; it is
    -- here when that row is present.
    CREATE TABLE drained (
      id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      -- NULL where the server gives none. Not unique: servers repeat them.
      unique_id BLOB CHECK (length(unique_id) BETWEEN 1 AND 71),
      -- As LIST had it.
      size INTEGER CHECK (size >= 0),
      -- Seconds since 1970, and the number of the listing.
      first_seen INTEGER NOT NULL, first_listing INTEGER NOT NULL,
      -- The intent to delete it on the server, in force from the moment at which it is here: 0 none, 1 DELE may have been
      -- sent, 2 QUIT as well, 3 confirmed by QUIT's +OK.
      departure INTEGER NOT NULL DEFAULT 0 CHECK (departure BETWEEN 0 AND 3),
      -- How often its deletion was confirmed.
      deletions INTEGER NOT NULL DEFAULT 0,
      -- The first of the listings that lacked it, and when.
      absent_listing INTEGER, absent_at INTEGER,
      -- The person deleted its file, and that counts on the server.
      removed_here INTEGER NOT NULL DEFAULT 0 CHECK (removed_here IN (0, 1)),
      -- Why it could not be fetched, and how often that was tried.
      reason TEXT, attempts INTEGER NOT NULL DEFAULT 0,
      CHECK ((absent_listing IS NULL) = (absent_at IS NULL))
    ) STRICT;
    CREATE INDEX drained_unique_id ON drained (unique_id);
    CREATE INDEX drained_absent ON drained (absent_at) WHERE absent_at IS NOT NULL;
    """
}
