import Glibc
package import RegardsCalendar
import RegardsCore
import RegardsDelivery
import RegardsRules
import RegardsStore

/// The whole daemon under a virtual clock: the same desks and the same send loop, against a ledger of its own, with a
/// maildir for each channel.
package struct Simulation {
    package struct Report: Sendable {
        package var sentByRule: [String: Int] = [:]
        /// By local date of the outreach.
        package var sentByDay: [CivilDate: Int] = [:]
        /// Skipped, failed and cancelled rows by `state(reason)`.
        package var others: [String: Int] = [:]
        package var customers = 0

        package var sent: Int { sentByRule.values.reduce(0, +) }
    }

    private let assembly: Assembly
    private let folder: String

    /// - Parameter folder: where messages are written: `new/*.eml`, and a folder for each webhook.
    package init(assembly: Assembly, folder: String) {
        self.assembly = assembly.with(mode: .live)
        self.folder = folder
    }

    /// Everything due in the period, as if the daemon had been started at its beginning with a new ledger.
    /// - Throws: `SourceError`, `OutboxError`, `SimulationError`.
    package func run(from: Instant, to: Instant, progress: (Instant) -> Void = { _ in }) throws -> Report {
        let scratch = try Scratch(beside: folder)
        defer { scratch.remove() }
        let clock = VirtualClock(from)
        let outbox = try SQLiteOutbox.openScratch(path: scratch.state, now: from)
        let daemon = try VirtualDaemon(
            assembly, outbox: outbox, channels: channels(clock), clock: clock, salt: Array("simulation".utf8))
        var report = Report()
        while clock.now() < to {
            report.customers = try daemon.look().customers
            progress(clock.now())
            try daemon.run(until: min(clock.now() + .days(1), to))
        }
        daemon.stop()
        try tally(outbox, to: to, &report)
        try outbox.close()
        return report
    }

    private func channels(_ clock: any WallClock) -> ChannelSet {
        var channels: [ChannelName: any Channel] = [
            .mail: MaildirChannel(name: "maildir", directory: folder, isDurable: false)
        ]
        for webhook in assembly.configuration.webhooks {
            channels[.webhook(webhook.name)] = MaildirChannel(
                name: webhook.name, directory: "\(folder)/webhook-\(webhook.name)", isDurable: false)
        }
        return ChannelSet(channels, clock: clock)
    }

    private func tally(_ outbox: any Outbox, to: Instant, _ report: inout Report) throws {
        var after: Int64 = 0
        while true {
            let rows = try outbox.list(OutreachFilter(), limit: 10_000, after: after)
            guard let last = rows.last else { return }
            after = last.id
            for row in rows where row.plan.dueAt < to {
                if row.state == .sent {
                    report.sentByRule[row.key.rule, default: 0] += 1
                    report.sentByDay[row.plan.localDate, default: 0] += 1
                } else {
                    report.others["\(row.state)\(row.reason.isEmpty ? "" : "(\(row.reason))")", default: 0] += 1
                }
            }
        }
    }
}

/// Why a simulation cannot run.
package struct SimulationError: Error, CustomStringConvertible {
    package var path: String
    package var code: Int32
    package var description: String { "\(path): \(String(cString: strerror(code)))" }
}

/// A hidden folder for the ledger of one simulation.
private struct Scratch {
    let path: String
    var state: String { path + "/state.sqlite" }

    init(beside folder: String) throws {
        // Made first, so that the scratch folder lies on the same disk.
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw SimulationError(path: folder, code: errno) }
        var template = Array((folder + "/.simulation-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw SimulationError(path: folder, code: errno) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    func remove() {
        for suffix in ["", "-wal", "-shm", ".lock"] { unlink(state + suffix) }
        rmdir(path)
    }
}
