import ArgumentParser
import RegardsCore
import RegardsDaemon
import RegardsStore

/// Why a command ends without having done its work: a sentence, and a status of sysexits(3).
struct Failure: Error, CustomStringConvertible {
    enum Status: Int32 {
        case usage = 64, data = 65, noInput = 66, unavailable = 69, software = 70, cannotCreate = 73, io = 74
        case tryAgain = 75, config = 78
    }

    var status: Status
    var description: String
    /// Told before the sentence, one line each.
    var mistakes: [Mistake] = []

    init(_ status: Status, _ description: String) {
        self.status = status
        self.description = description
    }

    init(mistakes: [Mistake]) {
        let count = mistakes.count { $0.severity == .error }
        self.init(.config, "\(Words.count(count, "mistake")); nothing was done")
        self.mistakes = mistakes
    }

    /// Mistakes of a file that is no configuration.
    init(data mistakes: [Mistake]) {
        self.init(.data, "\(Words.count(mistakes.count, "mistake")); nothing was done")
        self.mistakes = mistakes
    }

    /// The error's own sentence under the status that fits.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as WorkshopError: self.init(mistakes: error.mistakes)
        case let error as SourceError: self.init(error.isPassing ? .unavailable : .config, error.description)
        case let error as ChannelDown: self.init(.unavailable, error.description)
        case let error as OutboxError: self.init(error.status, error.description)
        case let error as TrialError: self.init(error.status, error.description)
        case let error as ComposingError: self.init(.data, error.description)
        case let error as GalleryError: self.init(error.status, error.description)
        case let error as KeyFileError: self.init(.io, error.description)
        case let error as SimulationError: self.init(.cannotCreate, error.description)
        case let error as FixtureError: self.init(data: error.mistakes)
        case let error as DemoError: self.init(.cannotCreate, error.description)
        case let error as BusinessDatabaseError: self.init(.cannotCreate, error.description)
        default: self.init(.software, "\(error)")
        }
    }
}

extension OutboxError {
    fileprivate var status: Failure.Status {
        switch self {
        case .inUse, .busy, .older: .tryAgain
        case .missing: .noInput
        case .foreign, .newer, .bothHaveLedgers, .twoRulesOfOneName: .config
        default: .io
        }
    }
}

extension GalleryError {
    fileprivate var status: Failure.Status {
        switch self {
        case .card: .data
        case .file: .cannotCreate
        }
    }
}

extension TrialError {
    fileprivate var status: Failure.Status {
        switch self {
        case .noRule, .noStep: .usage
        case .noCustomer: .noInput
        case .noZone, .noAddress, .onList: .data
        }
    }
}

/// Runs a command's body; what it throws becomes lines on standard error and an exit status.
func carryOut(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let code as ExitCode {
        throw code
    } catch {
        let failure = Failure(error)
        failure.tell()
        throw ExitCode(failure.status.rawValue)
    }
}

extension Failure {
    fileprivate func tell() {
        guard JournalAnnouncer.isConnected(environment: Process.environment) else {
            for mistake in mistakes { Terminal.error(wrapped: mistake.description) }
            return Terminal.error(wrapped: "regards: \(description)")
        }
        // Under systemd alerts and `journalctl -x` go by the identifier of the kind.
        let journal = JournalAnnouncer(hash: AddressHash(key: .random()))
        for mistake in mistakes where mistake.severity == .error {
            journal.announce(Notice(.configurationRefused, detail: mistake.description))
        }
        // The priority of a line on standard error: sd-daemon(3).
        Terminal.error("<3>regards: \(description)")
    }
}
