import RegardsCalendar
import RegardsCore

/// One session with a relay: moves bytes between the connection and the dialogue and watches the clock. Owned by the
/// relay's thread.
final class SMTPSession {
    /// What the relay's loop has to know after each move.
    enum Event {
        /// The session waits for the socket or for its deadline.
        case waits
        /// A message ended and the session is free again.
        case free(AttemptReport)
        /// The session is over; the report is for the message under way, if there was one.
        case over(AttemptReport?)
    }

    private enum Phase { case free, busy, quitting }

    /// Longest wait for the answer to QUIT, which nothing depends on.
    private static let quitPatience = 2.0

    private let connection: SMTPConnection
    private let settings: SMTPSettings
    private var dialogue: SMTPDialogue
    private var parser = SMTPReplyParser()
    private var output = OutputBuffer()
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 16)
    private var phase = Phase.free
    private(set) var deadline: Monotonic

    init(_ connection: SMTPConnection, _ settings: SMTPSettings, now: Monotonic) {
        self.connection = connection
        self.settings = settings
        dialogue = SMTPDialogue(capabilities: connection.capabilities)
        deadline = now + Double(settings.idleTimeout.microseconds) / 1e6
    }

    deinit { input.deallocate() }

    var socket: Int32 { connection.socket }
    var wantsToWrite: Bool { !output.isEmpty }
    var isFree: Bool { phase == .free }
    var isQuitting: Bool { phase == .quitting }
    /// True while the relay may or may not have the message.
    var isHandedOver: Bool { dialogue.isBusy && dialogue.handedOver }
    /// True when the session has carried at least one message to its verdict.
    var hasServed: Bool { dialogue.served > 0 }
    /// True when the present message got no answer at all: a kept session that had died unseen.
    var diedUnseen: Bool { hasServed && !dialogue.wasAnswered }

    // MARK: - Moves

    /// Looks whether a free session is still good, without waiting: a relay that closed it, or said anything unasked,
    /// is not given a message on it.
    func isAlive(now: Monotonic) -> Bool {
        guard parser.isEmpty else { return false }
        if case .waits = receive(now: now) { return true }
        return false
    }

    /// Starts a message on a free session.
    func begin(_ outgoing: Outgoing, now: Monotonic) -> Event {
        phase = .busy
        return perform(dialogue.begin(outgoing), now: now)
    }

    /// The socket is readable, writable or broken.
    func advance(now: Monotonic) -> Event {
        // Read before writing: an early 552 or 421 would be hidden by the failed send that follows it.
        let event = receive(now: now)
        guard case .waits = event, !output.isEmpty else { return event }
        return flush(now: now)
    }

    /// The deadline has passed.
    func expire(now: Monotonic) -> Event {
        switch phase {
        case .free: return quit(now: now)
        case .busy: return .over(dialogue.lost(.timeout))
        case .quitting: return .over(nil)
        }
    }

    /// Says QUIT (RFC 5321 4.1.1.10) and waits a moment for the answer.
    func quit(now: Monotonic) -> Event {
        phase = .quitting
        deadline = now + Self.quitPatience
        output.replace(with: Array("QUIT\r\n".utf8))
        return flush(now: now)
    }

    /// The daemon stops: the message under way ends here.
    func stop() -> AttemptReport? { dialogue.lost(.stopped) }

    // MARK: - Dialogue

    private func perform(_ step: SMTPDialogue.Step, now: Monotonic) -> Event {
        switch step {
        case .wait:
            return .waits
        case .write(let text):
            output.replace(with: Array(text.utf8))
            setDeadline(now)
            return flush(now: now)
        case .writeBody(let body):
            output.replace(with: body.bytes)
            setDeadline(now)
            return flush(now: now)
        case .ended(let report, .kept):
            phase = .free
            setDeadline(now)
            return .free(report)
        case .ended(let report, .closed):
            return .over(report)
        }
    }

    private func setDeadline(_ now: Monotonic) {
        let limit =
            switch phase {
            case .free: settings.idleTimeout
            case .busy: dialogue.handedOver ? settings.finalReplyTimeout : settings.replyTimeout
            case .quitting: TimeSpan(microseconds: Int64(Self.quitPatience * 1e6))
            }
        deadline = now + Double(limit.microseconds) / 1e6
    }

    // MARK: - Bytes

    private func flush(now: Monotonic) -> Event {
        while !output.isEmpty {
            switch connection.send(output.pending) {
            case .bytes(let count):
                output.taken(count)
                if phase == .busy { setDeadline(now) }
            case .again:
                return .waits
            case .ended:
                return lostWhileSending(now: now)
            }
        }
        if phase == .busy, dialogue.isSendingBody {
            dialogue.bodyHandedOver()
            setDeadline(now)
        }
        return .waits
    }

    /// The relay may have said why before it closed: look once more.
    private func lostWhileSending(now: Monotonic) -> Event {
        let event = receive(now: now)
        guard case .waits = event else { return event }
        return .over(dialogue.lost(.connection))
    }

    private func receive(now: Monotonic) -> Event {
        while true {
            switch connection.receive(into: input) {
            case .again:
                return .waits
            case .ended:
                return .over(dialogue.lost(.connection))
            case .bytes(let count):
                let event = take(UnsafeRawBufferPointer(rebasing: input[..<count]), now: now)
                if case .waits = event {} else { return event }
                // Over TLS more may be decrypted already; on plain TCP poll(2) will say so.
                if !connection.isEncrypted, count < input.count { return .waits }
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, now: Monotonic) -> Event {
        guard phase == .busy else {
            // Nothing was asked: 421 before the relay closes an idle session, or the answer to QUIT.
            return .over(nil)
        }
        parser.take(bytes)
        while let found = parser.next() {
            let event: Event
            switch found {
            case .reply(let reply):
                let isEarly = dialogue.isSendingBody && !output.isEmpty
                event = perform(dialogue.reply(reply, bodyPending: isEarly), now: now)
            case .broken(let why):
                event = .over(dialogue.lost(.connection, detail: why))
            }
            if case .waits = event { continue }
            return event
        }
        return .waits
    }
}

/// Bytes on their way out at an address that does not move while part of them is pending: OpenSSL wants a write that
/// was cut short repeated with the same bytes at the same place.
struct OutputBuffer: ~Copyable {
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 16)
    private var start = 0
    private var end = 0

    init() {}
    deinit { memory.deallocate() }

    var isEmpty: Bool { start == end }
    var pending: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[start..<end]) }

    /// Puts new bytes in the place of those that were sent. Whatever was still pending is dropped: only a session that
    /// is ending does that.
    mutating func replace(with bytes: [UInt8]) {
        if bytes.count > memory.count {
            memory.deallocate()
            memory = .allocate(byteCount: bytes.count, alignment: 16)
        }
        memory.copyBytes(from: bytes)
        start = 0
        end = bytes.count
    }

    mutating func taken(_ count: Int) {
        start += count
    }
}
