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
/// and a reset left by the message before goes first; without it each waits for the answer to the one before. While a
/// message is on its way the next may be begun behind its final dot, which may be the first of a group (RFC 2920 3.1:
/// "the actual transfer of message content is explicitly allowed to be the first"). Whatever becomes of one, the next
/// stands for itself: the end of DATA clears the transaction either way (RFC 5321 4.1.1.4).
struct SMTPDialogue {
    enum Step {
        /// Nothing to do until the next reply.
        case wait
        case write(String)
        /// The relay waits for the message: everything of it, final dot included.
        case writeBody(WireBody)
        /// The message has ended; the session goes on or does not.
        case ended(AttemptReport, SMTPOutcomes.Session)
        /// The message was begun behind another one, which the relay may not have liked: it is to be begun again by
        /// itself.
        case again(SMTPOutcomes.Session)
    }

    private enum Command { case reset, mail, recipient, data, body, loneDot }

    private struct Transaction {
        var envelope: Envelope
        var body: WireBody
        /// Begun while the message before it had no answer yet.
        var isBehind: Bool
        /// The first refusal of it.
        var verdict: AttemptReport?
        /// The relay answered something to it.
        var wasAnswered = false
        /// It will be begun again by itself.
        var isVoid = false
    }

    let capabilities: SMTPCapabilities
    /// Set by the session when the last byte of the final dot was taken by libcurl.
    private(set) var handedOver = false
    /// Messages that got a verdict from the relay over this connection.
    private(set) var served = 0

    /// The relay has answered a final dot.
    private var hasCarried = false
    private var current: Transaction?
    private var next: Transaction?
    private var sent: [Command] = []
    private var unsent: [Command] = []
    private var needsReset = false

    init(capabilities: SMTPCapabilities) {
        self.capabilities = capabilities
    }

    var isBusy: Bool { current != nil }
    /// True from DATA's 354 on: longer time limits hold (RFC 5321 4.5.3.2.5 and .6).
    var isSendingBody: Bool { sent.first == .body }
    /// True when the relay answered something to the present message: then a lost connection is not just an idle
    /// session that had died unseen.
    var wasAnswered: Bool { current?.wasAnswered ?? false }
    /// True when the present message was begun behind another one and has not had its turn: the relay has not said a word
    /// about it, or only that it will not have it there.
    var isUntouched: Bool { current.map { $0.isBehind && !$0.wasAnswered || $0.isVoid } ?? false }
    /// True while a message can be begun behind the present one. Not before the session was kept after one: a relay that
    /// closes after each would reset the connection, and the answer that is under way on it.
    var takesNext: Bool { capabilities.pipelining && isSendingBody && next == nil && hasCarried }

    // MARK: - A message begins

    /// Begins a message, behind the present one if there is one (`takesNext`).
    /// - Returns: what to write, or its end where the relay cannot carry it; nothing has changed then.
    mutating func begin(_ outgoing: Outgoing) -> Step {
        guard case .mailbox(let envelope) = outgoing.destination else { return Self.unsendable(.noEnvelope) }
        let body = WireBody(outgoing.message.bytes)
        if let hindrance = hindrance(envelope, body) { return Self.unsendable(hindrance) }
        guard current == nil else {
            let transaction = Transaction(envelope: envelope, body: body, isBehind: true)
            next = transaction
            let group: [Command] = [.mail, .recipient, .data]
            sent += group
            return .write(text(of: group, transaction))
        }
        current = Transaction(envelope: envelope, body: body, isBehind: false)
        handedOver = false
        sent = []
        unsent = needsReset ? [.reset, .mail, .recipient, .data] : [.mail, .recipient, .data]
        needsReset = false
        return writeUnsent()
    }

    /// What forbids the message to this relay, known before anything goes to the wire.
    private func hindrance(_ envelope: Envelope, _ body: WireBody) -> SMTPOutcomes.Event? {
        // RFC 6531 3.1: a relay that offers SMTPUTF8 offers 8BITMIME as well.
        if !capabilities.utf8, envelope.sender.needsUTF8 || envelope.recipient.needsUTF8 { return .addressNeedsUTF8 }
        if let limit = capabilities.sizeLimit, limit > 0, body.messageSize > limit { return .tooLarge }
        if body.hasEightBit, !capabilities.eightBitMIME { return .eightBit }
        return nil
    }

    private static func unsendable(_ event: SMTPOutcomes.Event) -> Step {
        .ended(AttemptReport(event.outcome, detail: event.words), .kept)
    }

    private mutating func writeUnsent() -> Step {
        guard let current else { return .wait }
        let group = capabilities.pipelining ? unsent : Array(unsent.prefix(1))
        unsent.removeFirst(group.count)
        sent += group
        return .write(text(of: group, current))
    }

