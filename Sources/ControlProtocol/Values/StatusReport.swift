/// How the mirror is: the reply of `Status`, what `mailmirror status` tells, and with `--json` prints.
package struct StatusReport: Codable, Equatable, Sendable {
  package enum State: String, Codable, CaseIterable, Sendable {
    /// Nothing has been synced yet.
    case new
    case ok
    /// The last sync failed in part or as a whole.
    case failing
    /// Nothing is written until a cause is gone.
    case stopped
    /// Removals wait for the person.
    case held
    /// The person has paused it.
    case paused
  }

  package struct Problem: Codable, Equatable, Sendable {
    package var what: String
    package var remedy: String
    /// Since when it is so.
    package var since: String?
    /// When it is tried again, as in `2026-02-01T09:30:00Z`.
    package var nextTry: String?
    /// `network`, `busy`, `refused`, `noPassword`, `local`, `inUse` or `loginDelay`.
    package var kind: String?

    package init(
      what: String, remedy: String, since: String? = nil, nextTry: String? = nil, kind: String? = nil
    ) {
      self.kind = kind
      self.what = what
      self.remedy = remedy
      self.since = since
      self.nextTry = nextTry
    }
  }

  package struct Mailbox: Codable, Equatable, Sendable {
    package var name: String
    package var folder: String
    package var state: State
    package var messages: Int
    package var unseen: Int?
    /// Changes made here that are not on the server.
    package var pendingLocal: Int
    package var lastSuccess: String?
    package var reason: String?

    package init(
      name: String, folder: String, state: State, messages: Int, unseen: Int? = nil, pendingLocal: Int = 0,
      lastSuccess: String? = nil, reason: String? = nil
    ) {
      self.name = name
      self.folder = folder
      self.state = state
      self.messages = messages
      self.unseen = unseen
      self.pendingLocal = pendingLocal
      self.lastSuccess = lastSuccess
      self.reason = reason
    }
  }

  /// What a POP3 account's server has, as the last visit left it.
  package struct Maildrop: Codable, Equatable, Sendable {
    /// Messages on the server.
    package var left: Int
    /// Fetched so far in all.
    package var drained: Int
    /// Of those on the server, over the size limit.
    package var tooLarge: Int

    package init(left: Int, drained: Int, tooLarge: Int) {
      self.left = left
      self.drained = drained
      self.tooLarge = tooLarge
    }
  }

  /// What is known to be left to do.
  package struct Backlog: Codable, Equatable, Sendable {
    package var mailboxes: Int
    package var toFetch: Int
    package var toSend: Int

    package init(mailboxes: Int, toFetch: Int, toSend: Int) {
      self.mailboxes = mailboxes
      self.toFetch = toFetch
      self.toSend = toSend
    }
  }

  /// Since the daemon was started; octets inside TLS and compression.
  package struct Traffic: Codable, Equatable, Sendable {
    package var received: Int64
    package var sent: Int64
    package var messagesDelivered: Int
    package var messagesSent: Int

    package init(received: Int64, sent: Int64, messagesDelivered: Int, messagesSent: Int) {
      self.received = received
      self.sent = sent
      self.messagesDelivered = messagesDelivered
      self.messagesSent = messagesSent
    }
  }

  package struct Hold: Codable, Equatable, Sendable {
    /// What `approve` and `reject` take: `work:3`.
    package var hold: String
    package var mailbox: String
    /// `25 messages gone from the server`
    package var what: String
    package var messages: Int
    package var reason: String
    package var since: String

    package init(hold: String, mailbox: String, what: String, messages: Int, reason: String, since: String) {
      self.hold = hold
      self.mailbox = mailbox
      self.what = what
      self.messages = messages
      self.reason = reason
      self.since = since
    }
  }

  package struct Account: Codable, Equatable, Sendable {
    package var name: String
    package var state: State
    /// What it does now: `watching INBOX`, `syncing`, `connecting`, `waiting`; nil where no daemon runs, as below.
    package var activity: String?
    /// How it hears of new mail: `IDLE on INBOX, others every 5m`.
    package var push: String?
    /// How it hears of changes in its folders: `watched`, or `looked at every few seconds: ...`.
    package var folders: String?
    /// Open connections to the server.
    package var connections: Int?
    /// `not used: ...` where the server's compression turned out to be broken.
    package var compression: String?
    package var lastSuccess: String?
    /// Since when it has not been current, where that is too long.
    package var stale: String?
    package var backlog: Backlog?
    package var traffic: Traffic?
    package var nextPoll: String?
    package var error: Problem?
    package var progress: ProgressReport?
    package var mailboxes: [Mailbox]
    /// Of a POP3 account.
    package var maildrop: Maildrop?
    package var holds: [Hold]
    /// Messages in quarantine.
    package var quarantined: Int
    /// When its state was made anew for mail that was here; nil where that is long ago.
    package var rebuilt: String?

    package init(
      name: String, state: State, activity: String? = nil, push: String? = nil, folders: String? = nil,
      connections: Int? = nil, lastSuccess: String? = nil, nextPoll: String? = nil, error: Problem? = nil,
      progress: ProgressReport? = nil, mailboxes: [Mailbox] = [], maildrop: Maildrop? = nil, holds: [Hold] = [],
      quarantined: Int = 0,
      rebuilt: String? = nil
    ) {
      self.name = name
      self.state = state
      self.activity = activity
      self.push = push
      self.folders = folders
      self.connections = connections
      self.lastSuccess = lastSuccess
      self.nextPoll = nextPoll
      self.error = error
      self.progress = progress
      self.mailboxes = mailboxes
      self.maildrop = maildrop
      self.holds = holds
      self.quarantined = quarantined
      self.rebuilt = rebuilt
    }
  }

  package var accounts: [Account]

  package init(accounts: [Account]) { self.accounts = accounts }
}
