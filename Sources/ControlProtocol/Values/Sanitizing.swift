// What came from servers and mail reaches other programs only without control characters, escape sequences and marks
// that turn the writing direction (S27).

private func clean(_ text: String) -> String { printable(text, limit: 1_000) }

extension StatusReport.Account {
  package var sanitized: Self {
    var account = self
    account.activity = activity.map(clean)
    account.push = push.map(clean)
    account.error?.what = clean(error?.what ?? "")
    account.error?.remedy = clean(error?.remedy ?? "")
    account.progress = progress?.sanitized
    account.mailboxes = mailboxes.map(\.sanitized)
    account.holds = holds.map(\.sanitized)
    return account
  }
}

extension StatusReport.Mailbox {
  package var sanitized: Self {
    var mailbox = self
    mailbox.name = clean(name)
    mailbox.folder = clean(folder)
    mailbox.reason = reason.map(clean)
    return mailbox
  }
}

extension StatusReport.Hold {
  package var sanitized: Self {
    var hold = self
    hold.mailbox = clean(mailbox)
    hold.reason = clean(reason)
    return hold
  }
}

extension ProgressReport {
  package var sanitized: Self {
    var progress = self
    progress.mailbox = clean(mailbox)
    return progress
  }
}

extension ListedMailbox {
  package var sanitized: Self {
    var mailbox = self
    mailbox.name = clean(name)
    mailbox.wire = wire.map(clean)
    mailbox.folder = folder.map(clean)
    return mailbox
  }
}

extension MailChange {
  package var sanitized: Self {
    var change = self
    change.mailbox = clean(mailbox)
    change.path = path.map { printable($0, limit: 4_096) }
    change.flags = flags.prefix(100).map(clean)
    change.from = from.map(clean)
    change.subject = subject.map(clean)
    change.reason = reason.map(clean)
    return change
  }
}

extension SyncResult {
  package var sanitized: Self {
    var result = self
    result.planned = planned?.map(clean)
    result.notices = notices.map(clean)
    result.failures = failures.map(clean)
    return result
  }
}

extension VerifyResult {
  package var sanitized: Self {
    var result = self
    result.mailboxes = mailboxes.map { mailbox in
      var mailbox = mailbox
      mailbox.name = clean(mailbox.name)
      mailbox.differences = mailbox.differences.map(clean)
      mailbox.explained = mailbox.explained.map(clean)
      mailbox.repaired = mailbox.repaired.map(clean)
      return mailbox
    }
    result.failures = failures.map(clean)
    return result
  }
}

extension ShownMessage {
  package var sanitized: Self {
    var message = self
    message.mailbox = clean(mailbox)
    message.path = path.map { printable($0, limit: 4_096) }
    message.from = from.map(clean)
    message.subject = subject.map(clean)
    return message
  }
}

extension HeldChanges {
  package var sanitized: Self {
    var held = self
    held.mailbox = clean(mailbox)
    held.reason = clean(reason)
    held.examples = examples.map(\.sanitized)
    return held
  }
}

extension DecisionResult {
  package var sanitized: Self {
    var result = self
    result.decided = decided.map { hold in
      var hold = hold
      hold.mailbox = clean(hold.mailbox)
      return hold
    }
    result.failures = failures.map(clean)
    return result
  }
}

extension MessageHistory {
  package var sanitized: Self {
    MessageHistory(
      entries: entries.map { entry in
        var entry = entry
        entry.mailbox = clean(entry.mailbox)
        entry.file = entry.file.map(clean)
        entry.detail = clean(entry.detail)
        return entry
      }, matches: matches.map(\.sanitized))
  }
}

extension RestorableMessage {
  package var sanitized: Self {
    var message = self
    message.mailbox = clean(mailbox)
    message.reason = clean(reason)
    message.from = from.map(clean)
    message.subject = subject.map(clean)
    return message
  }
}

extension RestoreResult {
  package var sanitized: Self {
    RestoreResult(
      restored: restored.map { file in
        var file = file
        file.mailbox = clean(file.mailbox)
        file.path = printable(file.path, limit: 4_096)
        return file
      }, matches: matches.map(\.sanitized), failures: failures.map(clean))
  }
}
