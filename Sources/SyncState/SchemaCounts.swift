/// Numbers of each mailbox's rows that are asked for with every message that comes: kept by the database itself, so that
/// what one message costs does not grow with its mailbox.
extension Schema {
  static let counts = """
    -- Messages that the server was last known to have, of those with a UID.
    ALTER TABLE mailbox ADD COLUMN on_server INTEGER NOT NULL DEFAULT 0;
    -- Messages whose file is here, and those of them without the Seen flag.
    ALTER TABLE mailbox ADD COLUMN files INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE mailbox ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
    UPDATE mailbox SET (on_server, files, unseen) = (
      SELECT coalesce(sum(\(onServer("message"))), 0), coalesce(sum(\(file("message"))), 0),
        coalesce(sum(\(unseen("message"))), 0)
      FROM message WHERE message.mailbox = mailbox.id);

    CREATE TRIGGER message_count_new AFTER INSERT ON message BEGIN
      UPDATE mailbox SET on_server = on_server + (\(onServer("new"))), files = files + (\(file("new"))),
        unseen = unseen + (\(unseen("new"))) WHERE id = new.mailbox;
    END;
    CREATE TRIGGER message_count_gone AFTER DELETE ON message BEGIN
      UPDATE mailbox SET on_server = on_server - (\(onServer("old"))), files = files - (\(file("old"))),
        unseen = unseen - (\(unseen("old"))) WHERE id = old.mailbox;
    END;
    CREATE TRIGGER message_count_changed AFTER UPDATE OF mailbox, uid, remote, state, pending, flags ON message
    WHEN old.mailbox <> new.mailbox OR (\(onServer("old"))) <> (\(onServer("new")))
      OR (\(file("old"))) <> (\(file("new"))) OR (\(unseen("old"))) <> (\(unseen("new")))
    BEGIN
      UPDATE mailbox SET on_server = on_server - (\(onServer("old"))), files = files - (\(file("old"))),
        unseen = unseen - (\(unseen("old"))) WHERE id = old.mailbox;
      UPDATE mailbox SET on_server = on_server + (\(onServer("new"))), files = files + (\(file("new"))),
        unseen = unseen + (\(unseen("new"))) WHERE id = new.mailbox;
    END;
    """

  private static func onServer(_ row: String) -> String { "\(row).remote = 1 AND \(row).uid IS NOT NULL" }
  private static func file(_ row: String) -> String { "\(row).state = 1 AND \(row).pending & 1 = 0" }
  private static func unseen(_ row: String) -> String { "\(file(row)) AND \(row).flags & 1 = 0" }
}
