// Planning beside a plain scan: `swift run -c release PlanningBenchmarks [--customers 100000] [--rules 5] [--check]`.
//
// Every pass of planning reads all customers. What it costs more than reading them with the bare SQLite API is the
// price of the planner; with `--check` the program fails when planning an ordinary day is slower than half of the
// plain scan, or allocates for customers who have no occasion.

import CAllocationCount
import Foundation
import RegardsCalendar
import RegardsCore
import RegardsStore

struct Figure {
    var name: String
    var rows: Int
    var seconds = Double.infinity
    var allocations = 0
    /// Occasions found.
    var found = 0

    var rowsPerSecond: Double { Double(rows) / seconds }
}

/// The best of three runs, after one to warm up.
func measure(_ name: String, rows: Int, _ body: () throws -> Int) rethrows -> Figure {
    var figure = Figure(name: name, rows: rows)
    for round in 0..<4 {
        let before = allocation_count()
        let start = ContinuousClock.now
        figure.found = try body()
        let time = ContinuousClock.now - start
        figure.allocations = allocation_count() - before
        guard round > 0 else { continue }
        figure.seconds = min(figure.seconds, Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18)
    }
    return figure
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
let source = try SQLiteCustomerSource(shop.settings(book))

/// A pass as the daemon makes it, without writing the rows: two days around an instant.
func plan(_ planner: inout Planner, at now: Instant) throws -> Int {
    let windows = book.rules.map { PlanWindow(rule: $0, firstSeen: now - .days(90), plannedThrough: now, now: now) }
    var found = 0
    try source.forEachPage(size: 500) { page in
        for customer in page {
            guard let zone = planner.zone(of: customer) else { continue }
            for index in windows.indices {
                planner.candidates(of: customer, zone: zone, rule: index, in: windows[index]) { candidate in
                    let due = candidate.outreach.dueAt
                    let decision = Decision.make(candidate, Facts(customer: customer), book, now: max(now, due))
                    found += decision.writesRow(candidate.outreach, in: windows[index]) ? 1 : 0
                }
            }
        }
    }
    return found
}

var planner = Planner(book: book, zones: shop.zones, countries: shop.countries)
let ordinaryDay = Instant("2027-05-12T11:00:00Z")!
let firstOfMonth = Instant("2027-05-01T07:00:00Z")!

let raw = try measure("plain scan, bare SQLite", rows: count) { try shop.plainScan(book) }
let records = try measure("scan into records", rows: count) {
    var rows = 0
    try source.forEachPage(size: 500) { rows += $0.count }
    return rows
}
let ordinary = try measure("plan an ordinary day", rows: count) { try plan(&planner, at: ordinaryDay) }
let first = try measure("plan a first of the month", rows: count) { try plan(&planner, at: firstOfMonth) }

// The planner alone, on records that lie ready.
var ready: [(Customer, CustomerZone)] = []
try source.forEachPage(size: 500) { page in
    guard ready.count < 5000 else { return }
    for customer in page { ready.append((customer, planner.zone(of: customer)!)) }
}
let alone = measure("the planner alone, a rule", rows: ready.count * book.rules.count * 20) {
    var found = 0
    let windows = book.rules.map { PlanWindow(rule: $0, firstSeen: ordinaryDay - .days(90), plannedThrough: ordinaryDay, now: ordinaryDay) }
    for _ in 0..<20 {
        for (customer, zone) in ready {
            for index in windows.indices {
                planner.candidates(of: customer, zone: zone, rule: index, in: windows[index]) { _ in found += 1 }
            }
        }
    }
    return found
}
let zonesAlone = measure("a customer's zone", rows: ready.count * 100) {
    var found = 0
    for _ in 0..<100 {
        for (customer, _) in ready { found += planner.zone(of: customer) == nil ? 0 : 1 }
    }
    return found
}

// MARK: - The table

func column(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

print("\(count) customers, \(book.rules.count) rules, \(shop.columns(book).count) columns")
print(
    "what".padding(toLength: 28, withPad: " ", startingAt: 0) + column("a second", 12) + column("ns", 9)
        + column("allocations", 13) + column("found", 9) + column("of plain scan", 15))
for figure in [raw, records, ordinary, first, alone, zonesAlone] {
    let isPass = figure.rows == count
    print(
        figure.name.padding(toLength: 28, withPad: " ", startingAt: 0)
            + column(String(Int(figure.rowsPerSecond)), 12)
            + column(String(format: "%.0f", 1e9 / figure.rowsPerSecond), 9)
            + column(String(format: "%.3f", Double(figure.allocations) / Double(figure.rows)), 13)
            + column(String(figure.found), 9)
            + column(isPass ? String(format: "%.2f", figure.rowsPerSecond / raw.rowsPerSecond) : "", 15))
}

let ratio = ordinary.rowsPerSecond / raw.rowsPerSecond
// What is found costs some allocations each; paging a few for each page.
let allowed = records.allocations + ordinary.found * 60 + 200
print("ordinary day / plain scan: \(String(format: "%.2f", ratio)) (mark: 0.50)")
if ordinary.allocations > allowed { print("ALLOCATES: \(ordinary.allocations), expected at most \(allowed)") }
if CommandLine.arguments.contains("--check"), ratio < 0.5 || ordinary.allocations > allowed { exit(1) }
