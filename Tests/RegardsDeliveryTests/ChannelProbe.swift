import RegardsCalendar
import RegardsCore
import RegardsTestSupport

/// Drives a channel from a test and waits for what it answers.
final class ChannelProbe: Sendable {
    let channel: any Channel
    let states = EventLog<ChannelState>()

    init(_ channel: any Channel) {
        self.channel = channel
        channel.whenStateChanges { [states] in states.add($0) }
    }

    /// Opens and waits until the channel is ready or down.
    @discardableResult
    func open() throws -> ChannelState {
        let before = states.all.count
        channel.open()
        return try states.await("ready or down") { states in
            states.dropFirst(before).first {
                switch $0 {
                case .ready, .down: true
                case .idle, .opening, .closed: false
                }
            }
        }
    }

    func start(_ outgoing: Outgoing) -> Ticket {
        let ticket = Ticket()
        channel.send(outgoing) { ticket.reports.add($0) }
        return ticket
    }

    func send(_ outgoing: Outgoing) throws -> AttemptReport { try start(outgoing).report() }

    func awaitState(_ state: ChannelState) throws {
        try states.await("\(state)") { $0.contains(state) ? () : nil }
    }

    /// Asks whether its thread answers: before there is one, while it is open, and after its end.
    func pingThroughLife() throws {
        let answers = EventLog<Int>()
        func ping(_ number: Int) throws {
            channel.ping { answers.add(number) }
            try answers.await("answer \(number)") { $0.last == number ? () : nil }
        }
        try ping(1)
        try open()
        for number in 2...5 { try ping(number) }
        try close()
        try ping(6)
    }

    func close(grace: TimeSpan = .seconds(8)) throws {
        let closed = EventLog<Bool>()
        channel.close(grace: grace) { closed.add(true) }
        try closed.await("the end of close") { $0.first }
    }
}

/// The reports of one message: there must never be more than one.
final class Ticket: Sendable {
    let reports = EventLog<AttemptReport>()

    func report() throws -> AttemptReport {
        try reports.await("the report") { $0.first }
    }
}

enum Fixture {
    /// 2027-05-01 09:00:00 UTC.
    static let moment = Instant(seconds: 1_809_162_000)

    static func mail(
        from: String = "shop@example.com", to: String = "customer@example.net", id: String = "1@regards.example",
        body: String = "Subject: Greetings\r\n\r\nHappy birthday!\r\n"
    ) throws -> Outgoing {
        try mail(from: from, to: to, id: id, bytes: Array(body.utf8))
    }

    static func mail(
        from: String = "shop@example.com", to: String = "customer@example.net", id: String = "1@regards.example",
        bytes: [UInt8]
    ) throws -> Outgoing {
        let envelope = Envelope(sender: try Address(from), recipient: try Address(to))
        return Outgoing(
            outreach: 1, destination: .mailbox(envelope), message: RenderedMessage(id: id, bytes: bytes),
            attemptedAt: moment)
    }
}
