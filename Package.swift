// swift-tools-version: 6.2

// Postern has no package dependencies. What the toolchain, the C library and the programs around
// a session already do well is used, not written again.

import PackageDescription

/// The libraries of Embedded Swift for this machine, where deploy/common.sh has found them: the programs
/// are then built without Swift's runtime, which takes more time to start than a session takes. Without
/// them they do the same and start more slowly.
let embedded = Context.environment["POSTERN_EMBEDDED"]

let settings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
  ]
  + (embedded == nil
    ? []
    : [
      .enableExperimentalFeature("Embedded", .when(configuration: .release)),
      // So that the linker can leave out what is not called: a smaller program starts with fewer page faults.
      .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
    ])

/// A process is born for each connection: the programs are linked statically and stripped.
let program: [LinkerSetting] = [
  .unsafeFlags(
    embedded.map {
      [
        "-enable-experimental-feature", "Embedded", "-Xclang-linker", "-static", "-Xlinker", "-s",
        "-Xlinker", "--gc-sections",
        "-L\($0)", "-lswiftUnicodeDataTables", "-lcrypt", "-lm",
      ]
    } ?? ["-static-executable", "-Xlinker", "-s"],
    .when(platforms: [.linux], configuration: .release))
]

/// For programs that use Index.
let sqlite: [LinkerSetting] = [.linkedLibrary("sqlite3"), .linkedLibrary("m")]

let package = Package(
  name: "postern",
  targets: [
    // Pure: these import nothing.
    .target(
      name: "SMTP", exclude: ["Server/STATES.md", "Client/STATES.md"], swiftSettings: settings),
    .target(name: "MIME", exclude: ["Charset/tables.py"], swiftSettings: settings),
    .target(name: "PROXY", swiftSettings: settings),
    .target(name: "DNS", swiftSettings: settings),
    .target(name: "Digest", swiftSettings: settings),

    .target(name: "HTTP", swiftSettings: settings),
    .target(name: "JSON", swiftSettings: settings),
    // What the email API says and understands.
    .target(
      name: "API", dependencies: ["HTTP", "JSON", "MIME", "Digest"], swiftSettings: settings),

    // The system.
    .systemLibrary(name: "CSystem"),
    .target(name: "POSIX", dependencies: ["CSystem"], swiftSettings: settings),
    .target(name: "Storage", dependencies: ["SMTP", "POSIX"], swiftSettings: settings),

    // SQLite: what is in the store, for lists and search.
    .systemLibrary(name: "CSQLite"),
    .target(
      name: "Index", dependencies: ["CSQLite", "SMTP", "MIME", "POSIX", "Storage"],
      exclude: ["Folding.py"], swiftSettings: settings),

    .target(name: "Settings", dependencies: ["POSIX"], swiftSettings: settings),
    .target(name: "Authentication", dependencies: ["SMTP", "POSIX"], swiftSettings: settings),
    .target(name: "Routing", dependencies: ["SMTP", "POSIX", "Settings"], swiftSettings: settings),

    // What the queue and postern-send say to each other.
    .target(name: "Jobs", dependencies: ["SMTP"], swiftSettings: settings),
    // What sendmail(1) understands.
    .target(name: "Sendmail", dependencies: ["SMTP", "MIME", "Jobs"], swiftSettings: settings),
    // What the queue tells senders.
    .target(name: "Reports", dependencies: ["SMTP", "MIME", "Jobs"], swiftSettings: settings),

    .target(
      name: "Queue", dependencies: ["SMTP", "POSIX", "Storage", "Jobs"], swiftSettings: settings),

    // Mailing lists: their members, tokens, and the mails that they send.
    .target(
      name: "Lists", dependencies: ["SMTP", "MIME", "Digest", "POSIX", "Settings", "Routing"],
      swiftSettings: settings),

    // The programs.
    .executableTarget(
      name: "postern-smtpd",
      dependencies: [
        "SMTP", "PROXY", "POSIX", "Settings", "Storage", "Authentication", "Routing", "Queue",
        "Jobs", "Lists",
      ],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-send",
      dependencies: ["JSON", "SMTP", "MIME", "DNS", "POSIX", "Settings", "Jobs"],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-list",
      dependencies: [
        "JSON",
        "SMTP", "MIME", "DNS", "Digest", "POSIX", "Settings", "Storage", "Jobs", "Queue", "Lists",
        "Routing",
      ],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-passwd", dependencies: ["SMTP", "POSIX", "Authentication"],
      swiftSettings: settings, linkerSettings: program),

    .executableTarget(
      name: "postern-queue",
      dependencies: [
        "JSON",
        "SMTP", "POSIX", "Settings", "Storage", "Jobs", "Sendmail", "Queue", "Routing", "Reports",
        "MIME",
      ],
      swiftSettings: settings, linkerSettings: program),

    .executableTarget(
      name: "postern-api",
      dependencies: [
        "API", "HTTP", "JSON", "MIME", "SMTP", "POSIX", "Settings", "Storage", "Index", "Routing",
        "Queue", "Jobs", "Lists",
      ],
      exclude: ["openapi.json", "inbox"],
      swiftSettings: settings, linkerSettings: program + sqlite),

    // A program of the tests.
    .executableTarget(
      name: "index-probe", dependencies: ["Index", "POSIX", "SMTP", "Storage"],
      path: "Tests/IndexProbe", swiftSettings: settings, linkerSettings: program + sqlite),

    // The tests.
    .target(
      name: "TestSupport", dependencies: ["SMTP"], path: "Tests/TestSupport",
      swiftSettings: settings),
    .testTarget(
      name: "SMTPTests", dependencies: ["SMTP", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "StorageTests", dependencies: ["Storage", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "QueueTests",
      dependencies: ["Queue", "Storage", "Jobs", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "AuthenticationTests",
      dependencies: ["Authentication", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "RoutingTests", dependencies: ["Routing", "POSIX", "Settings", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "IndexTests",
      dependencies: ["Index", "MIME", "POSIX", "SMTP", "Storage", "TestSupport"],
      swiftSettings: settings),
    .testTarget(name: "DNSTests", dependencies: ["DNS"], swiftSettings: settings),
    .testTarget(
      name: "APITests", dependencies: ["API", "HTTP", "JSON", "MIME"], swiftSettings: settings),
    .testTarget(name: "DigestTests", dependencies: ["Digest"], swiftSettings: settings),
    .testTarget(
      name: "MIMETests", dependencies: ["MIME", "TestSupport"],
      exclude: ["readers.py", "charsets.py"],
      swiftSettings: settings),
    .testTarget(
      name: "ReportsTests", dependencies: ["Reports", "SMTP", "MIME", "Jobs", "TestSupport"],
      exclude: ["report.py"], swiftSettings: settings),
    .testTarget(
      name: "SendmailTests", dependencies: ["Sendmail", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ListsTests",
      dependencies: ["Lists", "MIME", "Routing", "SMTP", "Settings", "TestSupport"],
      swiftSettings: settings),
    .testTarget(name: "PROXYTests", dependencies: ["PROXY"], swiftSettings: settings),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "postern-smtpd", "postern-send", "postern-queue", "postern-passwd", "SMTP", "TestSupport",
      ],
      swiftSettings: settings),
  ]
)
