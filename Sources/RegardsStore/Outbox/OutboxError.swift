import GRDB

/// What can go wrong with the ledger. `description` is the sentence for the operator.
package enum OutboxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another daemon holds the lock; `process` is its id where it could be read.
    case inUse(lock: String, process: Int32?)
    /// There is no state file.
    case missing(path: String)
    case damaged(path: String, detail: String)
    /// A database, but not one of ours.
    case foreign(path: String)
    /// Written by a newer release.
    case newer(path: String)
    /// A command met a file of an older release, which only a daemon's start brings up to date, or a command that writes
    /// while no daemon runs.
    case older(path: String, isInUse: Bool)
    case diskFull(path: String)
    /// A migration would not have room for the backup that comes before it; in bytes.
    case noRoom(path: String, needed: Int64, free: Int64)
    /// The file cannot be opened, read or written.
    case unreachable(path: String, detail: String)
    /// Somebody else wrote for longer than we wait.
    case busy(path: String)
    /// SQLite did not accept a setting that durability depends on.
    case settingRefused(name: String, wanted: String, found: String)
    case database(detail: String)

    /// A rule's `formerly:` names a rule that has a ledger of its own.
    case bothHaveLedgers(rule: String, formerly: String)
    case twoRulesOfOneName(rule: String)
    /// A rule that was never adopted.
    case unknownRule(String)
    /// Rows of a page were not grouped in the order of its customers.
    case rowsOutOfOrder(customer: String)
    /// `settle` was asked for a row that is not held in doubt.
    case notInDoubt(id: Int64)
    case noSuchOutreach(id: Int64)
    case noSuchListItem(id: Int64)
    /// A command tried what only the daemon may do.
    case notDaemon
    case passEnded

    package var description: String {
        switch self {
        case .inUse(let lock, let process):
            "another regards daemon\(process.map { " (process \($0))" } ?? "") uses this state: "
                + "\(lock) is locked; stop it first, or give this one its own state file"
        case .missing(let path): "\(path): no state file yet; it is made by the first start of the daemon"
        case .damaged(let path, let detail):
            "\(path): the state file is damaged (\(detail)); put a backup in its place, or salvage what can be read: "
                + "regards recover"
        case .foreign(let path): "\(path): this SQLite database was not made by regards; name another file under state:"
        case .newer(let path): "\(path): written by a newer release of regards; install that release again, or put its backup "
                + "\(path).before-… in its place"
        case .older(let path, true): "\(path): the running daemon is of an older release; restart it first"
        case .older(let path, false):
            "\(path): written by an older release of regards; start the daemon, which copies it to \(path).before-… and "
                + "brings it up to date"
        case .noRoom(let path, let needed, let free):
            "\(path): an update of the state makes a backup first and needs \(Self.megabytes(needed)) beside it, but "
                + "\(Self.megabytes(free)) are free; make room and start again"
        case .diskFull(let path): "\(path): no space left for the state file; nothing is sent until there is"
        case .unreachable(let path, let detail): "\(path): the state file cannot be used: \(detail)"
        case .busy(let path): "\(path): another process has been writing for too long; try again"
        case .settingRefused(let name, let wanted, let found):
            "SQLite did not take \(name) = \(wanted) (it is \(found)); the state file must be on a local disk"
        case .database(let detail): "the state file: \(detail)"
        case .bothHaveLedgers(let rule, let formerly):
            "\(rule) says formerly: \(formerly), but both have a ledger; drop the line, or give \(rule) a new name"
        case .twoRulesOfOneName(let rule): "two rules are called \(rule)"
        case .unknownRule(let rule): "the ledger does not know the rule \(rule)"
        case .rowsOutOfOrder(let customer): "rows of customer \(customer) are not in the order of the page"
        case .notInDoubt(let id): "outreach \(id) is not in doubt: there is nothing to settle"
        case .noSuchOutreach(let id): "there is no outreach \(id)"
        case .noSuchListItem(let id): "there is no item \(id) on any list"
        case .notDaemon: "only the daemon may claim and send"
        case .passEnded: "the planning pass has ended"
        }
    }

    /// Rounded up.
    private static func megabytes(_ bytes: Int64) -> String { "\((bytes + 999_999) / 1_000_000) MB" }

    init(_ error: DatabaseError, path: String) {
        let detail = error.message ?? error.resultCode.description
        switch error.resultCode {
        case .SQLITE_FULL: self = .diskFull(path: path)
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(path: path, detail: detail)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self = .unreachable(path: path, detail: detail)
        default: self = .database(detail: detail)
        }
    }
}
