import RegardsCalendar
import RegardsCore
import Synchronization

/// One session with a relay: moves bytes between the connection and the dialogue and watches the clock. Owned by the
/// relay's thread.
final class SMTPSession {
    /// What the relay's loop has to know after each move. Messages that end in a session that goes on are reported by
    /// the session itself.
    enum Event {
        /// The session waits for a message, for the socket or for its deadline.
        case waits
        /// The session is over; the report is for the message under way, if there was one.
        case over(SMTPRelay.Job?, AttemptReport?)
    }

    private enum Phase { case free, busy, quitting }

    /// Longest wait for the answer to QUIT, which nothing depends on.
    private static let quitPatience = 2.0

    private let connection: SMTPConnection
    private unowned let relay: SMTPRelay
    private let settings: SMTPSettings
    /// The message that is to be begun behind the present one, if there is one; asked when there is room for it.
    private let nextJob: () -> SMTPRelay.Job?
    private var dialogue: SMTPDialogue
    private var parser = SMTPReplyParser()
    private var output = OutputBuffer()
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 16)
    private var phase = Phase.free
    /// The message under way, and the one that was begun behind it.
    private var job: SMTPRelay.Job?
    private var jobBehind: SMTPRelay.Job?
    /// Messages that the relay said nothing about, to be begun again by themselves.
    private var givenBack: [SMTPRelay.Job] = []
    private var bodyBegan: Monotonic?
    private var isQuick = false
    private(set) var deadline: Monotonic
    /// The events that the loop watches the socket for, as it last said.
    var watchesForRoom = false

    init(_ connection: SMTPConnection, of relay: SMTPRelay, now: Monotonic, nextJob: @escaping () -> SMTPRelay.Job?) {
        self.connection = connection
        self.relay = relay
        settings = relay.settings
        self.nextJob = nextJob
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
    private(set) var diedUnseen = false
    /// True when a message that was begun behind another one waited in vain for its answers.
    private(set) var hasSwallowed = false

    /// The messages to be begun again by themselves, once.
    func takeGivenBack() -> [SMTPRelay.Job] {
        defer { givenBack.removeAll() }
        return givenBack
    }

    // MARK: - Moves

    /// Looks whether a free session is still good, without waiting: a relay that closed it, or said anything unasked,
    /// is not given a message on it.
    func isAlive(now: Monotonic) -> Bool {
        guard parser.isEmpty else { return false }
        if case .waits = receive(now: now) { return true }
        return false
    }

    /// Starts a message on a free session.
    func begin(_ job: SMTPRelay.Job, now: Monotonic) -> Event {
        let step = dialogue.begin(job.outgoing)
        if case .ended(let report, _) = step {
            job.ended(report)
            return .waits
        }
        phase = .busy
        self.job = job
        return perform(step, now: now)
    }

    /// Starts messages behind the one whose answer is awaited, while there is room for one.
    func beginBehind(now: Monotonic) -> Event {
        guard output.isEmpty, addNext() else { return .waits }
        return flush(now: now)
    }

    /// True when a message may be begun behind the present one.
    var takesNext: Bool { phase == .busy && isQuick && dialogue.takesNext && output.isEmpty }

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
        case .busy:
            hasSwallowed = dialogue.isUntouched
            return over(.timeout)
        case .quitting: return .over(nil, nil)
        }
    }

    /// Says QUIT (RFC 5321 4.1.1.10) and waits a moment for the answer.
    func quit(now: Monotonic) -> Event {
        phase = .quitting
        deadline = now + Self.quitPatience
        output.clear()
        output.add("QUIT\r\n")
        return flush(now: now)
    }

    /// The daemon stops: what is under way ends here.
    func stop() -> Event { over(.stopped) }

    // MARK: - Dialogue

    private func perform(_ step: SMTPDialogue.Step, now: Monotonic) -> Event {
        switch step {
        case .wait:
            return .waits
        case .write(let text):
            output.reserve(text.utf8.count)
            output.add(text)
            setDeadline(now)
            return flush(now: now)
        case .writeBody(let body):
            output.reserve(body.count + 1024)
            body.forEachPiece { output.add($0) }
            output.setMark()
            bodyBegan = now
            if isQuick { _ = addNext() }
            setDeadline(now)
            return flush(now: now)
        case .ended(let report, let session):
            let ended = job
            forgetJob(now: now)
            guard session == .kept else { return over(ended, report) }
            ended?.ended(report)
            // The daemon stops: what was begun behind is not gone on with.
            return job != nil && relay.isClosing.load(ordering: .acquiring) ? over(nil, nil) : .waits
        case .again(let session):
            if let job { givenBack.append(job) }
            forgetJob(now: now)
            return session == .kept ? .waits : over(nil, nil)
        }
    }

    /// - Returns: false when there was none, or nothing of it can be sent yet.
    private func addNext() -> Bool {
        while dialogue.takesNext, let next = nextJob() {
            switch dialogue.begin(next.outgoing) {
            case .write(let text):
                jobBehind = next
                if output.isEmpty { output.reserve(text.utf8.count) }
                output.add(text)
                return true
            case .ended(let report, _):
                next.ended(report)
            case .wait, .writeBody, .again:
                givenBack.append(next)
            }
        }
        return false
    }

    /// The message behind, if there is one, is now under way.
    private func forgetJob(now: Monotonic) {
        if let bodyBegan { isQuick = now < bodyBegan + Double(settings.quickAnswer.microseconds) / 1e6 }
        bodyBegan = nil
        job = jobBehind
        jobBehind = nil
        if job == nil { phase = .free }
        setDeadline(now)
    }

    /// The session is over for the message under way.
    private func over(_ loss: SMTPDialogue.Loss, detail: String = "") -> Event {
        guard let job else { return .over(nil, nil) }
        if dialogue.isUntouched { return over(nil, nil) }
        diedUnseen = hasServed && !dialogue.wasAnswered
        let report = dialogue.lost(loss, detail: detail)
        self.job = jobBehind
        jobBehind = nil
        return over(job, report)
    }

    /// What was begun behind has not had its turn.
    private func over(_ ended: SMTPRelay.Job?, _ report: AttemptReport?) -> Event {
        if let job { givenBack.append(job) }
        job = nil
        return .over(ended, report)
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
            switch connection.send(output.pending(stopsAtMark: connection.isEncrypted)) {
            case .bytes(let count):
                output.taken(count)
                noteHandOver()
                if phase == .busy { setDeadline(now) }
            case .again:
                return .waits
            case .ended:
                return lostWhileSending(now: now)
            }
        }
        return .waits
    }

    private func noteHandOver() {
        if phase == .busy, dialogue.isSendingBody, output.isPastMark { dialogue.bodyHandedOver() }
    }

    /// The relay may have said why before it closed: look once more.
    private func lostWhileSending(now: Monotonic) -> Event {
        let event = receive(now: now)
        guard case .waits = event else { return event }
        return over(.connection)
    }

    private func receive(now: Monotonic) -> Event {
        while true {
            switch connection.receive(into: input) {
            case .again:
                return .waits
            case .ended:
                return over(.connection)
            case .bytes(let count):
                let event = take(UnsafeRawBufferPointer(rebasing: input[..<count]), now: now)
                if case .waits = event {} else { return event }
                // Over TLS more may be decrypted already; on plain TCP epoll(7) will say so.
                if !connection.isEncrypted, count < input.count { return .waits }
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, now: Monotonic) -> Event {
        // While nothing is asked: 421 before the relay closes an idle session, or the answer to QUIT.
        guard phase == .busy else { return .over(nil, nil) }
        parser.take(bytes)
        while let found = parser.next() {
            // More than was asked for.
            guard phase == .busy else { return .over(nil, nil) }
            let event: Event
            switch found {
            case .reply(let reply):
                let isEarly = dialogue.isSendingBody && !dialogue.handedOver
                event = perform(dialogue.reply(reply, bodyPending: isEarly), now: now)
            case .broken(let why):
                event = over(.connection, detail: why)
            }
            guard case .waits = event else { return event }
        }
        return .waits
    }
}
