import Glibc
import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

/// What the data are: rows that nobody can use, columns that nobody fills, and how many each rule reaches.
extension Checkup {
    private static let daysAhead: Int64 = 31

    mutating func lookAtRows(
        _ assembly: Assembly, _ source: any CustomerSource, _ ledger: SQLiteOutbox?, now: Instant, _ progress: (String) -> Void
    ) throws {
        do {
            progress("reading the customers")
            var rows = RowSurvey(assembly)
            let scan = try source.forEachPage(size: 1000) { page in
                rows.add(page)
                progress("\(Words.count(rows.customers, "customer")) read")
            }
            progress("looking at the next \(Checkup.daysAhead) days")
            let forecast = Forecast(assembly: assembly, source: source, outbox: nil, hash: AddressHash(key: .random()))
            let report = try forecast.report(from: now, to: now + .days(Checkup.daysAhead), now: now)
            summary.append(Words.count(rows.customers, "customer"))
            tell(scan, report, assembly)
            try tell(rows, assembly, source)
            progress("looking at the events")
            try lookAtHorizons(assembly, source, now: now)
            try countBaseline(assembly, source, ledger, now: now)
            progress("counting whom each rule reaches")
            try count(assembly, source, ledger, report, now: now)
        } catch let error as SourceError {
            isSourceUnreachable = error.isPassing
            mistakes.append(
                Mistake(
                    at: assembly.configuration.source.databasePlace, path: "customers.database",
                    "the customer database cannot be read: \(error.description)"))
        }
    }

    // MARK: Rows that cannot be used

