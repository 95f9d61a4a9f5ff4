import Glibc
package import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

/// A whole period at once: every customer is walked through it (`ForecastWalk`), what is sent first known to what is
/// decided later, as the daemon would with a new ledger at its beginning. Nothing of it is written but the messages, and
/// those only where a folder is named.
///
/// Customers are as the database has them now. Events come at their own times, and so does what ends them
/// (`LivedEvent`): a period of the past is lived through again.
package struct Simulation {
    package struct Report: Sendable {
        package var sentByRule: [String: Int] = [:]
        /// By local date of the outreach.
        package var sentByDay: [CivilDate: Int] = [:]
        package var sentByDayAndRule: [DayAndRule: Int] = [:]
        /// What was skipped, is held, or became an item of a list, by `state(reason)`.
        package var others: [String: Int] = [:]
        package var customers = 0
        /// What gave way to what.
        package var collisions: [Collision: Int] = [:]
        /// By rule: promises to answer within a time.
        package var promises: [String: PromiseCount] = [:]
        /// Items of lists, by list.
        package var listed: [String: Int] = [:]

        package var sent: Int { sentByRule.values.reduce(0, +) }
        /// Mails about the day's lists.
        package var dayLists: Int { sentByRule[DayList.rule] ?? 0 }
    }

    package struct DayAndRule: Hashable, Sendable {
        package var day: CivilDate
        package var rule: String
    }

    /// A message of one rule made way for one of another, or of its own.
    package struct Collision: Hashable, Sendable {
        package enum End: String, CaseIterable, Hashable, Sendable {
            /// It went later.
            case putOff = "put-off"
            /// It did not go at all: the budget had no room in its time.
            case lost
            /// `instead_of`.
            case replaced
        }

        package var rule: String
        package var winner: String
        package var end: End

        package init(rule: String, winner: String, end: End) {
            (self.rule, self.winner, self.end) = (rule, winner, end)
        }
    }

    private let assembly: Assembly
    private let folder: String?

    /// - Parameter folder: where messages are written: `new/*.eml`, and a folder for each webhook; nil: nowhere, which is
    ///   many times faster.
    package init(assembly: Assembly, folder: String? = nil) {
        self.assembly = assembly.with(mode: .live)
        self.folder = folder
    }

    /// Everything due in the period, as if the daemon had been started at its beginning with a new ledger.
    /// - Parameters:
    ///   - hasEvents: false where the customers come from somewhere that has none.
    ///   - progress: told how many customers were walked through, every thousand of them.
    /// - Throws: `SourceError`, `SimulationError`.
    package func run(
        from: Instant, to: Instant, hasEvents: Bool = true, progress: (Int) -> Void = { _ in }
    ) throws -> Report {
        let source = try Workshop.source(assembly)
        let writer = try folder.map { try SimulatedMail(assembly, folder: $0) }
        let tallies = (0..<ForecastCrew.cores).map { _ in SimulationTally(assembly, from..<to, writer) }
        let forecast = Forecast(assembly: assembly, source: source, outbox: nil, hash: AddressHash(key: .random()))
        let crew = try forecast.live(
            from: from, to: to, cores: tallies.count, hasEvents: hasEvents, progress: progress
        ) { core, sights, members in
            tallies[core].take(sights, members)
            return []
        }
        let tally = tallies.dropFirst().reduce(into: tallies[0]) { $0.add($1) }
        tally.mailLists()
        try writer?.close()
        tally.report.customers = crew.counted().customers
        tally.report.promises = crew.promises()
        return tally.report
    }
}

/// Why a simulation cannot run.
package struct SimulationError: Error, CustomStringConvertible {
    package var path: String
    package var code: Int32
    /// More than the system's reason; empty: that.
    package var detail = ""
    package var description: String { "\(path): \(detail.isEmpty ? String(cString: strerror(code)) : detail)" }

    package init(path: String, code: Int32, detail: String = "") {
        (self.path, self.code, self.detail) = (path, code, detail)
    }
}
