package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// How many messages a rule would send to customers in its first 31 days.
///
/// For a rule about dates that is what the planner finds there; one that sends nothing so soon, such as a Christmas card in
/// May, is judged by the 31 days from its first message within a year. Nobody knows of events to come, so a rule about
/// events is judged by those of the last 31 days, and by what it owes now. Budgets and suppressed addresses are left
/// out: they make it fewer.
package struct Reach: Sendable {
    private static let days = 31
    private static let daysOfYear = 366

    package private(set) var messages = 0
    /// Those of them that it owes in its first day: what is due then, and what `backfill` takes from the past.
    package private(set) var onFirstDay = 0
    /// Some of those who would get them, each once.
    package private(set) var samples: [Sample] = []

    package struct Sample: Sendable {
        package var customer: String
        package var name: String
    }

    private static let samplesKept = 10

    private mutating func add(_ count: Int, to customer: Customer?) {
        messages += count
        guard samples.count < Reach.samplesKept, let customer, samples.last?.customer != customer.id else { return }
        samples.append(Sample(customer: customer.id, name: customer.fullName))
    }
}

extension Reach {
    /// Counts for some rules of a book in one pass over what they hang on; memory is the same for any number of customers.
    package struct Survey {
        private let assembly: Assembly
        private let book: RuleBook
        private let source: any CustomerSource
        private let outbox: (any Outbox)?
        private let histories: HistoryLoader?
        private let standing: Standing
        private let now: Instant
        private let step: () throws -> Void
        private var found: [Int: Reach] = [:]
        /// By rule: messages on each day after now.
        private var byDay: [Int: [Int]] = [:]

        /// - Parameters:
        ///   - outbox: nil where no daemon has run yet.
        ///   - ranks: where ranked segments begin.
        ///   - step: called between pages; what it throws ends the survey.
        package init(
            _ assembly: Assembly, source: any CustomerSource, outbox: (any Outbox)?, hash: AddressHash,
            ranks: SegmentRanks, now: Instant, step: @escaping () throws -> Void = {}
        ) {
            self.assembly = assembly
            book = assembly.book
            self.source = source
            self.outbox = outbox
            histories = outbox.map { HistoryLoader(outbox: $0, hash: hash, book: assembly.book) }
            standing = Standing(ranks: ranks)
            self.now = now
            self.step = step
        }

        /// - Parameter rules: indices into the book.
        /// - Returns: a count for each of them.
        /// - Throws: `SourceError`, `OutboxError`.
        package mutating func count(_ rules: [Int]) throws -> [Int: Reach] {
            found = Dictionary(uniqueKeysWithValues: rules.map { ($0, Reach()) })
            let ledgers = Dictionary(
                uniqueKeysWithValues: try outbox?.ruleLedgers().map { ($0.name, $0) } ?? [])
            let sending = rules.filter { index in book.rules[index].isEnabled && book.rules[index].steps.contains(where: \.isMail) }
            let dates = sending.filter { !book.rules[$0].isAboutEvents }
            try countDates(dates, for: Reach.days, ledgers)
            try countDates(dates.filter { found[$0]?.messages == 0 }, for: Reach.daysOfYear, ledgers)
            for kind in book.eventKinds.indices {
                try countEvents(of: kind, sending.filter { book.rules[$0].eventTrigger?.kind == kind }, ledgers)
            }
            return found
        }

        // MARK: Dates

        /// - Parameter days: how far to look.
        private mutating func countDates(_ rules: [Int], for days: Int, _ ledgers: [String: RuleLedger]) throws {
            guard !rules.isEmpty else { return }
            var planner = Planner(book: book, zones: assembly.zones, countries: assembly.countries)
            var windows: [Int: PlanWindow] = [:]
            for index in rules {
                windows[index] = window(of: book.rules[index], ledgers, days)
                byDay[index] = Array(repeating: 0, count: days + 1)
            }
            planner.beginPass(windows)
            let watched = book.watchedSegments
            try source.forEachPage(size: 1000) { page in
                let entries = try outbox?.entries(customers: page.map(\.id), watched, book) ?? [:]
                try countPage(page, entries, &planner)
                try step()
            }
            for index in rules {
                let counts = (byDay[index] ?? []).drop { $0 == 0 }
                found[index]?.messages = counts.prefix(Reach.days).reduce(0, +)
                found[index]?.onFirstDay = byDay[index]?.first ?? 0
            }
        }

        /// From what it owes now; a message that the rule sent lately, before it was edited, is counted once more.
        private func window(of rule: Rule, _ ledgers: [String: RuleLedger], _ days: Int) -> PlanWindow {
            let ledger = ledgers[rule.name]
            var window = PlanWindow(
                rule: rule, firstSeen: ledger?.firstSeen ?? now, plannedThrough: ledger?.plannedThrough ?? now, now: now)
            window.through = now + .days(Int64(days))
            return window
        }

        private mutating func countPage(
            _ page: CustomerPage, _ entries: [String: [Int: SegmentEntry]], _ planner: inout Planner
        ) throws {
            var candidates: [(customer: Int, candidate: Candidate)] = []
            for (place, customer) in page.enumerated() where OutreachKey.isCustomerID(customer.id) {
                guard let zone = planner.zone(of: customer) else { continue }
                _ = planner.candidates(of: customer, zone: zone, entries: entries[customer.id] ?? [:]) {
                    candidates.append((place, $0))
                }
            }
            let asking = candidates.lazy.filter { [book] in book.rules[$0.candidate.rule].asksForHistory }.map(\.customer)
            let past = try histories?.load(Set(asking).map { page[$0] }, now: now) ?? [:]
            for (place, candidate) in candidates {
                let customer = page[place]
                let facts = Facts(customer: customer, history: past[customer.id] ?? .none, entries: entries[customer.id] ?? [:])
                guard isMessage(candidate, facts) else { continue }
                let day = max(0, (candidate.outreach.dueAt - now).microseconds / TimeSpan.days(1).microseconds)
                byDay[candidate.rule]?[Int(day)] += 1
                found[candidate.rule]?.add(0, to: customer)
            }
        }

        private func isMessage(_ candidate: Candidate, _ facts: Facts) -> Bool {
            guard !candidate.isFallback, book.rules[candidate.rule].steps[candidate.step].isMail else { return false }
            let due = max(now, candidate.outreach.dueAt)
            switch Decision.make(candidate, facts, book, standing, now: due).verdict {
            case .send, .move, .hold: return true
            case .skip, .cancel: return false
            }
        }

        // MARK: Events

        private mutating func countEvents(of kind: Int, _ rules: [Int], _ ledgers: [String: RuleLedger]) throws {
            guard !rules.isEmpty else { return }
            let name = book.eventKinds[kind].name
            let since = now - .days(Int64(Reach.days))
            _ = try source.forEachEventPage(kind: name, since: since, size: 1000) { rows in
                try countRows(rows, kind, rules)
                try step()
            }
            // What is older and still open is owed only where the rule reaches back to it.
            let open = try outbox?.events(kind: name, openOrSince: now).filter { $0.isOpen && $0.at < since } ?? []
            for index in rules {
                let rule = book.rules[index]
                let firstSeen = ledgers[rule.name]?.firstSeen ?? now
                let owed = open.filter { !rule.isBaseline($0, firstSeen: firstSeen) }.map(\.id)
                guard !owed.isEmpty else { continue }
                try countRows(Array(try source.lookUpEvents(kind: name, owed).values), kind, [index])
            }
        }

        private mutating func countRows(_ rows: [EventRow], _ kind: Int, _ rules: [Int]) throws {
            let ids = rows.compactMap(\.customer).filter(OutreachKey.isCustomerID).unique
            let customers = ids.isEmpty ? [:] : try source.lookUp(ids)
            let isAsking = rules.contains { book.rules[$0].asksForHistory }
            let past = isAsking ? try histories?.load(customers.values, now: now) ?? [:] : [:]
            for row in rows {
                let event = Event(kind: book.eventKinds[kind].name, id: row.id, customer: row.customer, at: row.at)
                var facts = Facts(
                    customer: row.customer.flatMap { customers[$0] }, event: event, eventRecord: row.record)
                facts.takeCustomerFromEvent(kind, book)
                facts.history = facts.customer.flatMap { past[$0.id] } ?? .none
                for index in rules {
                    let rule = book.rules[index]
                    let count = messages(of: rule, facts)
                    guard count > 0 else { continue }
                    found[index]?.add(count, to: facts.customer)
                    // Were the rule seen now for the first time, with all events before it.
                    if !rule.isBaseline(event, firstSeen: max(now, event.firstSeen)) { found[index]?.onFirstDay += count }
                }
            }
        }

        /// What an event of that kind makes the rule send, were it to happen again.
        private func messages(of rule: Rule, _ facts: Facts) -> Int {
            guard let customer = facts.customer, Contact(customer: customer) != nil else { return 0 }
            guard rule.purpose == .care || !customer.isDoNotContact && customer.consents(to: rule.purpose) else { return 0 }
            let conditionFacts = book.conditionFacts(facts, standing, now: now)
            guard rule.condition.holds(conditionFacts) else { return 0 }
            return rule.steps.count { $0.isMail && $0.condition.holds(conditionFacts) }
        }
    }
}

extension Step {
    /// It writes to the customer.
    fileprivate var isMail: Bool { if case .send = action { true } else { false } }
}

extension Rule {
    /// Its conditions ask what the customer got before.
    fileprivate var asksForHistory: Bool {
        ([condition] + steps.map(\.condition)).contains { !$0.receivedRules.isEmpty }
    }
}
