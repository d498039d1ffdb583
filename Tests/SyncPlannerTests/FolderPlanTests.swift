import MailModel
import SyncPlanner
import Testing

@Suite struct FolderPlanTests {
  private static let work = MailboxName("Work")

  @Test(
    "what a dry run says of folders",
    arguments: [
      (FolderPlan.makeFolder(for: work, at: ".Work"), "Work: make the folder .Work for this mailbox"),
      (.makeFolder(for: .inbox, at: ""), "INBOX: make its folder for this mailbox"),
      (
        .makeMailbox(work, for: ".Work", messages: 1),
        "Work: make this mailbox on the server for the folder .Work, and send its 1 message"
      ),
      (.makeMailbox(work, for: ".Work", messages: 0), "Work: make this mailbox on the server for the folder .Work"),
      (
        .renameFolder(old: work, new: MailboxName("Done"), to: nil),
        "Done: renamed on the server from Work; its folder stays where it is"
      ),
      (.removeFolder(work, messages: 0, isConfirmed: true, hold: nil), "Work: gone on the server; remove its folder"),
      (
        .removeFolder(work, messages: 3, isConfirmed: true, hold: "3 of 3"),
        "Work: gone on the server; wait for your word: 3 of 3"
      ),
      (.removeMailbox(work), "Work: delete this mailbox on the server, as you have approved"),
    ])
  func words(_ plan: FolderPlan, _ line: String) { #expect(plan.description == line) }
}
