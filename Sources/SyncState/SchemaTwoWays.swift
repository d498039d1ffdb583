/// What two-way synchronisation needs beyond the mirror.
extension Schema {
  static let twoWays = """
    -- The direction of the last run: changes that waited under "pull" are never sent by themselves. NULL before the
    -- first run.
    ALTER TABLE account ADD COLUMN direction TEXT CHECK (direction IN ('pull', 'two-way'));
    UPDATE account SET direction = 'pull';

    -- The highest number that a hold has had: none gets the number of another that is gone.
    ALTER TABLE account ADD COLUMN last_hold INTEGER NOT NULL DEFAULT 0;
    UPDATE account SET last_hold = (SELECT coalesce(max(id), 0) FROM hold);
    CREATE TRIGGER hold_number AFTER INSERT ON hold BEGIN
      UPDATE account SET last_hold = last_hold + 1;
      UPDATE hold SET id = (SELECT last_hold FROM account) WHERE id = new.id;
    END;

    ALTER TABLE mailbox ADD COLUMN special_use TEXT;
    ALTER TABLE mailbox ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1));

    -- Nanoseconds since 1970: when the first complete scan that missed the file began.
    ALTER TABLE message ADD COLUMN missing_since INTEGER;
    -- Set when a local copy of another row's file became a message of its own: should that row's file go, it is the
    -- rest of a move.
    ALTER TABLE message ADD COLUMN copy_of INTEGER;
    -- Why the server's copy is to go although no person deleted it, or how far that is: 0 for no such reason, 1 the
    -- rest of a move, 2 replaced by an edited version, 3 marked as deleted and awaiting somebody's expunge.
    ALTER TABLE message ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0 CHECK (leaving BETWEEN 0 AND 3);
    -- The person said that what is pending for it may be done.
    ALTER TABLE message ADD COLUMN approved INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1));
    -- The server's flags changed while the file was missing.
    ALTER TABLE message ADD COLUMN touched INTEGER NOT NULL DEFAULT 0 CHECK (touched IN (0, 1));
    -- The server does not take this local change; it stays here and is not tried again.
    ALTER TABLE message ADD COLUMN unsendable INTEGER NOT NULL DEFAULT 0 CHECK (unsendable IN (0, 1));
    -- Nanoseconds since 1970: when a complete view of its mailbox first lacked it. Until the other mailboxes have been
    -- looked at it may have moved there.
    ALTER TABLE message ADD COLUMN departed INTEGER;
    -- Of a row in state 0 whose message another client moved: the mailbox in whose folder the file was before its
    -- rename, which is not confirmed yet.
    ALTER TABLE message ADD COLUMN moved_from INTEGER;
    -- Seconds since 1970.
    ALTER TABLE message ADD COLUMN added INTEGER;
    CREATE INDEX local_file_content ON local_file (content_digest);
    CREATE INDEX message_gmail ON message (gmail_id) WHERE gmail_id IS NOT NULL;
    CREATE INDEX message_departed ON message (internal_date, rfc822_size) WHERE departed IS NOT NULL;
    CREATE INDEX message_approved ON message (mailbox) WHERE approved = 1;
    CREATE INDEX message_departed_email ON message (email_id) WHERE departed IS NOT NULL;
    CREATE INDEX message_copy_of ON message (copy_of) WHERE copy_of IS NOT NULL;

    -- Digests without the header fields that mail programs add; those of the content where it has none.
    ALTER TABLE local_file ADD COLUMN plain_content BLOB;
    ALTER TABLE local_file ADD COLUMN plain_header BLOB;
    UPDATE local_file SET plain_content = content_digest, plain_header = header_digest;
    CREATE INDEX local_file_plain ON local_file (plain_content);

    -- Why the server will never take this file.
    ALTER TABLE local_file ADD COLUMN refused TEXT;
    ALTER TABLE local_file ADD COLUMN approved INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1));

    -- An act on the server that is not safe to repeat: durable before it, deleted when its result is known.
    CREATE TABLE intent (
      id INTEGER PRIMARY KEY,
      kind TEXT NOT NULL CHECK (kind IN ('append', 'copy', 'move', 'trash')),
      -- The mailbox that the message goes to.
      mailbox INTEGER NOT NULL REFERENCES mailbox (id),
      uid_validity INTEGER NOT NULL,
      uid_next INTEGER NOT NULL CHECK (uid_next BETWEEN 1 AND 4294967296),
      -- The row that is copied, moved or replaced.
      source INTEGER REFERENCES message (id) ON DELETE CASCADE,
      -- The file in the destination's folder; NULL for 'trash'.
      base_name BLOB, inode INTEGER,
      header_digest BLOB NOT NULL CHECK (length(header_digest) = 32),
      content_digest BLOB NOT NULL CHECK (length(content_digest) = 32),
      -- Octets with CRLF line ends.
      wire_size INTEGER NOT NULL,
      message_id TEXT,
      -- 1 when the act may have been done without our hearing of it, and since when (seconds since 1970).
      uncertain INTEGER NOT NULL DEFAULT 0 CHECK (uncertain IN (0, 1)),
      since INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX intent_mailbox ON intent (mailbox);
    CREATE INDEX intent_source ON intent (source);

    CREATE TABLE hold_file (
      hold INTEGER NOT NULL REFERENCES hold (id) ON DELETE CASCADE,
      mailbox INTEGER NOT NULL, base_name BLOB NOT NULL, inode INTEGER NOT NULL,
      PRIMARY KEY (hold, mailbox, base_name, inode)
    ) STRICT, WITHOUT ROWID;

    -- 0 removed here because the server has it no more, 1 deleted on the server, 2 flags cleared on the server,
    -- 3 uploaded.
    ALTER TABLE removal ADD COLUMN kind INTEGER NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 3);

    ALTER TABLE quarantined ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE quarantined ADD COLUMN keywords TEXT NOT NULL DEFAULT '';
    ALTER TABLE quarantined ADD COLUMN internal_date INTEGER;

    -- What happened to messages: when, why and on whose word. A message that is here says itself when it came.
    CREATE TABLE history (
      id INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      event TEXT NOT NULL,
      -- "server", "folder", "person", or "sync" for our own doing.
      cause TEXT NOT NULL,
      mailbox BLOB NOT NULL,
      uid INTEGER,
      base_name BLOB,
      content_digest BLOB,
      -- When the message came to its folder, where that is known.
      came INTEGER,
      detail TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX history_at ON history (at);
    CREATE INDEX history_content ON history (content_digest);
    """
}
