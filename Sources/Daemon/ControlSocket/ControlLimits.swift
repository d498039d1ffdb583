import NIOCore

/// How much clients of the control socket can ask at once; a test may set smaller ones.
package struct ControlLimits: Sendable {
  /// Octets of a request.
  package var requestLength = 1 << 20
  /// Clients that are served at once.
  package var connections = 64
  /// Clients that are told that there are too many, at once; further ones are cut off.
  package var refusals = 256
  /// Syncs, verifications and the like at once, those included whose client is gone.
  package var actions = 16
  /// How long a request may take to come in whole.
  package var requestTime = TimeAmount.seconds(30)
  /// How long a client may take to read a reply.
  package var replyTime = TimeAmount.seconds(60)
  /// After which time without a request a client's place is given to another.
  package var idleTime = TimeAmount.seconds(10)
  /// Between two replies of a live status: four a second.
  package var statusPause = Duration.milliseconds(250)
  /// Between two replies with progress.
  package var progressPause = Duration.milliseconds(100)

  package init() {}
}
