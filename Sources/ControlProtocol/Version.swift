package enum MailmirrorVersion {
  package static let text = "0.1.0"
}
