// Planning beside a plain scan: `swift run -c release PlanningBenchmarks [--customers 100000] [--rules 5] [--check]`.
//
// Every pass of planning reads all customers. What it costs more than reading them with the bare SQLite API is the
// price of the planner; with `--check` the program fails when planning an ordinary day is slower than half of the
// plain scan, or allocates for customers who have no occasion.

import CAllocationCount
import Foundation
import RegardsCore

struct Figure {
    var name: String
    var rows: Int
    var seconds = Double.infinity
    var allocations = 0
    /// Occasions found.
    var found = 0

    var rowsPerSecond: Double { Double(rows) / seconds }
}

/// One thing to measure; the best of its rounds counts.
final class Contest {
    var figure: Figure
    private let body: () throws -> Int

    init(_ name: String, rows: Int, _ body: @escaping () throws -> Int) {
        figure = Figure(name: name, rows: rows)
        self.body = body
    }

    func round() throws {
        let before = allocation_count()
        let start = ContinuousClock.now
        figure.found = try body()
        let time = ContinuousClock.now - start
        figure.allocations = allocation_count() - before
        figure.seconds = min(figure.seconds, Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18)
    }
}

func option(_ name: String, _ standard: Int) -> Int {
    let arguments = CommandLine.arguments
    guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return standard }
    return Int(arguments[index + 1]) ?? standard
}

// MARK: - What is measured

let count = option("--customers", 100_000)
let shop = try BenchmarkShop(customers: count)
defer { shop.remove() }
let book = try shop.book(rules: option("--rules", 5))
nonisolated(unsafe) var pass = try PlanningPass(shop, book)

let raw = Contest("plain scan, bare SQLite", rows: count) { try shop.plainScan(book) }
let records = Contest("scan into records", rows: count) { try pass.scan() }
let ordinary = Contest("plan an ordinary day", rows: count) { try pass.plan(at: pass.ordinaryDay) }
let first = Contest("plan a first of the month", rows: count) { try pass.plan(at: pass.firstOfMonth) }
let alone = Contest("the planner alone", rows: pass.ready.count * 20) { pass.planReady(20) }
let zonesAlone = Contest("a customer's zone", rows: pass.ready.count * 100) { pass.findZones(100) }

// Taken in turns, so that a machine that is busy for a while is busy for all of them. `--only 4` is for a profiler.
let only = option("--only", -1)
let contests = [raw, records, ordinary, first, alone, zonesAlone].enumerated().filter { only < 0 || $0.offset == only }.map(\.element)
for _ in 0..<option("--rounds", 5) { for contest in contests { try contest.round() } }

// MARK: - The table

func column(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

print("\(count) customers, \(book.rules.count) rules, \(shop.columns(book).count) columns")
print(
    "what".padding(toLength: 28, withPad: " ", startingAt: 0) + column("a second", 12) + column("ns", 9)
        + column("allocations", 13) + column("found", 9) + column("of plain scan", 15))
for figure in contests.map(\.figure) {
    let isPass = figure.rows == count
    print(
        figure.name.padding(toLength: 28, withPad: " ", startingAt: 0)
            + column(String(Int(figure.rowsPerSecond)), 12)
            + column(String(format: "%.0f", 1e9 / figure.rowsPerSecond), 9)
            + column(String(format: "%.3f", Double(figure.allocations) / Double(figure.rows)), 13)
            + column(String(figure.found), 9)
            + column(isPass ? String(format: "%.2f", figure.rowsPerSecond / raw.figure.rowsPerSecond) : "", 15))
}

let ratio = ordinary.figure.rowsPerSecond / raw.figure.rowsPerSecond
// What is found costs some allocations each; paging a few for each page.
let allowed = records.figure.allocations + ordinary.figure.found * 40 + 200
if let line = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n").first(where: { $0.hasPrefix("VmHWM") }) {
    print("peak memory: \(line.dropFirst(6).drop { $0 == " " || $0 == "\t" })")
}
print("ordinary day / plain scan: \(String(format: "%.2f", ratio)) (mark: 0.50)")
if ordinary.figure.allocations > allowed { print("ALLOCATES: \(ordinary.figure.allocations), expected at most \(allowed)") }
if CommandLine.arguments.contains("--check"), ratio < 0.5 || ordinary.figure.allocations > allowed { exit(1) }
