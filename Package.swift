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
      // Without this pass an array literal becomes a static object whose name has a running number. Another module
      // that optimizes the same function may number its literals otherwise, and of two objects with one name the
      // linker keeps one: an array would have another's content.
      .unsafeFlags(
        ["-Xllvm", "-sil-disable-pass=object-outliner"], .when(configuration: .release)),
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

let programs: [Target] =
  [
    // Pure: these import nothing but other pure modules.
    .target(name: "Octets", swiftSettings: settings),
    .target(
      name: "SMTP", dependencies: ["Octets"], exclude: ["Server/STATES.md", "Client/STATES.md"],
      swiftSettings: settings),
    .target(
      name: "MIME", dependencies: ["Octets"], exclude: ["Charset/tables.py"],
      swiftSettings: settings),
    .target(name: "PROXY", dependencies: ["Octets"], swiftSettings: settings),
    .target(name: "DNS", dependencies: ["Octets"], swiftSettings: settings),
    .target(name: "Milter", dependencies: ["Octets"], swiftSettings: settings),
    .target(name: "Digest", swiftSettings: settings),

    .target(name: "HTTP", dependencies: ["Octets"], swiftSettings: settings),
    .target(name: "JSON", dependencies: ["Octets"], swiftSettings: settings),
    // What the email API says and understands.
    .target(
      name: "API", dependencies: ["Octets", "HTTP", "JSON", "MIME", "Digest"],
      swiftSettings: settings),

    // The system.
    .systemLibrary(name: "CSystem"),
    .target(name: "POSIX", dependencies: ["Octets", "CSystem"], swiftSettings: settings),
    .target(name: "Storage", dependencies: ["Octets", "SMTP", "POSIX"], swiftSettings: settings),

    // What people say of messages.
    .target(name: "Marks", dependencies: ["Octets", "POSIX", "Storage"], swiftSettings: settings),

    // SQLite: what is in the store, for lists and search.
    .systemLibrary(name: "CSQLite"),
    .target(
      name: "Index",
      dependencies: ["Octets", "CSQLite", "SMTP", "MIME", "POSIX", "Storage", "Marks"],
      exclude: ["Folding.py"], swiftSettings: settings),

    // The calls of the email API about what is stored.
    .target(
      name: "StoredMail",
      dependencies: [
        "API", "HTTP", "JSON", "MIME", "SMTP", "POSIX", "Storage", "Index",
      ],
      swiftSettings: settings),

    .target(name: "Settings", dependencies: ["Octets", "JSON", "POSIX"], swiftSettings: settings),
    .target(
      name: "Program", dependencies: ["Octets", "Hosts", "SMTP", "POSIX", "Settings"],
      swiftSettings: settings),
    .target(
      name: "Authentication", dependencies: ["Octets", "SMTP", "POSIX"], swiftSettings: settings),
    .target(
      name: "Routing",
      dependencies: [
        "Octets", "Hosts", "Lists", "ListStore", "Routes", "SMTP", "POSIX", "Settings",
      ],
      swiftSettings: settings),

    // What all couriers do alike: jobs by lines.
    .target(name: "Couriers", dependencies: ["SMTP", "Jobs", "POSIX"], swiftSettings: settings),
    // The client: connections to hosts, and what they say of each recipient.
    .target(
      name: "Sending",
      dependencies: ["Octets", "SMTP", "MIME", "DNS", "Jobs", "Hosts", "Couriers", "POSIX"],
      swiftSettings: settings),
    // How programs of this machine hand mail in.
    .target(
      name: "Submitting",
      dependencies: ["SMTP", "POSIX", "Jobs", "Couriers", "Sending", "Sendmail"],
      swiftSettings: settings),
    // What the queue and postern-send say to each other.
    .target(name: "Jobs", dependencies: ["Octets", "SMTP"], swiftSettings: settings),
    // Couriers to targets that are no hosts: a Maildir, a program, a URL.
    .target(
      name: "Delivering",
      dependencies: [
        "API", "Octets", "SMTP", "Jobs", "Routes", "Targets", "POSIX", "Storage", "Couriers",
      ],
      swiftSettings: settings),
    // Which host is tried next, with which recipients.
    .target(
      name: "Hosts", dependencies: ["Octets", "SMTP", "DNS", "Jobs"], swiftSettings: settings),
    // Where routes lead.
    .target(name: "Routes", dependencies: ["Octets", "SMTP", "Hosts"], swiftSettings: settings),
    // What targets are told that are no hosts, and what their answers mean.
    .target(name: "Targets", dependencies: ["Octets", "SMTP", "Digest"], swiftSettings: settings),
    // What sendmail(1) understands.
    .target(
      name: "Sendmail", dependencies: ["Octets", "SMTP", "MIME", "Jobs"], swiftSettings: settings),
    // What lists say of the queue.
    .target(
      name: "Inventory", dependencies: ["Octets", "SMTP", "JSON", "Jobs", "Queueing"],
      swiftSettings: settings),
    // What the queue tells senders.
    .target(
      name: "Notices", dependencies: ["Octets", "SMTP", "MIME", "Jobs"], swiftSettings: settings),

    // What a run of the queue decides.
    .target(name: "Queueing", dependencies: ["SMTP", "Notices"], swiftSettings: settings),
    .target(
      name: "Queue",
      dependencies: [
        "Octets", "SMTP", "POSIX", "Storage", "Jobs", "Queueing", "Inventory", "Routes",
      ],
      swiftSettings: settings),

    // The one way in for mail.
    .target(
      name: "Acceptance", dependencies: ["SMTP", "POSIX", "Storage", "Jobs", "Queue"],
      swiftSettings: settings),

    // The server: a session with a client, and what becomes of its mail.
    .target(
      name: "Serving",
      dependencies: [
        "Octets", "SMTP", "MIME", "POSIX", "Settings", "Storage", "Jobs", "Queue", "Lists",
        "ListStore", "Hosts", "Routes", "Routing", "Authentication", "Acceptance", "Milter",
      ],
      swiftSettings: settings),

    // A run of the queue.
    .target(
      name: "Running",
      dependencies: [
        "Acceptance", "Octets", "SMTP", "MIME", "POSIX", "Storage", "Jobs", "Notices", "Queueing",
        "Queue",
        "Routes", "Routing",
      ],
      swiftSettings: settings),

    // Mailing lists: their addresses, members, tokens, and the mails that they send, pure.
    .target(
      name: "Lists", dependencies: ["Octets", "SMTP", "MIME", "Digest", "DNS"],
      swiftSettings: settings),
    // Their files.
    .target(
      name: "ListStore",
      dependencies: ["Octets", "Lists", "SMTP", "MIME", "POSIX", "Settings"],
      swiftSettings: settings),

    // The programs.
    .executableTarget(
      name: "postern-smtpd",
      dependencies: [
        "SMTP", "PROXY", "POSIX", "Program", "Settings", "Storage", "Authentication", "Routing",
        "Queue", "ListStore", "Serving", "Milter",
      ],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-send",
      dependencies: [
        "JSON", "SMTP", "MIME", "POSIX", "Program", "Settings", "Jobs", "Hosts", "Couriers",
        "Sending",
      ],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-list",
      dependencies: [
        "JSON", "SMTP", "MIME", "DNS", "POSIX", "Program", "Settings", "Storage", "Jobs", "Queue",
        "Lists", "Routing", "ListStore", "Acceptance",
      ],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-passwd",
      dependencies: ["Octets", "SMTP", "POSIX", "Authentication", "Program", "Settings"],
      swiftSettings: settings, linkerSettings: program),

    .executableTarget(
      name: "postern-queue",
      dependencies: [
        "JSON", "SMTP", "POSIX", "Program", "Settings", "Storage", "Jobs", "Sendmail", "ListStore",
        "Queue", "Queueing", "Inventory", "Routes", "Routing", "Submitting", "Acceptance",
        "Running", "Couriers", "Delivering",
      ],
      swiftSettings: settings, linkerSettings: program),

    .executableTarget(
      name: "postern-api",
      dependencies: [
        "API", "HTTP", "JSON", "MIME", "SMTP", "POSIX", "Program", "Settings", "Storage",
        "StoredMail", "Routes", "Routing", "Queue", "Jobs", "Lists", "ListStore", "Acceptance",
      ],
      exclude: ["openapi.json", "inbox"],
      swiftSettings: settings, linkerSettings: program + sqlite),
  ]

