import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

/// What every command that reads the configuration takes.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp(
            """
            The configuration file. Default: regards.yaml in $CONFIGURATION_DIRECTORY, in /etc/regards, or in this \
            folder.
            """, valueName: "file"), completion: .configurationFile)
    var file: String?

    /// The file that is meant, whether or not it is there.
    var path: String { file ?? found }

    /// - Throws: `Failure` 66 when it is not there.
    func requirePath() throws -> String {
        let path = path
        guard access(path, F_OK) == 0 else {
            throw Failure(
                .noInput,
                "\(path): \(String(cString: strerror(errno))); name the file with --config, or look around first: "
                    + "\(Process.command) demo")
        }
        return path
    }

    private var found: String {
        let given = Process.environment["CONFIGURATION_DIRECTORY"]?.split(separator: ":").first.map(String.init)
        for folder in [given, "/etc/regards"].compactMap({ $0 }) where access(folder + "/regards.yaml", F_OK) == 0 {
            return folder + "/regards.yaml"
        }
        return "regards.yaml"
    }

    /// What can be read of files that may have mistakes.
    /// - Throws: `Failure` 66 when there is no file, 78 where hardly anything can be read.
    func look() throws -> (assembly: Assembly, mistakes: [Mistake]) {
        let found = Assembly.look(file: try requirePath(), environment: Process.environment, zones: ZoneCatalog())
        guard let assembly = found.assembly else { throw Failure(mistakes: found.mistakes) }
        return (assembly, found.mistakes)
    }

    /// The checked files.
    /// - Throws: `Failure` 66 when there is no file, 78 with every mistake when one is an error.
    func load(
        zones: ZoneCatalog = ZoneCatalog(), printsWarnings: Bool = false, keepsAllCards: Bool = true
    ) throws -> Assembly {
        let (assembly, mistakes) = Assembly.load(
            file: try requirePath(), environment: Process.environment, zones: zones, keepsAllCards: keepsAllCards)
        guard let assembly else { throw Failure(mistakes: mistakes) }
        if printsWarnings { for mistake in mistakes { Terminal.error(mistake.description) } }
        return assembly
    }
}

extension Assembly {
    var statePath: String {
        switch configuration.state {
        case .sqlite(let path): path
        }
    }

    var stateFolder: String {
        guard let slash = statePath.lastIndex(of: "/") else { return "." }
        return slash == statePath.startIndex ? "/" : String(statePath[..<slash])
    }

    /// The ledger as it stands; nil where no daemon has run yet.
    func ledger() throws -> SQLiteOutbox? {
        guard access(statePath, F_OK) == 0 else { return nil }
        return try SQLiteOutbox.openForCommand(path: statePath, access: .read)
    }

    /// The same, for commands that have nothing to say without one.
    /// - Throws: `Failure` 66 where no daemon has run yet.
    func requireLedger() throws -> SQLiteOutbox {
        if let outbox = try ledger() { return outbox }
        throw Failure(.noInput, "\(statePath): no state file yet; \(Process.command) serve makes it")
    }

    /// The installation's key. Where there is none yet, or for somebody who may not look into the state folder, one for
    /// this run: a preview then has another Message-ID than the real message.
    func key() throws -> AddressHash.Key {
        guard access("\(stateFolder)/\(KeyFile.name)", R_OK) == 0 else { return .random() }
        return try KeyFile.load(stateDirectory: stateFolder)
    }

    /// - Throws: `Failure` 64 with the nearest name for a rule that is in no file.
    func requireRule(_ name: String?) throws {
        guard let name, !book.rules.contains(where: { $0.name == name }) else { return }
        let names = book.rules.map(\.name)
        let hint =
            NearestName.of(name, among: names).map { "did you mean \($0)?" }
            ?? (names.isEmpty ? "there are none" : "there are \(names.joined(separator: ", "))")
        throw Failure(.usage, "there is no rule \(name); \(hint)")
    }
}

/// A day, from its midnight in the business's zone, or an instant.
enum DayOrInstant: ExpressibleByArgument {
    case day(CivilDate)
    case instant(Instant)

    init?(argument: String) {
        if let date = CivilDate(argument) {
            self = .day(date)
        } else if let instant = Instant(argument) {
            self = .instant(instant)
        } else {
            return nil
        }
    }

    func instant(in zone: Zone) -> Instant {
        switch self {
        case .day(let date): zone.startOfDay(date)
        case .instant(let instant): instant
        }
    }
}

struct PeriodOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "First day (2027-05-01) or instant (2027-05-01T09:00:00Z). Default: now.", valueName: "date"))
    var from: DayOrInstant?

    @Option(help: ArgumentHelp("The end, not included. Default: 31 days after the start.", valueName: "date"))
    var to: DayOrInstant?

    func range(in zone: Zone) throws -> Range<Instant> {
        let start = from?.instant(in: zone) ?? SystemClock().now()
        let end = to?.instant(in: zone) ?? CalendarSpan(days: 31).added(to: start, in: zone)
        guard start < end else { throw Failure(.usage, "--to must be later than --from") }
        return start..<end
    }
}
