import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDelivery
import RegardsRules
import RegardsStore
import Synchronization

/// Writes the messages of a simulation into maildirs: one for mail, and one for each webhook. Thread-safe.
final class SimulatedMail: Sendable {
    /// Messages that wait for the disk, at most; then whoever makes more waits too.
    private static let waiting = 64

    private let composer: MessageComposer
    private let channels: [ChannelName: MaildirChannel]
    private let room = DispatchSemaphore(value: SimulatedMail.waiting)
    private let folder: String
    private let failure = Mutex<SimulationError?>(nil)

    /// - Throws: `SimulationError` where the folder cannot be made.
    init(_ assembly: Assembly, folder: String) throws {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw SimulationError(path: folder, code: errno) }
        self.folder = folder
        composer = MessageComposer(assembly: assembly, salt: Array("simulation".utf8))
        var channels: [ChannelName: MaildirChannel] = [
            .mail: MaildirChannel(name: "maildir", directory: folder, isDurable: false)
        ]
        for webhook in assembly.configuration.webhooks {
            channels[.webhook(webhook.name)] = MaildirChannel(
                name: webhook.name, directory: "\(folder)/webhook-\(webhook.name)", isDurable: false)
        }
        self.channels = channels
        for channel in channels.values { channel.open() }
    }

    func write(_ sight: Forecast.Sight, _ line: Forecast.Line) {
        do {
            write(try composer.compose(sight.candidate, sight.facts, card: line.card, now: sight.at), at: sight.at)
        } catch {
            fail(error.description)
        }
    }

    /// The mail about the lists of one employee.
    /// - Parameter items: all of one holder.
    func write(_ items: [SimulatedItem], on day: CivilDate, at now: Instant) {
        let house = composer.assembly.book.house
        guard let holder = items.first?.holder(in: house, on: day) else { return }
        let open = items.enumerated().map { number, item in
            let key = item.candidate.outreach.key
            return ListDesk.OpenItem(
                item: ListItem(
                    id: Int64(number), list: item.list.name, customer: key.customer, rule: key.rule, occasion: key.occasion,
                    recipient: key.recipient, why: item.why, since: item.since),
                customer: item.facts.customer, holder: holder, isGone: false, facts: item.facts)
        }.sorted { ($0.item.list, $0.item.since, $0.item.id) < ($1.item.list, $1.item.since, $1.item.id) }
        let owner = String(StableHash.of(holder.address.folded), radix: 16)
        let row = Outreach(id: 0, plan: DayList.row(owner, on: day, house))
        do {
            write(try composer.dayList(row, to: holder, items: open, now: now, redirect: nil), at: now)
        } catch {
            fail(error.description)
        }
    }

    private func write(_ message: ComposedMessage, at now: Instant) {
        guard let channel = channels[message.channel] else { return }
        room.wait()
        channel.send(Outgoing(outreach: 0, destination: message.destination, message: message.message, attemptedAt: now)) {
            [self] report in
            if case .deferred = report.outcome { fail(report.detail) }
            room.signal()
        }
    }

    private func fail(_ detail: String) {
        failure.withLock { $0 = $0 ?? SimulationError(path: folder, code: 0, detail: detail) }
    }

    /// Waits until all is written.
    /// - Throws: `SimulationError` where some of it could not be.
    func close() throws {
        for _ in 0..<SimulatedMail.waiting { room.wait() }
        for _ in 0..<SimulatedMail.waiting { room.signal() }
        for channel in channels.values {
            let closed = DispatchSemaphore(value: 0)
            channel.close(grace: .zero) { closed.signal() }
            closed.wait()
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