    private func text(of group: [Command], _ transaction: Transaction) -> String {
        var text = ""
        for command in group {
            switch command {
            case .reset: text += "RSET\r\n"
            case .mail:
                text += "MAIL FROM:<"
                text += transaction.envelope.sender.text
                text += ">"
                addParameters(transaction, to: &text)
                text += "\r\n"
            case .recipient:
                text += "RCPT TO:<"
                text += transaction.envelope.recipient.text
                text += ">\r\n"
            case .data: text += "DATA\r\n"
            case .loneDot: text += ".\r\n"
            case .body: break
            }
        }
        return text
    }

    private func addParameters(_ transaction: Transaction, to text: inout String) {
        if capabilities.sizeLimit != nil { text += " SIZE=\(transaction.body.messageSize)" }
        if transaction.body.hasEightBit { text += " BODY=8BITMIME" }
        if transaction.envelope.sender.needsUTF8 || transaction.envelope.recipient.needsUTF8 { text += " SMTPUTF8" }
    }

    // MARK: - Replies

    /// All of the body and the final dot were taken by libcurl.
    mutating func bodyHandedOver() {
        handedOver = true
    }

    /// - Parameter bodyPending: part of the body or of the final dot is not handed over yet: the reply is an early
    ///   refusal, after which the session is of no use (the rest of the message would be taken for commands).
    mutating func reply(_ reply: SMTPReply, bodyPending: Bool = false) -> Step {
        guard let command = sent.first, current != nil else { return .wait }
        sent.removeFirst()
        current?.wasAnswered = true
        if command == .loneDot { return end(keep: reply.code != 421) }
        if command == .body, bodyPending, (200...399).contains(reply.code) {
            return finish(AttemptReport(SMTPOutcomes.Event.lostBefore.outcome, code: reply.code,
                detail: "answered before the message was complete: " + Self.line(reply)), .closed)
        }
        if command == .body { hasCarried = true }
        let row = SMTPOutcomes.row(Self.stage(of: command), reply)
        if row.meaning == .accepted { return accepted(command, reply) }
        if command == .mail, current?.isBehind == true, reply.code >= 500 { current?.isVoid = true }
        note(row, reply)
        if row.session == .closed || bodyPending { return end(keep: false) }
        return command == .body ? end(keep: true) : afterRefusal(command)
    }

    private mutating func accepted(_ command: Command, _ reply: SMTPReply) -> Step {
        switch command {
        case .reset, .mail, .recipient:
            return unsent.isEmpty ? .wait : writeUnsent()
        case .data:
            guard let current, current.verdict == nil else {
                // RFC 2920 3.1: 354 although the recipient was refused; only an empty message gets out of it.
                sent = [.loneDot]
                return .write(".\r\n")
            }
            sent = [.body]
            return .writeBody(current.body)
        case .body:
            return finish(AttemptReport(.delivered, code: reply.code, detail: Self.line(reply)), .kept)
        case .loneDot:
            return end(keep: true)
        }
    }

    /// The first refusal is the verdict: what follows in a pipelined group only echoes it.
    private mutating func note(_ row: SMTPOutcomes.Row, _ reply: SMTPReply) {
        guard current?.verdict == nil else { return }
        let outcome: Outcome =
            switch row.meaning {
            case .accepted: .delivered
            case .deferred(let reason): .deferred(reason, notBefore: nil)
            case .refused(let reason): .refused(reason)
            case .inDoubt(let reason): .inDoubt(reason)
            }
        current?.verdict = AttemptReport(outcome, code: reply.code, detail: Self.line(reply))
    }

    private mutating func afterRefusal(_ command: Command) -> Step {
        needsReset = true
        unsent = []
        return sent.isEmpty ? end(keep: true) : .wait
    }

    private mutating func end(keep: Bool) -> Step {
        guard let current, let verdict = current.verdict else { return .wait }
        let session: SMTPOutcomes.Session = keep ? .kept : .closed
        guard current.isVoid else { return finish(verdict, session) }
        forget()
        return .again(session)
    }

    private mutating func finish(_ report: AttemptReport, _ session: SMTPOutcomes.Session) -> Step {
        if session == .kept { served += 1 }
        forget()
        return .ended(report, session)
    }

    /// The next message, if there is one, becomes the present one; its commands are with the relay already.
    private mutating func forget() {
        current = next
        next = nil
        handedOver = false
        unsent = []
        if current == nil { sent = [] }
    }

    // MARK: - The session is lost

    enum Loss { case connection, timeout, stopped }

    /// The report for the message under way when the session ends without an answer; nil without a message. Whatever was
    /// begun behind it is next.
    mutating func lost(_ loss: Loss, detail: String = "") -> AttemptReport? {
        guard let current else { return nil }
        let wasHandedOver = handedOver
        forget()
        if let verdict = current.verdict { return verdict }
        let event: SMTPOutcomes.Event =
            switch (loss, wasHandedOver) {
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
