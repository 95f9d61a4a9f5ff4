import Glibc
package import RegardsCalendar
package import RegardsCore
import RegardsRules
import RegardsStore

/// All that can be said of a configuration without sending anything: what `check` prints, and what a start refuses.
package struct Checkup: Sendable {
    package var mistakes: [Mistake] = []
    /// Lines about what was found in order.
    package var summary: [String] = []
    package var isSourceUnreachable = false

    /// Reads every file, asks the customer database for its columns and a sample, and tries secrets and channels.
    package static func run(
        file: String, environment: [String: String], zones: ZoneCatalog = ZoneCatalog()
    ) throws -> Checkup {
        var checkup = Checkup()
        let (assembly, mistakes) = Assembly.load(file: file, environment: environment, zones: zones)
        checkup.mistakes = mistakes
        guard let assembly else { return checkup }
        checkup.mistakes += ChannelBuilder.channels(
            for: assembly.configuration, environment: environment, clock: SystemClock()
        ).mistakes
        checkup.look(at: assembly)
        checkup.lookAtLedger(assembly)
        return checkup
    }

    private mutating func look(at assembly: Assembly) {
        summary.append(inventory(of: assembly))
        let place = assembly.configuration.source.databasePlace
        do {
            let source = try Workshop.source(assembly)
            let description = try source.describe()
            mistakes += description.mistakes
            guard !description.mistakes.contains(where: { $0.severity == .error }) else { return }
            try lookAtCustomers(assembly, source)
        } catch let error as SourceError {
            isSourceUnreachable = error.isPassing
            let severity: Mistake.Severity = error.isPassing ? .warning : .error
            mistakes.append(Mistake(severity, at: place, path: "customers.database", error.description))
        } catch {
            mistakes.append(Mistake(at: place, path: "customers", "\(error)"))
        }
    }

    private func inventory(of assembly: Assembly) -> String {
        let rules = Words.count(assembly.book.rules.count, "rule")
        let files = assembly.configuration.ruleFiles.count
        let kinds = assembly.book.eventKinds.count
        return rules + (files == 0 ? "" : " in \(Words.count(files, "file"))")
            + (kinds == 0 ? "" : ", \(Words.count(kinds, "kind")) of events")
    }

    /// What the ledger knows beside the files: rules that vanished or changed, and what a guard found. A ledger that this
    /// user may not read, or that no daemon has made yet, says nothing.
    private mutating func lookAtLedger(_ assembly: Assembly) {
        let path =
            switch assembly.configuration.state {
            case .sqlite(let path): path
            }
        guard access(path, R_OK) == 0 else { return }
        do {
            let outbox = try SQLiteOutbox.openForCommand(path: path, access: .read)
            compare(assembly, try outbox.ruleLedgers())
            let figures = try outbox.guardFigures()
            let place = assembly.configuration.source.query.place
            if figures.trippedSince != nil { mistakes.append(Mistake(.warning, at: place, path: "guard.day", figures.dayWords)) }
            if figures.collapsedSince != nil { mistakes.append(Mistake(.warning, at: place, path: "customers", figures.customersWords)) }
            try outbox.close()
        } catch {
            summary.append("the ledger cannot be looked at: \(error)")
        }
    }

    private mutating func compare(_ assembly: Assembly, _ ledgers: [RuleLedger]) {
        let rules = assembly.book.rules
        for ledger in ledgers where ledger.goneAt == nil && ledger.name != DayList.rule {
            if let rule = rules.first(where: { $0.name == ledger.name }) {
                guard rule.hash != ledger.hash else { continue }
                summary.append("\(rule.name): changed since the daemon read it; unsent messages will follow it")
            } else if let rule = rules.first(where: { $0.formerly.contains(ledger.name) }) {
                summary.append("\(rule.name): was \(ledger.name), and keeps what it has sent")
            } else {
                mistakes.append(
                    Mistake(
                        .warning, at: Place(file: assembly.configuration.rulesFolder, line: 0, column: 0), path: ledger.name,
                        "this rule has a ledger and is in no file: its unsent messages will be cancelled; where it was "
                            + "renamed, write formerly: \(ledger.name) in the new one"))
            }
        }
    }

    /// A whole pass over the next 31 days: usable and unusable rows, and what will be due.
    private mutating func lookAtCustomers(_ assembly: Assembly, _ source: any CustomerSource) throws {
        let now = SystemClock().now()
        let forecast = Forecast(
            assembly: assembly, source: source, outbox: nil, hash: AddressHash(key: .random()))
        let report = try forecast.report(from: now, to: now + .days(31), now: now)
        summary.append(Words.count(report.customers, "customer"))
        let place = assembly.configuration.source.query.place
        func warn(_ count: Int, _ one: String, _ many: String, _ ids: [String]) {
            guard count > 0 else { return }
            let names = ids.isEmpty ? "" : ": " + ids.joined(separator: ", ") + (count > ids.count ? ", …" : "")
            mistakes.append(Mistake(.warning, at: place, path: "customers.query", Words.count(count, one, many) + names))
        }
        warn(report.scan.withoutID, "row without an id is left out", "rows without an id are left out", [])
        warn(
            report.scan.duplicates, "row repeats an id and is left out", "rows repeat an id and are left out",
            report.scan.duplicateIDs)
        for (problem, customers) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            warn(
                customers.count, "customer has a \(problem.words)", "customers have a \(problem.words)", customers.firstIDs)
        }
        for rule in assembly.book.rules where !rule.isAboutEvents {
            let due = report.lines.count { $0.outreach.key.rule == rule.name && $0.verdict.word == "due" }
            summary.append("\(rule.name): \(due) due in the next 31 days")
        }
    }
}

extension CustomerProblem {
    fileprivate var words: String {
        switch self {
        case .unknownZone: "time_zone that is no zone of tzdata, such as Europe/Berlin"
        case .badDate: "date that is none; expected YYYY-MM-DD"
        case .unknownCalendar: "birthday_calendar that is neither lunar nor gregorian"
        case .lunarWithoutYear: "lunar birthday without a year, from which its lunar day cannot be told"
        case .outsideLunarCalendar:
            "lunar birthday outside \(LunarDate.firstDate) to \(LunarDate.lastDate), where the Chinese calendar is known"
        case .unknownFeast: "feast that nobody is greeted on; expected names of feasts, a country or none"
        case .badAddress: "mail address that cannot be used"
        case .withoutID: "row without an id"
        case .repeatedID: "id that another row has too"
        case .badID: "id that begins with event: or staff:, or holds a NUL"
        }
    }
}
