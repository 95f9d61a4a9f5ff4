import ArgumentParser
import Glibc
import RegardsCore
import RegardsDaemon
import RegardsStore

/// What `outbox retry`, `hold`, `release` and `cancel` take.
struct RowOptions: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions

    @Argument(help: ArgumentHelp("The rows' ids, as `outbox list` prints them.", valueName: "id"))
    var ids: [Int64]

    /// Does it to all rows or to none, and says so.
    func carry(_ action: HandAction) throws {
        try carryOut {
            let assembly = try options.load()
            guard access(assembly.statePath, F_OK) == 0 else { throw Failure(.noInput, "there is no row \(ids[0])") }
            let outbox = try SQLiteOutbox.openForCommand(path: assembly.statePath, access: .write)
            let unique = ids.enumerated().filter { ids.firstIndex(of: $1) == $0 }.map(\.element)
            let refusals = try outbox.act(action, on: unique, now: SystemClock().now())
            try outbox.close()
            guard refusals.isEmpty else { throw action.failure(refusals, of: unique.count) }
            for id in unique { Terminal.write(action.done(id)) }
        }
    }
}

struct OutboxRetry: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try messages again that failed.",
        usage: "regards outbox retry <id> ... [<options>]",
        discussion: """
            A message that failed for good is owed again, one that waits after a failure no longer waits, and one that \
            somebody cancelled goes after all. Each is decided anew before it goes: what is too late by now is skipped, \
            and an address that is suppressed gets nothing. A running daemon follows within a minute.

            EXAMPLES
              regards outbox list --state failed
              regards outbox retry 4711 4712
            """)

    @OptionGroup var rows: RowOptions

    func run() throws { try rows.carry(.retry) }
}

struct OutboxHold: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Hold single messages back.",
        usage: "regards outbox hold <id> ... [<options>]",
        discussion: """
            They wait until `outbox release`, or until it is too late for them. It acts at once, whether a daemon runs or \
            not; what a relay has in hand already cannot be held. To hold more than single messages: regards pause.

            EXAMPLES
              regards outbox list --state planned --customer 17
              regards outbox hold 4711
            """)

    @OptionGroup var rows: RowOptions

    func run() throws { try rows.carry(.hold) }
}

struct OutboxRelease: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Let messages go that were held by hand.",
        usage: "regards outbox release <id> ... [<options>]",
        discussion: """
            A running daemon follows within a minute. What waits for something else is released by that: `outbox show` \
            says by what.

            EXAMPLES
              regards outbox list --state held
              regards outbox release 4711
            """)

    @OptionGroup var rows: RowOptions

    func run() throws { try rows.carry(.release) }
}

struct OutboxCancel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Never send single messages.",
        usage: "regards outbox cancel <id> ... [<options>]",
        discussion: """
            It acts at once, whether a daemon runs or not, and planning does not undo it; `outbox retry` does. What a \
            relay has in hand already cannot be cancelled.

            EXAMPLES
              regards outbox cancel 4711 4712
            """)

    @OptionGroup var rows: RowOptions

    func run() throws { try rows.carry(.cancel) }
}

extension HandAction {
    fileprivate func done(_ id: Int64) -> String {
        switch self {
        case .retry: "row \(id) goes again, once it is due"
        case .hold: "row \(id) is held; to let it go: \(Process.command) outbox release \(id)"
        case .release: "row \(id) is released"
        case .cancel: "row \(id) is cancelled"
        }
    }

    /// 66 where a row is not there, else 65; nothing was done then.
    fileprivate func failure(_ refusals: [HandRefusal], of count: Int) -> Failure {
        let reasons = refusals.map(sentence).joined(separator: "; ")
        let rest = count > 1 ? "; nothing was done" : ""
        return Failure(refusals.contains { $0.found == nil } ? .noInput : .data, reasons + rest)
    }

    private func sentence(_ refusal: HandRefusal) -> String {
        let id = refusal.id
        guard let (state, reason) = refusal.found else { return "there is no row \(id)" }
        let isInDoubt = reason == HoldReason.inDoubt.description
        switch (state, self) {
        case (.held, _) where isInDoubt: return "row \(id) is in doubt: \(Process.command) outbox settle \(id)"
        case (.sending, _): return "row \(id) is on its way"
        case (.claimed, _): return "row \(id) is about to go"
        case (.sent, _): return "row \(id) was sent"
        case (.held, .retry), (.held, .release):
            let words = HoldReason(reason)?.words ?? reason
            return "row \(id) is held: \(words)"
        case (.planned, .release): return "row \(id) is not held"
        default: return "row \(id) is \(state)\(reason.isEmpty ? "" : " (\(reason))")"
        }
    }
}
