// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "regards",
    products: [.executable(name: "regards", targets: ["regards"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        .target(name: "CMemory"),
        .target(name: "RegardsCalendar", swiftSettings: settings),
        .target(name: "RegardsCore", dependencies: ["RegardsCalendar"], swiftSettings: settings),
        .target(
            name: "RegardsRules",
            dependencies: ["RegardsCore", "RegardsCalendar", "Yams"],
            swiftSettings: settings),
        .target(
            name: "RegardsStore",
            dependencies: [
                "RegardsCore", "RegardsCalendar", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
        .target(
            name: "RegardsMessage",
            dependencies: [
                "RegardsCore", "RegardsCalendar", "CCrypto",
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            swiftSettings: settings),
        .target(
            name: "RegardsDelivery",
            dependencies: ["RegardsCore", "RegardsCalendar", "CCurl", "CCrypto"],
            swiftSettings: settings),
        .target(
            name: "RegardsDaemon",
            dependencies: [
                "RegardsCore", "RegardsCalendar", "RegardsRules", "RegardsStore", "RegardsMessage",
                "RegardsDelivery", "CSystemd", "CMemory",
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "regards",
            dependencies: [
                "RegardsDaemon", "RegardsRules", "RegardsStore", "RegardsCore", "RegardsCalendar",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        // Stands in front of glibc's malloc to count calls: for benchmarks alone.
        .target(name: "CAllocationCount", path: "Benchmarks/AllocationCount"),
        .executableTarget(
            name: "CalendarBenchmarks", dependencies: ["RegardsCalendar", "CAllocationCount"],
            path: "Benchmarks/Calendar", swiftSettings: settings),
        .executableTarget(
            name: "TriggerBenchmarks", dependencies: ["RegardsCore", "RegardsCalendar", "CAllocationCount"],
            path: "Benchmarks/Triggers", swiftSettings: settings),
        .executableTarget(
            name: "PlanningBenchmarks",
            dependencies: [
                "RegardsStore", "RegardsCore", "RegardsCalendar", "CAllocationCount",
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Benchmarks/Planning", swiftSettings: settings),
        .executableTarget(
            name: "OutboxBenchmarks",
            dependencies: [
                "RegardsStore", "RegardsCore", "RegardsCalendar", .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Benchmarks/Outbox", swiftSettings: settings),
        .executableTarget(
            name: "DeliveryBenchmarks",
            dependencies: [
                "RegardsDelivery", "RegardsCore", "RegardsCalendar", .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Benchmarks/Delivery", exclude: ["one_by_one.py", "slow_disk.c"], swiftSettings: settings),

        // The daemon in a made-up world under a virtual clock, for comparison with a computation in Python.
        .executableTarget(
            name: "AgreementTest",
            dependencies: [
                "RegardsDaemon", "RegardsStore", "RegardsCore", "RegardsCalendar",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Tests/Agreement", exclude: ["shop", "world.py", "who_is_due.py", "agree"], swiftSettings: settings),

        .target(
            name: "RegardsTestSupport",
            dependencies: ["RegardsCore", "RegardsCalendar"],
            path: "Tests/RegardsTestSupport", swiftSettings: settings),
        .testTarget(
            name: "RegardsCalendarTests", dependencies: ["RegardsCalendar", "RegardsTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RegardsCoreTests", dependencies: ["RegardsCore", "RegardsCalendar", "RegardsTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RegardsRulesTests",
            dependencies: ["RegardsRules", "RegardsCore", "RegardsCalendar", "RegardsTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RegardsStoreTests",
            dependencies: [
                "RegardsStore", "RegardsCore", "RegardsCalendar", "RegardsTestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "RegardsMessageTests",
            dependencies: ["RegardsMessage", "RegardsCore", "RegardsCalendar", "RegardsTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RegardsDeliveryTests",
            dependencies: ["RegardsDelivery", "RegardsMessage", "RegardsCore", "RegardsCalendar", "RegardsTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RegardsDaemonTests",
            dependencies: [
                "RegardsDaemon", "RegardsRules", "RegardsStore", "RegardsMessage", "RegardsDelivery",
                "RegardsCore", "RegardsCalendar", "RegardsTestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
    ]
)
