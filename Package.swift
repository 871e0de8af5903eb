// swift-tools-version: 6.2

// Postern has no package dependencies. What the toolchain, the C library and the programs around
// a session already do well is used, not written again.

import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// A process is born for each connection: the programs are linked statically and stripped.
let program: [LinkerSetting] = [
  .unsafeFlags(
    ["-static-executable", "-Xlinker", "-s"],
    .when(platforms: [.linux], configuration: .release))
]

let package = Package(
  name: "postern",
  targets: [
    // Pure: these import nothing.
    .target(name: "SMTP", exclude: ["STATES.md"], swiftSettings: settings),
    .target(name: "PROXY", swiftSettings: settings),

    // The system.
    .systemLibrary(name: "CSystem"),
    .target(name: "POSIX", dependencies: ["CSystem"], swiftSettings: settings),
    .target(name: "Storage", dependencies: ["SMTP", "POSIX"], swiftSettings: settings),

    .target(name: "Authentication", dependencies: ["SMTP", "POSIX"], swiftSettings: settings),

    // The programs.
    .executableTarget(
      name: "postern-smtpd", dependencies: ["SMTP", "PROXY", "POSIX", "Storage", "Authentication"],
      swiftSettings: settings, linkerSettings: program),
    .executableTarget(
      name: "postern-passwd", dependencies: ["SMTP", "POSIX", "Authentication"],
      swiftSettings: settings, linkerSettings: program),

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
      name: "AuthenticationTests",
      dependencies: ["Authentication", "POSIX", "SMTP", "TestSupport"],
      swiftSettings: settings),
    .testTarget(name: "PROXYTests", dependencies: ["PROXY"], swiftSettings: settings),
    .testTarget(
      name: "CommandTests",
      dependencies: ["postern-smtpd", "postern-passwd", "SMTP", "TestSupport"],
      swiftSettings: settings),
  ]
)
