package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// One pass over all customers for the rules that hang on dates. One for each assembly; used by
/// one queue at a time, which is what makes it Sendable.
package final class PlanDesk: @unchecked Sendable {
    package struct Report: Sendable {
        package var customers = 0
        package var counts = ReconcileCounts()
        package var scan = ScanReport()
        /// Customers whose row cannot be planned for, by what is wrong; at most a few ids of each kind.
        package var unusable: [CustomerProblem: UnusableCustomers] = [:]
    }

    /// Customers read, planned and reconciled together.
    private static let page = 1000

    private let outbox: any Outbox
    private let source: any CustomerSource
    private let book: RuleBook
    private var planner: Planner
    private let progress: Progress

    package init(assembly: Assembly, outbox: any Outbox, source: any CustomerSource, progress: Progress) {
        self.outbox = outbox
        self.source = source
        self.progress = progress
        book = assembly.book
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// Derives what is owed from each rule's last pass to 26 hours from now, and brings the ledger in line.
    ///
    /// Pages are durable one by one; a pass that fails in the middle is made good by the next, because a rule's
    /// `planned_through` moves only at the end.
    /// - Throws: `SourceError`, `OutboxError`.
    package func plan(now: Instant) throws -> Report {
        var report = Report()
        let rules = book.rules.indices.filter { !book.rules[$0].isAboutEvents }
        guard !rules.isEmpty else { return report }
        let windows = try windows(of: rules, now: now)
        let from = windows.values.map(\.from).min() ?? now
        let pass = try outbox.beginPlan(
            rules: rules.map { book.rules[$0].name }, window: from..<(now + PlanWindow.ahead), now: now)
        planner.beginPass(windows)
        var page = Page()
        let scan = try source.forEachPage(size: PlanDesk.page) { customers in
            page.clear()
            for customer in customers { derive(customer, windows, now, &page, &report) }
            report.customers += customers.count
            report.counts += try pass.reconcile(customers: page.ids, rows: page.rows) { page.reasons[$0] ?? .occasionGone }
            try progress.step()
        }
        if scan.withoutID > 0 { report.unusable[.withoutID, default: UnusableCustomers()].add(count: scan.withoutID, ids: []) }
        if scan.duplicates > 0 {
            report.unusable[.repeatedID, default: UnusableCustomers()].add(count: scan.duplicates, ids: scan.duplicateIDs)
        }
        report.scan = scan
        report.counts += try pass.finish()
        return report
    }

    private struct Page {
        var ids: [String] = []
        var rows: [PlannedOutreach] = []
        /// Why a candidate was not owed after all.
        var reasons: [OutreachKey: CancelReason] = [:]

        mutating func clear() {
            ids.removeAll(keepingCapacity: true)
            rows.removeAll(keepingCapacity: true)
            reasons.removeAll(keepingCapacity: true)
        }
    }

    /// All rules share the earliest beginning, because a pass judges every row of its rules inside one window; each
    /// keeps its own baseline.
    private func windows(of rules: [Int], now: Instant) throws -> [Int: PlanWindow] {
        let ledgers = Dictionary(uniqueKeysWithValues: try outbox.ruleLedgers().map { ($0.name, $0) })
        var windows: [Int: PlanWindow] = [:]
        for index in rules {
            guard let ledger = ledgers[book.rules[index].name] else { throw OutboxError.unknownRule(book.rules[index].name) }
            windows[index] = PlanWindow(
                rule: book.rules[index], firstSeen: ledger.firstSeen, plannedThrough: ledger.plannedThrough, now: now)
        }
        let from = windows.values.map(\.from).min() ?? now
        for index in rules {
            guard let ledger = ledgers[book.rules[index].name] else { continue }
            windows[index]?.from = max(from, book.rules[index].baseline(firstSeen: ledger.firstSeen))
        }
        return windows
    }

    private func derive(
        _ customer: Customer, _ windows: [Int: PlanWindow], _ now: Instant, _ page: inout Page, _ report: inout Report
    ) {
        let id = customer.id
        guard OutreachKey.isCustomerID(id) else {
            report.unusable[.badID, default: UnusableCustomers()].add(id)
            return
        }
        page.ids.append(id)
        guard let zone = planner.zone(of: customer) else {
            report.unusable[.unknownZone, default: UnusableCustomers()].add(id)
            return
        }
        let facts = Facts(customer: customer)
        let unusable = planner.candidates(of: customer, zone: zone) { candidate in
            guard let window = windows[candidate.rule] else { return }
            let outreach = candidate.outreach
            let decision = Decision.make(candidate, facts, book, now: max(now, outreach.dueAt))
            if case .cancel(let reason) = decision.verdict {
                page.reasons[outreach.key] = reason
            } else if decision.writesRow(outreach, in: window) {
                page.rows.append(outreach)
            }
            // A customer without any address is no mistake of the data.
            if decision.verdict == .cancel(.noAddress), customer.text(.email) != nil, decision.because == "email" {
                report.unusable[.badAddress, default: UnusableCustomers()].add(id)
            }
        }
        for rule in unusable {
            guard let problem = CustomerProblem(planner.problem(with: customer, rule: rule)) else { continue }
            report.unusable[problem, default: UnusableCustomers()].add(id)
        }
    }
}

/// What makes a customer's row unusable for some rule.
package enum CustomerProblem: String, CaseIterable, Hashable, Sendable {
    case unknownZone = "unknown-zone"
    case badAddress = "bad-address"
    case badDate = "bad-date"
    case unknownCalendar = "unknown-calendar"
    case lunarWithoutYear = "lunar-without-year"
    case outsideLunarCalendar = "outside-lunar-calendar"
    case unknownFeast = "unknown-feast"
    case withoutID = "without-id"
    case repeatedID = "repeated-id"
    /// An id that the ledger's key uses for other things: `event:…`, `staff:…`, or with a NUL.
    case badID = "bad-id"

    init?(_ problem: DateProblem?) {
        switch problem {
        case nil: return nil
        case .badDate: self = .badDate
        case .unknownCalendar: self = .unknownCalendar
        case .lunarWithoutYear: self = .lunarWithoutYear
        case .outsideLunarCalendar: self = .outsideLunarCalendar
        case .unknownFeast: self = .unknownFeast
        }
    }
}

/// How many, and who the first were.
package struct UnusableCustomers: Hashable, Sendable {
    package private(set) var count = 0
    package private(set) var firstIDs: [String] = []
    private var lastID: String?

    mutating func add(_ id: String) {
        // One customer is looked at by several rules, one after the other.
        guard lastID != id else { return }
        lastID = id
        count += 1
        if firstIDs.count < 10 { firstIDs.append(id) }
    }

    /// Counted elsewhere, each once.
    mutating func add(count: Int, ids: [String]) {
        self.count += count
        firstIDs += ids.prefix(10 - firstIDs.count)
    }
}

extension Rule {
    package var isAboutEvents: Bool {
        if case .event = trigger { true } else { false }
    }
}