/// Embedded Swift has no Foundation, which the tests need.
let tests: [Target] =
  [
    // Programs of the tests.
    .executableTarget(
      name: "index-probe", dependencies: ["Index", "POSIX", "SMTP", "Storage"],
      path: "Tests/IndexProbe", swiftSettings: settings, linkerSettings: program + sqlite),

    .executableTarget(
      name: "acceptance-probe",
      dependencies: ["Acceptance", "Jobs", "POSIX", "Queue", "SMTP", "Storage"],
      path: "Tests/AcceptanceProbe", swiftSettings: settings, linkerSettings: program),

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
      dependencies: [
        "Queue", "Queueing", "Inventory", "Routes", "Storage", "Jobs", "POSIX", "SMTP",
        "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "RunningTests",
      dependencies: [
        "Running", "Queue", "Queueing", "ListStore", "Routing", "Settings", "Storage", "Jobs",
        "POSIX", "SMTP", "TestSupport",
      ], swiftSettings: settings),
    .testTarget(
      name: "QueueingTests", dependencies: ["Queueing", "Notices", "SMTP"], swiftSettings: settings),
    .testTarget(
      name: "AcceptanceTests",
      dependencies: ["Acceptance", "Jobs", "POSIX", "Queue", "SMTP", "Storage", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "AuthenticationTests",
      dependencies: ["Authentication", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "RoutingTests",
      dependencies: [
        "Routing", "Routes", "Lists", "ListStore", "POSIX", "Settings", "SMTP", "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "IndexTests",
      dependencies: ["Index", "MIME", "Marks", "POSIX", "SMTP", "Storage", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "RoutesTests", dependencies: ["Routes", "Hosts", "SMTP"], swiftSettings: settings),
    .testTarget(
      name: "TargetsTests", dependencies: ["Targets", "Octets", "SMTP"], swiftSettings: settings),
    .testTarget(name: "OctetsTests", dependencies: ["Octets"], swiftSettings: settings),
    .testTarget(name: "DNSTests", dependencies: ["DNS"], swiftSettings: settings),
    .testTarget(
      name: "APITests", dependencies: ["API", "HTTP", "JSON", "MIME"], swiftSettings: settings),
    .testTarget(
      name: "StoredMailTests",
      dependencies: ["StoredMail", "API", "HTTP", "POSIX", "SMTP", "Storage", "TestSupport"],
      swiftSettings: settings),
    .testTarget(name: "DigestTests", dependencies: ["Digest"], swiftSettings: settings),
    .testTarget(
      name: "MIMETests", dependencies: ["MIME", "TestSupport"],
      exclude: ["readers.py", "charsets.py"],
      swiftSettings: settings),
    .testTarget(
      name: "NoticesTests",
      dependencies: ["Notices", "Octets", "SMTP", "MIME", "Jobs", "TestSupport"],
      exclude: ["report.py"], swiftSettings: settings),
    .testTarget(
      name: "SendmailTests", dependencies: ["Sendmail", "Jobs", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ListsTests", dependencies: ["Lists", "MIME", "SMTP"], swiftSettings: settings),
    .testTarget(
      name: "ListStoreTests",
      dependencies: ["ListStore", "Lists", "MIME", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(name: "MilterTests", dependencies: ["Milter"], swiftSettings: settings),
    .testTarget(
      name: "ProgramTests", dependencies: ["Program", "Settings"], swiftSettings: settings),
    .testTarget(
      name: "JobsTests", dependencies: ["Jobs", "SMTP"], swiftSettings: settings),
    .testTarget(
      name: "HostsTests", dependencies: ["Hosts", "DNS", "Jobs", "SMTP"], swiftSettings: settings),
    .testTarget(
      name: "SendingTests",
      dependencies: ["Sending", "Couriers", "Jobs", "MIME", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "SubmittingTests",
      dependencies: ["Submitting", "Sending", "Sendmail", "Jobs", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "InventoryTests", dependencies: ["Inventory", "Jobs", "Queueing", "SMTP"],
      swiftSettings: settings),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Serving", "Authentication", "ListStore", "POSIX", "Queue", "Routing", "SMTP", "Storage",
        "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(name: "PROXYTests", dependencies: ["PROXY"], swiftSettings: settings),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "postern-smtpd", "postern-send", "postern-queue", "postern-list", "postern-api",
        "postern-passwd", "SMTP", "TestSupport",
      ],
      swiftSettings: settings),
  ]

let package = Package(name: "postern", targets: programs + (embedded == nil ? tests : []))
