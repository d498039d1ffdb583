import GRDB

/// The tables of an account's database. Migrations are frozen once released; the constraints hold the invariants.
enum Schema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 mirror") { db in
      try db.execute(sql: mirror)
    }
    migrator.registerMigration("2 two ways") { db in
      try db.execute(sql: twoWays)
    }
    migrator.registerMigration("3 drain") { db in
      try db.execute(sql: drain)
    }
    migrator.registerMigration("4 counts") { db in
      try db.execute(sql: counts)
    }
    migrator.registerMigration("5 settled counts") { db in
      try db.execute(sql: settledCounts)
    }
    return migrator
  }

  private static let mirror = """
    CREATE TABLE account (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      name TEXT NOT NULL,
      server TEXT NOT NULL,
      marker TEXT NOT NULL CHECK (length(marker) > 0),
      machine TEXT NOT NULL,
      -- The boot and number of the session that last opened this database, and whether it closed it in good order.
      session INTEGER NOT NULL DEFAULT 0,
      boot TEXT NOT NULL DEFAULT '',
      -- The first session whose files a power cut may have taken; NULL once every folder was looked at.
      suspect INTEGER,
      closed INTEGER NOT NULL DEFAULT 1 CHECK (closed IN (0, 1)),
      checked_at INTEGER NOT NULL DEFAULT 0,
      last_success INTEGER,
      problem TEXT, remedy TEXT, problem_since INTEGER
    ) STRICT;

    CREATE TABLE mailbox (
      id INTEGER PRIMARY KEY,
      name BLOB NOT NULL UNIQUE,
      delimiter INTEGER CHECK (delimiter BETWEEN 1 AND 255),
      folder TEXT NOT NULL UNIQUE,
      object_id TEXT,
      uid_validity INTEGER CHECK (uid_validity BETWEEN 1 AND 4294967295),
      -- The checkpoint: set together and only by a completed round.
      uid_next INTEGER CHECK (uid_next BETWEEN 1 AND 4294967296),
      highest_modseq INTEGER CHECK (highest_modseq > 0),
      message_count INTEGER CHECK (message_count >= 0),
      last_success INTEGER,
      -- How many complete listings in a row did not have it.
      unlisted INTEGER NOT NULL DEFAULT 0,
      problem TEXT, remedy TEXT, problem_since INTEGER,
      -- new/ and cur/ at the last complete scan: device, inode, mtime, ctime; and when that scan began.
      new_device INTEGER, new_inode INTEGER, new_modified INTEGER, new_changed INTEGER,
      cur_device INTEGER, cur_inode INTEGER, cur_modified INTEGER, cur_changed INTEGER,
      scan_began INTEGER,
      local_new INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE message (
      id INTEGER PRIMARY KEY,
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      uid INTEGER CHECK (uid BETWEEN 1 AND 4294967295),
      -- 0 intended: durable in tmp/, its rename not yet confirmed. 1 present. 2 leaving: on its way to quarantine.
      state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
      -- Whether the server still has it, as far as the last complete view of the mailbox says.
      remote INTEGER NOT NULL DEFAULT 1 CHECK (remote IN (0, 1)),
      -- Local changes that wait: 1 gone, 2 flags, 4 content.
      pending INTEGER NOT NULL DEFAULT 0 CHECK (pending BETWEEN 0 AND 7),
      base_name BLOB NOT NULL CHECK (length(base_name) > 0),
      file_name BLOB NOT NULL CHECK (length(file_name) > 0),
      in_cur INTEGER NOT NULL CHECK (in_cur IN (0, 1)),
      flags INTEGER NOT NULL,
      keywords TEXT NOT NULL DEFAULT '',
      -- Those of the keywords that the file's name has no letter for.
      unlettered TEXT NOT NULL DEFAULT '',
      content_digest BLOB NOT NULL CHECK (length(content_digest) = 32),
      header_digest BLOB NOT NULL CHECK (length(header_digest) = 32),
      disk_size INTEGER NOT NULL CHECK (disk_size >= 0),
      rfc822_size INTEGER,
      wire_size INTEGER NOT NULL CHECK (wire_size >= 0),
      line_ends BLOB,
      internal_date INTEGER,
      internal_zone INTEGER,
      email_id TEXT,
      gmail_id INTEGER,
      device INTEGER, inode INTEGER, modified INTEGER, changed INTEGER,
      session INTEGER NOT NULL,
      quarantine_name TEXT,
      CHECK (state <> 1 OR inode IS NOT NULL),
      CHECK (state <> 2 OR quarantine_name IS NOT NULL),
      UNIQUE (mailbox, uid)
    ) STRICT;
    CREATE INDEX message_base_name ON message (base_name);
    CREATE INDEX message_header_digest ON message (mailbox, header_digest);
    CREATE INDEX message_unsettled ON message (state) WHERE state <> 1;
    CREATE INDEX message_unlettered ON message (mailbox) WHERE unlettered <> '';
    CREATE INDEX message_pending ON message (mailbox) WHERE pending <> 0;

    CREATE TABLE local_file (
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      base_name BLOB NOT NULL,
      file_name BLOB NOT NULL,
      in_cur INTEGER NOT NULL,
      disk_size INTEGER NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
      modified INTEGER NOT NULL, changed INTEGER NOT NULL,
      content_digest BLOB NOT NULL CHECK (length(content_digest) = 32),
      header_digest BLOB NOT NULL CHECK (length(header_digest) = 32),
      PRIMARY KEY (mailbox, base_name, inode)
    ) STRICT;
    CREATE INDEX local_file_digest ON local_file (mailbox, content_digest);

    CREATE TABLE unfetched (
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      uid INTEGER NOT NULL CHECK (uid BETWEEN 1 AND 4294967295),
      reason TEXT NOT NULL,
      since INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 1,
      PRIMARY KEY (mailbox, uid)
    ) STRICT;

    CREATE TABLE hold (
      id INTEGER PRIMARY KEY,
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      kind TEXT NOT NULL,
      reason TEXT NOT NULL,
      since INTEGER NOT NULL,
      UNIQUE (mailbox, kind)
    ) STRICT;
    CREATE TABLE hold_message (
      hold INTEGER NOT NULL REFERENCES hold (id) ON DELETE CASCADE,
      message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
      PRIMARY KEY (hold, message)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE quarantined (
      id INTEGER PRIMARY KEY,
      mailbox BLOB NOT NULL,
      folder TEXT NOT NULL,
      uid INTEGER,
      entry TEXT NOT NULL UNIQUE,
      file_name BLOB NOT NULL,
      content_digest BLOB NOT NULL,
      reason TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX quarantined_at ON quarantined (at);

    CREATE TABLE removal (
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      at INTEGER NOT NULL,
      messages INTEGER NOT NULL,
      folder_size INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX removal_at ON removal (at);
    """
}