    private mutating func tell(_ scan: ScanReport, _ report: Forecast.Report, _ assembly: Assembly) {
        let place = assembly.configuration.source.query.place
        func told(_ count: Int, _ one: String, _ many: String, _ ids: [String]) {
            guard count > 0 else { return }
            warn(place, "customers.query", Words.count(count, one, many) + Checkup.names(ids, of: count))
        }
        told(scan.withoutID, "row without an id is left out", "rows without an id are left out", [])
        told(scan.duplicates, "row repeats an id and is left out", "rows repeat an id and are left out", scan.duplicateIDs)
        for (problem, customers) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            warn(place, "customers.query", problem.sentence(customers))
        }
    }

    private static func names(_ ids: [String], of count: Int) -> String {
        ids.isEmpty ? "" : ": " + ids.joined(separator: ", ") + (count > ids.count ? ", …" : "")
    }

    // MARK: What stands in them

    private mutating func tell(_ rows: RowSurvey, _ assembly: Assembly, _ source: any CustomerSource) throws {
        guard rows.customers > 0 else { return }
        let place = assembly.configuration.source.query.place
        let columns = assembly.book.customers.columns
        let ofPeople = assembly.book.house.columnsOfPeople
        for slot in columns.names.indices where rows.filled[slot] == 0 && !ofPeople.contains(slot) {
            guard let place = columns.places[slot] else { continue }
            warn(place, columns.names[slot], "no customer has a value in this column, so what hangs on it never happens")
        }
        if rows.numberIDs > 0, rows.numberTextCount > 0 {
            let (texts, examples) = (rows.numberTextCount, rows.numberTexts)
            warn(
                place, "customers.query",
                "id is a number in \(rows.numberIDs) rows and a text that looks like one in \(texts), and 7 and '7' are one "
                    + "customer here: CAST(… AS TEXT) makes all alike" + Checkup.names(examples, of: texts))
        }
        tellBirthdays(rows, place)
        if rows.withoutPlace > 0 {
            summary.append(
                Words.count(rows.withoutPlace, "customer lives", "customers live")
                    + " by the business's clock, because neither time_zone nor country says another")
        }
        if rows.withoutAddress > 0 {
            summary.append(Words.count(rows.withoutAddress, "customer has", "customers have") + " no mail address")
        }
        try tellShared(rows, assembly, source)
    }

    private mutating func tellBirthdays(_ rows: RowSurvey, _ place: Place) {
        for placeholder in rows.placeholders.prefix(5) {
            let customers = Words.count(placeholder.customers, "customer is", "customers are")
            warn(
                place, "customers.query",
                "\(customers) born on \(placeholder.date), which looks like a date that means unknown: NULLIF(birthday, "
                    + "'\(placeholder.date)') leaves it out")
        }
        if let count = rows.newYearsChildren {
            warn(
                place, "customers.query",
                "\(count) customers are born on a first of January, far more than on other days: where only the year is "
                    + "known, birthday should be NULL")
        }
    }

    private mutating func tellShared(_ rows: RowSurvey, _ assembly: Assembly, _ source: any CustomerSource) throws {
        let shared = rows.shared
        guard !shared.addresses.isEmpty else { return }
        var ids: [String] = []
        try source.forEachPage(size: 1000) { page in
            for customer in page where ids.count < RowSurvey.named {
                if let hash = RowSurvey.hash(ofAddressOf: customer), shared.addresses.contains(hash) { ids.append(customer.id) }
            }
        }
        let words = Words.count(shared.addresses.count, "mail address is shared by", "mail addresses are shared by")
        let sentence = "\(words) \(shared.customers) customers" + Checkup.names(ids, of: shared.customers)
        guard assembly.book.house.limits.sameAddress != .once else { return summary.append(sentence) }
        warn(
            assembly.configuration.source.query.place, "customers.query",
            sentence + "; each gets their own message, unless limits say same_address: once")
    }

    // MARK: Events

    /// Where a rule hangs on a day of an event, the event must still be known when that day comes.
    private mutating func lookAtHorizons(_ assembly: Assembly, _ source: any CustomerSource, now: Instant) throws {
        let zone = assembly.book.house.business.zone
        for (index, kind) in assembly.book.eventKinds.enumerated() {
            let settings = assembly.configuration.events[index]
            let columns = assembly.book.columnsWithDays(ofKind: index)
            guard !columns.isEmpty else { continue }
            var missed: [String] = []
            var needed = TimeSpan.zero
            var count = 0
            _ = try source.forEachEventPage(kind: kind.name, since: now - .days(3660), size: 1000) { rows in
                for row in rows where row.at < now - settings.horizon {
                    let days = columns.compactMap { row.record.instant($0, zone: zone) }
                    guard let day = days.max(), day > now else { continue }
                    count += 1
                    if missed.count < RowSurvey.named { missed.append(row.id) }
                    needed = max(needed, day - row.at)
                }
            }
            guard count > 0 else { continue }
            let days = needed.microseconds / TimeSpan.days(1).microseconds + 1
            warn(
                settings.place, "events.\(kind.name).horizon",
                Words.count(count, "event has its day", "events have their day") + " still to come and an `at` before the horizon "
                    + "of \(settings.horizon), so a rule that hangs on the day misses what it has not seen before; "
                    + "horizon: \(days)d would do" + Checkup.names(missed, of: count))
        }
    }

    /// Events of kinds that no daemon has looked at yet: the first look takes them as known.
    private mutating func countBaseline(
        _ assembly: Assembly, _ source: any CustomerSource, _ ledger: SQLiteOutbox?, now: Instant
    ) throws {
        for (index, kind) in assembly.book.eventKinds.enumerated() {
            do {
                guard try ledger?.events(kind: kind.name, openOrSince: .beforeAll).isEmpty ?? true else { continue }
            } catch let error as OutboxError {
                return summary.append("the ledger cannot be looked at: \(error)")
            }
            var count = 0
            try source.forEachEventPage(
                kind: kind.name, since: now - assembly.configuration.events[index].horizon, size: 1000
            ) { count += $0.count }
            guard count > 0 else { continue }
            let there = Words.count(count, "\(kind.name) is there already, and is", "\(kind.name) events are there already, and are")
            summary.append("\(there) taken as known: a rule sends about what was before its first start only where it says backfill")
        }
    }

    // MARK: Reach

    /// What is due, and for a rule that is new or changed what it would reach: the number that the guard asks about.
    private mutating func count(
        _ assembly: Assembly, _ source: any CustomerSource, _ ledger: SQLiteOutbox?, _ report: Forecast.Report, now: Instant
    ) throws {
        let book = assembly.book
        var due: [String: Int] = [:]
        for line in report.lines where line.verdict.word == "due" { due[line.outreach.key.rule, default: 0] += 1 }
        let reaches: [Int: Reach]
        do {
            let approvals = Approvals(assembly, outbox: ledger, hash: AddressHash(key: Checkup.key(beside: assembly)))
            reaches = try approvals.reachesOfNews(source, now: now)
        } catch let error as OutboxError {
            return summary.append("the ledger cannot be looked at: \(error)")
        }
        for (index, rule) in book.rules.enumerated() where rule.isEnabled {
            let known = rule.isAboutEvents ? nil : "\(due[rule.name] ?? 0) due in the next \(Checkup.daysAhead) days"
            let first = reaches[index].flatMap { words($0, rule, book.house.guards.newRule) }
            let parts = [known, first].compactMap { $0 }
            if !parts.isEmpty { summary.append("\(rule.name): \(parts.joined(separator: "; "))") }
        }
        let off = book.rules.filter { !$0.isEnabled }.map(\.name)
        if !off.isEmpty { summary.append("off: \(off.joined(separator: ", "))") }
    }

    /// The ledger's, where this user may read it: addresses are known by it.
    private static func key(beside assembly: Assembly) -> AddressHash.Key {
        guard case .sqlite(let path) = assembly.configuration.state, let slash = path.lastIndex(of: "/") else { return .random() }
        let folder = String(path[..<slash])
        guard access("\(folder)/\(KeyFile.name)", R_OK) == 0 else { return .random() }
        do { return try KeyFile.load(stateDirectory: folder) } catch { return .random() }
    }

    private func words(_ reach: Reach, _ rule: Rule, _ limit: Int?) -> String? {
        guard rule.steps.contains(where: { if case .send = $0.action { true } else { false } }) else { return nil }
        guard reach.messages > 0 else { return rule.isAboutEvents ? "new" : "new: nothing within a year" }
        var words = "new: \(Words.count(reach.messages, "message")) "
        words += rule.isAboutEvents ? "for events as in the last 31 days" : "in its first 31 days"
        words += ", \(reach.onFirstDay) on the first day"
        if let limit, reach.messages > limit { words += "; over guard.new_rule, so once live it waits for regards approve" }
        return words
    }
}

extension House {
    /// Customers without an advisor are no mistake: somebody stands in.
    fileprivate var columnsOfPeople: Set<Int> {
        people.values.reduce(into: []) { found, person in
            guard case .column(let email, let name, let phone) = person.source else { return }
            found.formUnion([email, name, phone].compactMap { $0 })
        }
    }
}

extension RuleBook {
    /// Columns of an event that some rule which is on takes its day from.
    fileprivate func columnsWithDays(ofKind kind: Int) -> [Int] {
        rules.filter(\.isEnabled).compactMap { rule in
            guard case .event(let trigger) = rule.trigger, trigger.kind == kind, case .day(let column, _, _) = trigger.start else { return nil }
            return column
        }
    }
}
