package import RegardsCalendar

/// How one attempt to send one outreach ended. The list is closed: one `switch` over it decides
/// the row's next state, the retry, the metric and the journal line.
package enum Outcome: Hashable, Sendable {
    /// The relay or the endpoint took the message over.
    case delivered
    /// Not delivered, and known not to be: may be tried again, not before the instant if one is given.
    case deferred(DeferralReason, notBefore: Instant?)
    /// Not delivered and never will be: the answer was final.
    case refused(RefusalReason)
    /// The message was handed over and no answer came: the other side may or may not have it.
    case inDoubt(DoubtReason)
}

/// Why an attempt was put off.
package enum DeferralReason: String, CaseIterable, Hashable, Sendable {
    /// The connection could not be made, or greeting, TLS or login failed: a fault of the relay, not of the message.
    case relayDown = "relay-down"
    /// The connection ended before the message was handed over.
    case connectionLost = "connection-lost"
    /// The relay asked to come back later before it took the message (421).
    case relayBusy = "relay-busy"
    /// A temporary refusal of this message or recipient (4xx).
    case temporary = "temporary"
    /// The endpoint limits the rate (429, 503 with Retry-After).
    case rateLimited = "rate-limited"
    /// The endpoint answered with an error that may pass (other 5xx, 408, 425).
    case endpointError = "endpoint-error"
    /// The daemon was told to stop before the message was handed over.
    case shutdown = "shutdown"
    /// The message could not be written to local storage (disk full, no permission).
    case storage = "storage"

    /// False where the message had no part in the failure: the attempt is given back.
    package var costsAttempt: Bool {
        switch self {
        case .relayDown, .connectionLost, .relayBusy, .shutdown, .storage: false
        case .temporary, .rateLimited, .endpointError: true
        }
    }
}

/// Why an attempt failed for good.
package enum RefusalReason: String, CaseIterable, Hashable, Sendable {
    /// The address cannot be put on the wire.
    case addressInvalid = "address-invalid"
    /// The address needs SMTPUTF8 and the relay does not offer it (RFC 6531).
    case addressNeedsUTF8 = "address-needs-utf8"
    /// The relay refused the sender (5xx to MAIL).
    case senderRefused = "sender-refused"
    /// The relay refused the recipient (5xx to RCPT).
    case recipientRefused = "recipient-refused"
    /// The relay refused the message (5xx to DATA or to its end).
    case messageRefused = "message-refused"
    /// The message is larger than the relay's SIZE (RFC 1870).
    case tooLarge = "too-large"
    /// The endpoint is gone (410).
    case endpointGone = "endpoint-gone"
    /// The endpoint refused the request (4xx, or a redirect, which is not followed).
    case endpointRefused = "endpoint-refused"
    /// The card could not be rendered for this customer.
    case cardFailed = "card-failed"
    /// Every attempt of the retry table was used up.
    case attemptsUsedUp = "attempts-used-up"
}

/// Why nobody knows what became of an attempt.
package enum DoubtReason: String, CaseIterable, Hashable, Sendable {
    /// The connection ended after the final dot or the whole request, before an answer.
    case connectionLost = "connection-lost"
    /// No answer within the time limit after the message was handed over.
    case timeout = "timeout"
    /// The daemon stopped before the answer came.
    case shutdown = "shutdown"
    /// The daemon died while the row was marked `sending`.
    case crash = "crash"
}

/// What a channel says of one attempt.
package struct AttemptReport: Hashable, Sendable {
    package var outcome: Outcome
    /// SMTP reply code or HTTP status; 0 when there was none.
    package var code: Int
    /// One line for the operator, without addresses and without the message (see `Redaction.reply`).
    package var detail: String

    package init(_ outcome: Outcome, code: Int = 0, detail: String = "") {
        self.outcome = outcome
        self.code = code
        self.detail = detail
    }
}
