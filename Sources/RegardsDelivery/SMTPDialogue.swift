import RegardsCalendar
import RegardsCore

/// What a relay offered in its answer to EHLO.
struct SMTPCapabilities: Hashable, Sendable {
    var pipelining = false
    var eightBitMIME = false
    var utf8 = false
    /// Ways to log in, in capitals; empty when none is offered.
    var mechanisms: [String] = []
    /// Largest message in bytes (RFC 1870); nil when SIZE is not offered, 0 when it is offered without a limit.
    var sizeLimit: Int?

    /// Takes one line of the answer, after the code; the first line is the relay's name and no keyword.
    mutating func add(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        switch words.first?.uppercased() {
        case "PIPELINING": pipelining = true
        case "8BITMIME": eightBitMIME = true
        case "SMTPUTF8": utf8 = true
        case "AUTH": mechanisms = words.dropFirst().map { $0.uppercased() }
        case "SIZE": sizeLimit = words.count > 1 ? Int(words[1]).map { max($0, 0) } ?? 0 : 0
        default: break
        }
    }
}

/// The dialogue of one session as a value: it takes replies and answers what to do next. It knows no socket, no
/// buffer and no clock.
///
/// One message is one transaction with one recipient. With PIPELINING (RFC 2920) MAIL, RCPT and DATA go out together
/// and a reset left by the message before goes first; without it each waits for the answer to the one before.
struct SMTPDialogue {
    enum Step {
        /// Nothing to do until the next reply.
        case wait
        case write(String)
        /// The relay waits for the message: everything of it, final dot included.
        case writeBody(WireBody)
        /// The message has ended; the session goes on or does not.
        case ended(AttemptReport, SMTPOutcomes.Session)
    }

    private enum Command { case reset, mail, recipient, data, body, loneDot }

    let capabilities: SMTPCapabilities
    /// Set by the session when the last byte of the final dot was taken by libcurl.
    private(set) var handedOver = false
    /// True when the relay answered something to the present message: then a lost connection is not just an idle
    /// session that had died unseen.
    private(set) var wasAnswered = false
    /// Messages that got a verdict from the relay over this connection.
    private(set) var served = 0

    private var outgoing: Outgoing?
    private var body: WireBody?
    private var sent: [Command] = []
    private var unsent: [Command] = []
    private var verdict: AttemptReport?
    private var needsReset = false

    init(capabilities: SMTPCapabilities) {
        self.capabilities = capabilities
    }

    var isBusy: Bool { outgoing != nil }
    /// True from DATA's 354 on: longer time limits hold (RFC 5321 4.5.3.2.5 and .6).
    var isSendingBody: Bool { sent.first == .body }

    // MARK: - A message begins

    mutating func begin(_ outgoing: Outgoing) -> Step {
        guard case .mailbox(let envelope) = outgoing.destination else { return Self.unsendable(.noEnvelope) }
        let body = WireBody(outgoing.message.bytes)
        if let hindrance = hindrance(envelope, body) { return Self.unsendable(hindrance) }
        self.outgoing = outgoing
        self.body = body
        handedOver = false
        wasAnswered = false
        verdict = nil
        sent = []
        unsent = needsReset ? [.reset, .mail, .recipient, .data] : [.mail, .recipient, .data]
        needsReset = false
        return writeNext()
    }

    /// What forbids the message to this relay, known before anything goes to the wire.
    private func hindrance(_ envelope: Envelope, _ body: WireBody) -> SMTPOutcomes.Event? {
        // RFC 6531 3.1: a relay that offers SMTPUTF8 offers 8BITMIME as well.
        if envelope.sender.needsUTF8 || envelope.recipient.needsUTF8, !capabilities.utf8 { return .addressNeedsUTF8 }
        if let limit = capabilities.sizeLimit, limit > 0, body.messageSize > limit { return .tooLarge }
        if body.hasEightBit, !capabilities.eightBitMIME { return .eightBit }
        return nil
    }

    private static func unsendable(_ event: SMTPOutcomes.Event) -> Step {
        .ended(AttemptReport(event.outcome, detail: event.words), .kept)
    }

    private mutating func writeNext() -> Step {
        let group = capabilities.pipelining ? unsent : Array(unsent.prefix(1))
        unsent.removeFirst(group.count)
        sent += group
        return .write(group.map(text(of:)).joined())
    }

    private func text(of command: Command) -> String {
        guard case .mailbox(let envelope)? = outgoing?.destination, let body else { return "" }
        switch command {
        case .reset: return "RSET\r\n"
        case .mail: return "MAIL FROM:<\(envelope.sender.text)>\(parameters(envelope, body))\r\n"
        case .recipient: return "RCPT TO:<\(envelope.recipient.text)>\r\n"
        case .data: return "DATA\r\n"
        case .loneDot: return ".\r\n"
        case .body: return ""
        }
    }

