// swift-tools-version: 6.1
// The walls of the house: a target sees only what its line here names.
import PackageDescription

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
  name: "mailmirror",
  products: [.executable(name: "mailmirror", targets: ["mailmirror"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CLinux"),
    .target(name: "Locks", dependencies: [.product(name: "NIOConcurrencyHelpers", package: "swift-nio")]),
    .target(
      name: "LinuxFiles",
      dependencies: ["CLinux", "Locks", .product(name: "NIOConcurrencyHelpers", package: "swift-nio")] + nio),
    .target(name: "ChildProcesses", dependencies: ["CLinux", "Locks"]),
    .target(name: "Crypto", dependencies: ["COpenSSL"]),
    .target(name: "MailModel"),
    .target(name: "SASL", dependencies: ["MailModel"]),
    .target(name: "IMAPProtocol", dependencies: ["MailModel", "SASL"]),
    .target(name: "POP3Protocol", dependencies: ["MailModel", "SASL"]),
    .target(name: "SyncPlanner", dependencies: ["MailModel"]),
    .target(name: "Maildir", dependencies: ["MailModel", "LinuxFiles", "Locks", "Crypto", logging]),
    .target(
      name: "SyncState",
      dependencies: ["MailModel", "LinuxFiles", .product(name: "GRDB", package: "GRDB.swift"), logging]),
    .target(
      name: "Transport", dependencies: ["LinuxFiles", "Locks", "ChildProcesses", "COpenSSL", "CZlib", logging] + nio),
    .target(
      name: "MailConnections",
      dependencies: [
        "MailModel", "SASL", "IMAPProtocol", "POP3Protocol", "Transport", "Crypto", "LinuxFiles", "Locks", logging,
      ] + nio),
    .target(
      name: "AccountWorker",
      dependencies: [
        "MailModel", "SyncPlanner", "MailConnections", "Maildir", "SyncState", "LinuxFiles", "Locks", "Crypto",
        logging,
      ] + nio),
    .target(
      name: "Configuration",
      dependencies: ["MailModel", "ChildProcesses", .product(name: "TOMLKit", package: "TOMLKit")]),
    .target(name: "ControlProtocol", resources: [.embedInCode("io.mailmirror.Mirror.varlink")]),
    .target(
      name: "Daemon",
      dependencies: [
        "CSystemd", "CLinux", "ControlProtocol", "MailModel", "Configuration", "AccountWorker", "MailConnections",
        "POP3Protocol", "Maildir", "SyncState", "SyncPlanner", "Transport", "LinuxFiles", "Locks", "ChildProcesses",
        "Crypto", logging,
      ] + nio),
    .target(
      name: "CommandLineTool",
      dependencies: [
        "ControlProtocol", "Configuration", "AccountWorker", "Daemon", "ChildProcesses", "Locks", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "mailmirror", dependencies: ["CommandLineTool", "ChildProcesses", "LinuxFiles"]),

    .testTarget(name: "MailModelTests", dependencies: ["MailModel"]),
    .testTarget(name: "IMAPProtocolTests", dependencies: ["MailModel", "SASL", "IMAPProtocol", "Crypto"]),
    .testTarget(name: "POP3ProtocolTests", dependencies: ["MailModel", "SASL", "POP3Protocol", "Crypto"]),
    .testTarget(name: "SyncPlannerTests", dependencies: ["MailModel", "SyncPlanner"]),
    .testTarget(name: "MaildirTests", dependencies: ["MailModel", "Maildir", "LinuxFiles", "Crypto"]),
    .testTarget(name: "LinuxFilesTests", dependencies: ["LinuxFiles"] + nio),
    .testTarget(name: "SyncStateTests", dependencies: ["MailModel", "SyncState"]),
    .testTarget(
      name: "TransportTests",
      dependencies: [
        "Transport", "MailConnections", "IMAPProtocol", "POP3Protocol", "SASL", "Crypto", "MailModel", "LinuxFiles",
        logging,
      ] + nio),
    .testTarget(
      name: "AccountWorkerTests",
      dependencies: [
        "AccountWorker", "MailConnections", "IMAPProtocol", "MailModel", "SyncState", "Maildir", "LinuxFiles",
      ] + nio),
    .testTarget(
      name: "CommandLineToolTests", dependencies: ["CommandLineTool", "ControlProtocol", "Configuration", "Daemon"]),
    .testTarget(name: "ControlProtocolTests", dependencies: ["ControlProtocol"]),
    .testTarget(
      name: "DaemonTests",
      dependencies: ["AccountWorker", "ControlProtocol", "Configuration", "Daemon", "LinuxFiles", logging] + nio),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "MailModel"]),
    .testTarget(name: "ChildProcessesTests", dependencies: ["ChildProcesses"]),
  ],
  swiftLanguageModes: [.v6]
)
