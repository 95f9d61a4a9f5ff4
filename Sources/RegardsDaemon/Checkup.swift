import Glibc
package import RegardsCalendar
package import RegardsCore
import RegardsRules
import RegardsStore

/// All that can be said of a configuration without sending anything: what `check` prints.
///
/// One pass finds the mistakes of all files: what rules say is looked at where regards.yaml has mistakes, cards where rules
/// have, and the columns of the queries where cards have. What is counted needs files without a mistake.
package struct Checkup: Sendable {
    package var mistakes: [Mistake] = []
    /// Lines about what was found in order.
    package var summary: [String] = []
    /// Nothing is wrong but that the database cannot be read now.
    package var isSourceUnreachable = false

    package var hasErrors: Bool { mistakes.contains { $0.severity == .error } }

    /// Reads every file, asks the customer database for its columns and all its customers, and tries secrets and channels.
    /// - Parameter progress: told what is being done, before it is done.
    package static func run(
        file: String, environment: [String: String], zones: ZoneCatalog = ZoneCatalog(), now: Instant = SystemClock().now(),
        progress: (String) -> Void = { _ in }
    ) throws -> Checkup {
        var checkup = Checkup()
        let survey = Assembly.survey(file: file, environment: environment, zones: zones)
        checkup.mistakes = survey.mistakes
        guard let assembly = survey.assembly else { return checkup }
        if survey.isHouseSound {
            checkup.mistakes += ChannelBuilder.channels(
                for: assembly.configuration, environment: environment, clock: SystemClock(), isCheck: true
            ).mistakes
        }
        checkup.summary.append(inventory(of: assembly))
        let source = checkup.lookAtQueries(assembly)
        checkup.lookAtRules(assembly.book, now: now)
        guard !checkup.hasErrors, let source else { return checkup }
        let ledger = checkup.lookAtLedger(assembly)
        try checkup.lookAtRows(assembly, source, ledger, now: now, progress)
        return checkup
    }

    private static func inventory(of assembly: Assembly) -> String {
        let rules = Words.count(assembly.book.rules.count, "rule")
        let files = assembly.configuration.ruleFiles.count
        let kinds = assembly.book.eventKinds.count
        return rules + (files == 0 ? "" : " in \(Words.count(files, "file"))")
            + (kinds == 0 ? "" : ", \(Words.count(kinds, "kind")) of events")
    }

    /// What the ledger knows beside the files: rules that vanished or changed, and what a guard found. A ledger that this
    /// user may not read, or that no daemon has made yet, says nothing.
    private mutating func lookAtLedger(_ assembly: Assembly) -> SQLiteOutbox? {
        let path =
            switch assembly.configuration.state {
            case .sqlite(let path): path
            }
        guard access(path, R_OK) == 0 else { return nil }
        do {
            let outbox = try SQLiteOutbox.openForCommand(path: path, access: .read)
            compare(assembly, try outbox.ruleLedgers())
            let figures = try outbox.guardFigures()
            let place = assembly.configuration.source.query.place
            if figures.trippedSince != nil { mistakes.append(Mistake(.warning, at: place, path: "guard.day", figures.dayWords)) }
            if figures.collapsedSince != nil { mistakes.append(Mistake(.warning, at: place, path: "customers", figures.customersWords)) }
            return outbox
        } catch {
            summary.append("the ledger cannot be looked at: \(error)")
            return nil
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

    mutating func warn(_ place: Place, _ path: String, _ message: String) {
        mistakes.append(Mistake(.warning, at: place, path: path, message))
    }
}