    private func parameters(_ envelope: Envelope, _ body: WireBody) -> String {
        var text = ""
        if capabilities.sizeLimit != nil { text += " SIZE=\(body.messageSize)" }
        if body.hasEightBit { text += " BODY=8BITMIME" }
        if envelope.sender.needsUTF8 || envelope.recipient.needsUTF8 { text += " SMTPUTF8" }
        return text
    }

    // MARK: - Replies

    /// All of the body and the final dot were taken by libcurl.
    mutating func bodyHandedOver() {
        handedOver = true
    }

    /// - Parameter bodyPending: part of the body or of the final dot is not handed over yet: the reply is an early
    ///   refusal, after which the session is of no use (the rest of the message would be taken for commands).
    mutating func reply(_ reply: SMTPReply, bodyPending: Bool = false) -> Step {
        guard let command = sent.first else { return .wait }
        sent.removeFirst()
        wasAnswered = true
        if command == .loneDot { return end(keep: reply.code != 421) }
        if command == .body, bodyPending, (200...399).contains(reply.code) {
            return finish(AttemptReport(SMTPOutcomes.Event.lostBefore.outcome, code: reply.code,
                detail: "answered before the message was complete: " + Self.line(reply)), .closed)
        }
        let row = SMTPOutcomes.row(Self.stage(of: command), reply)
        if row.meaning == .accepted { return accepted(command, reply) }
        note(row, reply)
        if row.session == .closed || bodyPending { return end(keep: false) }
        return command == .body ? end(keep: true) : afterRefusal(command)
    }

    private mutating func accepted(_ command: Command, _ reply: SMTPReply) -> Step {
        switch command {
        case .reset, .mail, .recipient:
            return unsent.isEmpty ? .wait : writeNext()
        case .data:
            guard verdict == nil, let body else {
                // RFC 2920 3.1: 354 although the recipient was refused; only an empty message gets out of it.
                sent = [.loneDot]
                return .write(text(of: .loneDot))
            }
            sent = [.body]
            return .writeBody(body)
        case .body:
            return finish(AttemptReport(.delivered, code: reply.code, detail: Self.line(reply)), .kept)
        case .loneDot:
            return end(keep: true)
        }
    }

    /// The first refusal is the verdict: what follows in a pipelined group only echoes it.
    private mutating func note(_ row: SMTPOutcomes.Row, _ reply: SMTPReply) {
        guard verdict == nil else { return }
        let outcome: Outcome =
            switch row.meaning {
            case .accepted: .delivered
            case .deferred(let reason): .deferred(reason, notBefore: nil)
            case .refused(let reason): .refused(reason)
            case .inDoubt(let reason): .inDoubt(reason)
            }
        verdict = AttemptReport(outcome, code: reply.code, detail: Self.line(reply))
    }

    private mutating func afterRefusal(_ command: Command) -> Step {
        needsReset = true
        unsent = []
        return sent.isEmpty ? end(keep: true) : .wait
    }

    private mutating func end(keep: Bool) -> Step {
        guard let verdict else { return .wait }
        return finish(verdict, keep ? .kept : .closed)
    }

    private mutating func finish(_ report: AttemptReport, _ session: SMTPOutcomes.Session) -> Step {
        outgoing = nil
        body = nil
        sent = []
        unsent = []
        if session == .kept { served += 1 }
        return .ended(report, session)
    }

    // MARK: - The session is lost

    enum Loss { case connection, timeout, stopped }

    /// The report for the message under way when the session ends without an answer; nil without a message.
    mutating func lost(_ loss: Loss, detail: String = "") -> AttemptReport? {
        guard outgoing != nil else { return nil }
        defer { outgoing = nil; body = nil; sent = []; unsent = [] }
        if let verdict { return verdict }
        let event: SMTPOutcomes.Event =
            switch (loss, handedOver) {
            case (.connection, false): .lostBefore
            case (.connection, true): .lostAfter
            case (.timeout, false): .timeoutBefore
            case (.timeout, true): .timeoutAfter
            case (.stopped, false): .stoppedBefore
            case (.stopped, true): .stoppedAfter
            }
        return AttemptReport(event.outcome, detail: detail.isEmpty ? event.words : "\(event.words): \(detail)")
    }

    private static func stage(of command: Command) -> SMTPOutcomes.Stage {
        switch command {
        case .reset: .reset
        case .mail: .mail
        case .recipient: .recipient
        case .data: .data
        case .body, .loneDot: .end
        }
    }

    /// A reply for the operator: code and text without addresses.
    static func line(_ reply: SMTPReply) -> String {
        Redaction.reply("\(reply.code) \(reply.text)")
    }
}
