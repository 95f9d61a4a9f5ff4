import RegardsCalendar
import RegardsCore
import RegardsStore

/// A pass as the daemon makes it, without writing the rows.
struct PlanningPass {
    let book: RuleBook
    let source: SQLiteCustomerSource
    private var planner: Planner
    /// Some customers that lie ready in memory.
    private(set) var ready: [(customer: Customer, zone: CustomerZone)] = []
    let ordinaryDay = Instant("2027-05-12T11:00:00Z")!
    let firstOfMonth = Instant("2027-05-01T07:00:00Z")!

    init(_ shop: BenchmarkShop, _ book: RuleBook) throws {
        self.book = book
        source = try SQLiteCustomerSource(shop.settings(book))
        planner = Planner(book: book, zones: shop.zones, countries: shop.countries)
        try source.forEachPage(size: 500) { page in
            guard ready.count < 5000 else { return }
            for customer in page { ready.append((customer, planner.zone(of: customer)!)) }
        }
    }

    func scan() throws -> Int {
        var rows = 0
        try source.forEachPage(size: 500) { rows += $0.count }
        return rows
    }

    /// - Returns: rows to be written.
    mutating func plan(at now: Instant) throws -> Int {
        let windows = windows(at: now)
        planner.beginPass(windows)
        var found = 0
        try source.forEachPage(size: 500) { page in
            for customer in page {
                guard let zone = planner.zone(of: customer) else { continue }
                _ = planner.candidates(of: customer, zone: zone) { candidate in
                    let due = candidate.outreach.dueAt
                    let decision = Decision.make(candidate, Facts(customer: customer), book, now: max(now, due))
                    found += decision.writesRow(candidate.outreach, in: windows[candidate.rule]!, now: now) ? 1 : 0
                }
            }
        }
        return found
    }

    /// The planner alone.
    mutating func planReady(_ rounds: Int) -> Int {
        planner.beginPass(windows(at: ordinaryDay))
        var found = 0
        for _ in 0..<rounds {
            for item in ready { _ = planner.candidates(of: item.customer, zone: item.zone) { _ in found += 1 } }
        }
        return found
    }

    mutating func findZones(_ rounds: Int) -> Int {
        var found = 0
        for _ in 0..<rounds {
            for item in ready { found += planner.zone(of: item.customer) == nil ? 0 : 1 }
        }
        return found
    }

    private func windows(at now: Instant) -> [Int: PlanWindow] {
        let windows = book.rules.map { PlanWindow(rule: $0, firstSeen: now - .days(90), plannedThrough: now, now: now) }
        return Dictionary(uniqueKeysWithValues: windows.enumerated().map { ($0, $1) })
    }
}
