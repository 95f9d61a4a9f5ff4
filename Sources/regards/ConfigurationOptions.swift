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
            "The configuration file. Default: regards.yaml in $CONFIGURATION_DIRECTORY, in /etc/regards, or here.",
            valueName: "file"))
    var file: String?

    var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return variables
    }

    var path: String {
        if let file { return file }
        let folders = [environment["CONFIGURATION_DIRECTORY"]?.split(separator: ":").first.map(String.init), "/etc/regards"]
        for folder in folders.compactMap({ $0 }) where access(folder + "/regards.yaml", F_OK) == 0 {
            return folder + "/regards.yaml"
        }
        return "regards.yaml"
    }

    /// The checked files; prints every mistake and exits with 78 when one is an error, and with 66 when there is no file.
    func load(zones: ZoneCatalog = ZoneCatalog(), printsWarnings: Bool = false) throws -> Assembly {
        let path = path
        guard access(path, F_OK) == 0 else {
            throw Failure(.noInput, "\(path): no such file; name one with --config, or try: regards demo")
        }
        let (assembly, mistakes) = Assembly.load(file: path, environment: environment, zones: zones)
        for mistake in mistakes where printsWarnings || mistake.severity == .error { Terminal.error(mistake.description) }
        guard let assembly else {
            let count = mistakes.count { $0.severity == .error }
            throw Failure(.config, "\(count) \(count == 1 ? "mistake" : "mistakes"); nothing was done")
        }
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
        return try Failure.translating { try SQLiteOutbox.openForCommand(path: statePath, access: .read) }
    }

    /// The installation's key, or one for this run where there is no state yet.
    func key() -> AddressHash.Key {
        guard access("\(stateFolder)/\(KeyFile.name)", R_OK) == 0 else { return .random() }
        do {
            return try KeyFile.load(stateDirectory: stateFolder)
        } catch {
            return .random()
        }
    }
}

/// An exit with a sentence and a status of sysexits(3).
struct Failure: Error, CustomStringConvertible {
    enum Status: Int32 {
        case usage = 64, data = 65, noInput = 66, unavailable = 69, software = 70, cannotCreate = 73, io = 74
        case tryAgain = 75, noPermission = 77, config = 78
    }

    var status: Status
    var description: String

    init(_ status: Status, _ description: String) {
        self.status = status
        self.description = description
    }

    /// The same sentence under the status that fits.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as SourceError: self.init(.unavailable, error.description)
        case let error as WorkshopError: self.init(.config, error.description)
        case OutboxError.inUse: self.init(.tryAgain, "\(error)")
        case let error as OutboxError: self.init(.io, error.description)
        case let error as KeyFileError: self.init(.io, error.description)
        case let error as SimulationError: self.init(.cannotCreate, error.description)
        case let error as TrialError: self.init(Status(error), error.description)
        case let error as DemoError: self.init(.cannotCreate, error.description)
        default: self.init(.software, "\(error)")
        }
    }

    static func translating<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw Failure(error)
        }
    }
}

extension Failure.Status {
    fileprivate init(_ error: TrialError) {
        switch error {
        case .noRule, .noStep: self = .usage
        case .noCustomer: self = .noInput
        case .noZone: self = .data
        }
    }
}

/// Runs a command's body and turns what it throws into one line and an exit status.
func carryOut(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let code as ExitCode {
        throw code
    } catch {
        let failure = Failure(error)
        Terminal.error("regards: \(failure)")
        throw ExitCode(failure.status.rawValue)
    }
}
