import RegardsCore

/// What each answer of a relay means. These rows are the code: the session looks its verdicts up here, the tests walk
/// through them, and `docs/outcomes.md` shows them.
enum SMTPOutcomes {
    /// Where in the dialogue a reply came.
    enum Stage: String, CaseIterable, Sendable {
        case reset = "RSET"
        case mail = "MAIL"
        case recipient = "RCPT"
        case data = "DATA"
        /// The answer to the final dot, or one that came before it was handed over.
        case end = "final dot"

        fileprivate var number: Int {
            switch self {
            case .reset: 0
            case .mail: 1
            case .recipient: 2
            case .data: 3
            case .end: 4
            }
        }
    }

    enum Meaning: Hashable, Sendable {
        /// The dialogue goes on; after the final dot the message is delivered.
        case accepted
        case deferred(DeferralReason)
        case refused(RefusalReason)
        case inDoubt(DoubtReason)
    }

    /// What becomes of the session.
    enum Session: String, Sendable {
        case kept
        case closed
    }

    struct Row: Sendable {
        var stages: [Stage]
        var codes: ClosedRange<Int>
        var enhanced: Enhanced = .any
        var meaning: Meaning
        var session: Session
        var note: String

        /// Which enhanced status codes (RFC 3463) the row is for: `5.3.4` matches subject 3, detail 4.
        enum Enhanced: Hashable, Sendable {
            case any, absent
            case status(subject: Int, detail: Int)
        }

        func matches(_ stage: Stage, _ reply: SMTPReply) -> Bool {
            guard stages.contains(stage), codes.contains(reply.code) else { return false }
            switch enhanced {
            case .any: return true
            case .absent: return reply.enhanced == nil
            case .status(let subject, let detail):
                return reply.enhanced?.subject == subject && reply.enhanced?.detail == detail
            }
        }
    }

    private static let everywhere = Stage.allCases
    private static let transaction: [Stage] = [.mail, .recipient, .data, .end]

    /// The first row that matches decides.
    static let rows: [Row] = [
        Row(stages: everywhere, codes: 421...421, meaning: .deferred(.relayBusy), session: .closed,
            note: "the relay is closing the connection (RFC 5321 3.8)"),
        Row(stages: everywhere, codes: 530...530, meaning: .deferred(.relayDown), session: .closed,
            note: "a login or encryption is wanted: a fault of our settings, not of the message"),
        Row(stages: everywhere, codes: 534...538, meaning: .deferred(.relayDown), session: .closed,
            note: "the login does not satisfy (RFC 4954 6)"),
        Row(stages: [.reset], codes: 200...299, meaning: .accepted, session: .kept,
            note: "ready for the next message"),
        Row(stages: [.reset], codes: 300...599, meaning: .deferred(.connectionLost), session: .closed,
            note: "a session that cannot be reset is not used again"),
        Row(stages: [.mail, .recipient], codes: 500...599, enhanced: .status(subject: 6, detail: 7),
            meaning: .refused(.addressNeedsUTF8), session: .kept, note: "RFC 6531 3.5"),
        Row(stages: transaction, codes: 500...599, enhanced: .status(subject: 3, detail: 4),
            meaning: .refused(.tooLarge), session: .kept, note: "RFC 3463 3.4"),
        Row(stages: [.mail, .end], codes: 552...552, enhanced: .absent,
            meaning: .refused(.tooLarge), session: .kept, note: "RFC 1870 6"),
        Row(stages: [.recipient], codes: 552...552, meaning: .deferred(.temporary), session: .kept,
            note: "to RCPT it counts as 452 (RFC 5321 4.5.3.1.10)"),
        Row(stages: [.mail, .recipient], codes: 200...299, meaning: .accepted, session: .kept, note: "taken"),
        Row(stages: [.data], codes: 354...354, meaning: .accepted, session: .kept, note: "the message is wanted"),
        Row(stages: [.end], codes: 200...299, meaning: .accepted, session: .kept, note: "the relay has the message"),
        Row(stages: transaction, codes: 400...499, meaning: .deferred(.temporary), session: .kept,
            note: "tried again (greylisting, full mailbox, short of space)"),
        Row(stages: [.mail], codes: 500...599, meaning: .refused(.senderRefused), session: .kept, note: "final"),
        Row(stages: [.recipient], codes: 500...599, meaning: .refused(.recipientRefused), session: .kept, note: "final"),
        Row(stages: [.data, .end], codes: 500...599, meaning: .refused(.messageRefused), session: .kept, note: "final"),
        Row(stages: [.mail, .recipient, .data], codes: 200...399, meaning: .deferred(.connectionLost), session: .closed,
            note: "an answer out of place: the session cannot be trusted"),
        Row(stages: [.end], codes: 300...399, meaning: .inDoubt(.connectionLost), session: .closed,
            note: "an answer that is neither yes nor no"),
    ]

    /// The row for a reply. Every stage and code from 200 to 599 has one; a test holds it to that.
    static func row(_ stage: Stage, _ reply: SMTPReply) -> Row {
        guard codes.contains(reply.code) else { return unforeseen }
        return places[stage.number * codes.count + reply.code - codes.lowerBound].first { $0.matches(stage, reply) } ?? unforeseen
    }

    private static let codes = 200...599
    /// The rows that any reply of a stage and code can have, in their order: four replies are looked up for a message.
    private static let places = Stage.allCases.flatMap { stage in
        codes.map { code in rows.filter { $0.stages.contains(stage) && $0.codes.contains(code) } }
    }

    private static let unforeseen = Row(
        stages: everywhere, codes: 0...999, meaning: .deferred(.connectionLost), session: .closed, note: "unforeseen")

    /// Ends that come without a reply.
    enum Event: CaseIterable, Sendable {
        case lostBefore, lostAfter, timeoutBefore, timeoutAfter, stoppedBefore, stoppedAfter
        case addressNeedsUTF8, tooLarge, eightBit, noEnvelope

        var outcome: Outcome {
            switch self {
            case .lostBefore, .timeoutBefore: .deferred(.connectionLost, notBefore: nil)
            case .lostAfter: .inDoubt(.connectionLost)
            case .timeoutAfter: .inDoubt(.timeout)
            case .stoppedBefore: .deferred(.shutdown, notBefore: nil)
            case .stoppedAfter: .inDoubt(.shutdown)
            case .addressNeedsUTF8: .refused(.addressNeedsUTF8)
            case .tooLarge: .refused(.tooLarge)
            case .eightBit: .refused(.messageRefused)
            case .noEnvelope: .refused(.addressInvalid)
            }
        }

        /// The words of the report and of the docs.
        var words: String {
            switch self {
            case .lostBefore: "the connection ended before the message was handed over"
            case .lostAfter: "the connection ended after the final dot, before an answer"
            case .timeoutBefore: "no answer in time, before the message was handed over"
            case .timeoutAfter: "no answer in time to the final dot"
            case .stoppedBefore: "the daemon stopped before the message was handed over"
            case .stoppedAfter: "the daemon stopped before the final dot was answered"
            case .addressNeedsUTF8: "an address needs SMTPUTF8, which the relay does not offer"
            case .tooLarge: "the message is larger than the relay's SIZE limit"
            case .eightBit: "the message has 8-bit bytes and the relay does not offer 8BITMIME"
            case .noEnvelope: "the message has no envelope"
            }
        }
    }
}
