package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// What a period holds: who gets what, when, and who does not and why. It asks the same planner and the same
/// `Decision` as the daemon, and writes nothing.
package struct Forecast {
    package struct Line: Sendable {
        package var outreach: PlannedOutreach
        package var card: String
        /// How the customer's zone is known.
        package var zoneSource: CustomerZone.Source
        package var decision: Decision
        /// What the ledger says of it; nil where it has no row yet.
        package var row: Outreach?
    }

    package struct Report: Sendable {
        /// By due time, then rule and customer.
        package var lines: [Line] = []
        package var customers = 0
        package var scan = ScanReport()
        package var unusable: [CustomerProblem: UnusableCustomers] = [:]
    }

    private let assembly: Assembly
    private let source: any CustomerSource
    private let outbox: (any Outbox)?
    private var planner: Planner

    /// - Parameter outbox: nil where no daemon has run yet.
    package init(assembly: Assembly, source: any CustomerSource, outbox: (any Outbox)?) {
        self.assembly = assembly
        self.source = source
        self.outbox = outbox
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// - Parameters:
    ///   - rule, customer: only this one; nil: all.
    /// - Throws: `SourceError`, `OutboxError`.
    package mutating func report(
        from: Instant, to: Instant, rule: String? = nil, customer: String? = nil
    ) throws -> Report {
        var report = Report()
        let window = PlanWindow(from: from, through: to, plannedThrough: from)
        let known = try ledgerRows(from: from, to: to)
        if let customer {
            if let found = try source.lookUp([customer])[customer] {
                let facts = Facts(customer: found, openEvents: try openKinds([customer])[customer] ?? [])
                derive(found, facts, window, rule, known, &report)
            }
        } else {
            report.scan = try source.forEachPage(size: 1000) { page in
                let open = try openKinds(page.map(\.id))
                for customer in page {
                    let facts = Facts(customer: customer, openEvents: open[customer.id] ?? [])
                    derive(customer, facts, window, rule, known, &report)
                }
            }
        }
        report.lines += eventLines(known, rule: rule, customer: customer)
        report.lines.sort { left, right in
            (left.outreach.dueAt, left.outreach.key.rule, left.outreach.key.customer, left.outreach.key.step)
                < (right.outreach.dueAt, right.outreach.key.rule, right.outreach.key.customer, right.outreach.key.step)
        }
        return report
    }

    /// What pauses messages as things stand.
    private func openKinds(_ customers: [String]) throws -> [String: [Int]] {
        try outbox?.openKinds(customers: customers, assembly.book) ?? [:]
    }

    private func ledgerRows(from: Instant, to: Instant) throws -> [OutreachKey: Outreach] {
        guard let outbox else { return [:] }
        let rows = try outbox.list(OutreachFilter(due: from..<to), limit: .max, after: 0)
        return Dictionary(rows.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func derive(
        _ customer: Customer, _ facts: Facts, _ window: PlanWindow, _ wanted: String?, _ known: [OutreachKey: Outreach],
        _ report: inout Report
    ) {
        report.customers += 1
        guard OutreachKey.isCustomerID(customer.id) else {
            report.unusable[.badID, default: UnusableCustomers()].add(customer.id)
            return
        }
        guard let zone = planner.zone(of: customer) else {
            report.unusable[.unknownZone, default: UnusableCustomers()].add(customer.id)
            return
        }
        let book = assembly.book
        // Nobody without an address is a mistake of the data, but somebody with one that no relay would take.
        if customer.text(.email) != nil, Contact(customer: customer) == nil {
            report.unusable[.badAddress, default: UnusableCustomers()].add(customer.id)
        }
        for index in book.rules.indices where wanted == nil || book.rules[index].name == wanted {
            let rule = book.rules[index]
            let isUsable = planner.candidates(of: customer, zone: zone, rule: index, in: window) { candidate in
                let outreach = candidate.outreach
                let card = rule.card(rule.steps[candidate.step], for: outreach)
                report.lines.append(
                    Line(
                        outreach: outreach, card: card, zoneSource: zone.source,
                        decision: .make(candidate, facts, book, now: outreach.dueAt), row: known[outreach.key]))
            }
            if !isUsable, let problem = CustomerProblem(planner.problem(with: customer, rule: index)) {
                report.unusable[problem, default: UnusableCustomers()].add(customer.id)
            }
        }
    }

    /// Steps of events stand in the ledger as soon as the event was seen; nobody can know of events to come.
    private func eventLines(_ known: [OutreachKey: Outreach], rule: String?, customer: String?) -> [Line] {
        known.values.compactMap { row in
            guard let found = assembly.book.rules.first(where: { $0.name == row.key.rule }), found.isAboutEvents,
                rule == nil || rule == row.key.rule, customer == nil || customer == row.key.customer
            else { return nil }
            let name = row.key.step.prefix { $0 != "#" }
            let step = found.steps.first { $0.name == row.key.step } ?? found.steps.first { $0.name == name }
            return Line(
                outreach: row.plan, card: row.card ?? step.map { found.card($0, for: row.plan) } ?? "",
                zoneSource: .column, decision: .due, row: row)
        }
    }
}

extension Forecast.Line {
    /// One word, and the reason where there is one: what the ledger says, else what would be decided.
    package var verdict: (word: String, reason: String) {
        if let row, row.state != .planned { return (row.state.description, row.reason) }
        switch decision.verdict {
        case .send, .move: return ("due", "")
        case .hold(let reason): return ("held", reason.description)
        case .skip(let reason): return ("skipped", reason.description)
        case .cancel(let reason):
            let parts = [reason.rawValue, decision.because].filter { !$0.isEmpty }
            return ("not due", parts.joined(separator: ": "))
        }
    }
}
