/// Counts that cost a delivery one update of its mailbox instead of three. A row in state 0 is not counted while it is on
/// its way: there are few of these at a time, and the index on unsettled rows finds them.
extension Schema {
  static let settledCounts = """
    DROP TRIGGER message_count_new;
    DROP TRIGGER message_count_changed;
    DROP TRIGGER message_count_gone;
    -- From here on `on_server` is without rows in state 0.
    UPDATE mailbox SET (on_server, files, unseen) = (
      SELECT coalesce(sum(\(onServer("message"))), 0), coalesce(sum(\(file("message"))), 0),
        coalesce(sum(\(unseen("message"))), 0)
      FROM message WHERE message.mailbox = mailbox.id);

    CREATE TRIGGER message_count_new AFTER INSERT ON message WHEN new.state <> 0 BEGIN
      \(add("new"));
    END;
    CREATE TRIGGER message_count_gone AFTER DELETE ON message WHEN old.state <> 0 BEGIN
      \(subtract("old"));
    END;
    CREATE TRIGGER message_count_moved AFTER UPDATE OF mailbox ON message WHEN old.mailbox <> new.mailbox BEGIN
      \(subtract("old"));
      \(add("new"));
    END;
    CREATE TRIGGER message_count_changed AFTER UPDATE OF uid, remote, state, pending, flags ON message
    WHEN old.mailbox = new.mailbox AND ((\(onServer("old"))) <> (\(onServer("new")))
      OR (\(file("old"))) <> (\(file("new"))) OR (\(unseen("old"))) <> (\(unseen("new"))))
    BEGIN
      UPDATE mailbox SET on_server = on_server + (\(onServer("new"))) - (\(onServer("old"))),
        files = files + (\(file("new"))) - (\(file("old"))), unseen = unseen + (\(unseen("new"))) - (\(unseen("old")))
        WHERE id = new.mailbox;
    END;

    -- Each row of message that goes takes along what lists it.
    CREATE INDEX hold_message_message ON hold_message (message);
    """

  private static func onServer(_ row: String) -> String {
    "\(row).state <> 0 AND \(row).remote = 1 AND \(row).uid IS NOT NULL"
  }
  private static func file(_ row: String) -> String { "\(row).state = 1 AND \(row).pending & 1 = 0" }
  private static func unseen(_ row: String) -> String { "\(file(row)) AND \(row).flags & 1 = 0" }
  private static func add(_ row: String) -> String { change(row, by: "+") }
  private static func subtract(_ row: String) -> String { change(row, by: "-") }

  private static func change(_ row: String, by sign: String) -> String {
    """
    UPDATE mailbox SET on_server = on_server \(sign) (\(onServer(row))), files = files \(sign) (\(file(row))),
        unseen = unseen \(sign) (\(unseen(row))) WHERE id = \(row).mailbox
    """
  }
}
