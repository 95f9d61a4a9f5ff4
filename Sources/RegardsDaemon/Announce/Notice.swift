package import RegardsCalendar
package import RegardsCore

/// One thing that happened, as facts: what the journal stores in fields, a terminal prints in a line and a test waits
/// for.
///
/// A notice never holds a name, an address or a body. A customer is named by id, a mailbox by `AddressHash`, and
/// what another program answered comes through `Redaction.reply`.
package struct Notice: Sendable {
    package var kind: NoticeKind
    package var rule: String?
    /// The customer part of the ledger's key.
    package var customer: String?
    package var occasion: String?
    package var step: String?
    /// As `ChannelName` writes it, or the name of a relay or endpoint.
    package var channel: String?
    /// Attempts so far, this one included.
    package var attempt: Int?
    /// `delivered`, `deferred`, `refused` or `in-doubt`.
    package var outcome: String?
    /// The raw value of a reason: `relay-down`, `late`, `condition-false`, ….
    package var reason: String?
    /// SMTP reply code or HTTP status.
    package var code: Int?
    /// See `AddressHash`.
    package var addressHash: String?
    /// Until when something waits, or when something is due.
    package var until: Instant?
    /// When the message is due in the customer's own local time: `2027-05-04 09:00 Asia/Shanghai`.
    package var local: String?
    package var count: Int?
    /// Further numbers; the name is lower case letters and `_`, and becomes the field `REGARDS_NAME`.
    package var numbers: [(name: StaticString, value: Int)]
    /// A sentence for the operator without personal data; may have several lines.
    package var detail: String

    package init(
        _ kind: NoticeKind, rule: String? = nil, customer: String? = nil, occasion: String? = nil,
        step: String? = nil, channel: String? = nil, attempt: Int? = nil, outcome: String? = nil,
        reason: String? = nil, code: Int? = nil, addressHash: String? = nil, until: Instant? = nil,
        count: Int? = nil, numbers: [(name: StaticString, value: Int)] = [], detail: String = ""
    ) {
        self.kind = kind
        self.rule = rule
        self.customer = customer
        self.occasion = occasion
        self.step = step
        self.channel = channel
        self.attempt = attempt
        self.outcome = outcome
        self.reason = reason
        self.code = code
        self.addressHash = addressHash
        self.until = until
        self.count = count
        self.numbers = numbers
        self.detail = detail
    }

    /// Names the row of the outbox: rule, customer, occasion, step, channel, attempt.
    package init(_ kind: NoticeKind, about outreach: Outreach, reason: String? = nil, detail: String = "") {
        self.init(
            kind, rule: outreach.key.rule, customer: outreach.key.customer, occasion: outreach.key.occasion,
            step: outreach.key.step, channel: outreach.plan.channel.description,
            attempt: outreach.attempts == 0 ? nil : outreach.attempts, reason: reason, detail: detail)
        local = "\(outreach.plan.localDate) \(outreach.plan.localTime) \(outreach.plan.zone)"
    }

    /// The line of one attempt: its kind follows from the outcome.
    package init(_ report: AttemptReport, about outreach: Outreach, addressHash: String? = nil) {
        let (kind, outcome, reason, until): (NoticeKind, String, String?, Instant?) =
            switch report.outcome {
            case .delivered: (.sent, "delivered", nil, nil)
            case .deferred(let reason, let notBefore): (.deferred, "deferred", reason.rawValue, notBefore)
            case .refused(let reason): (.refused, "refused", reason.rawValue, nil)
            case .inDoubt(let reason): (.inDoubt, "in-doubt", reason.rawValue, nil)
            }
        // What a server says may name anybody: the journal gets its codes, the ledger the sentence. The first of them
        // has a field of its own.
        var codes = Redaction.codes(report.detail).split(separator: " ")[...]
        if codes.first == Substring(String(report.code)) { codes = codes.dropFirst() }
        let detail = report.code == 0 ? report.detail : codes.joined(separator: " ")
        self.init(kind, about: outreach, reason: reason, detail: detail)
        self.outcome = outcome
        self.until = until
        self.code = report.code == 0 ? nil : report.code
        self.addressHash = addressHash
    }

    /// Names and values in fixed order, without those that are empty and without `detail`.
    func fields(hash: AddressHash) -> [(name: String, value: String)] {
        let texts: [(String, String?)] = [
            ("rule", rule), ("customer", customer.map(hash.customer)), ("occasion", occasion), ("step", step),
            ("channel", channel), ("attempt", attempt.map(String.init)), ("outcome", outcome), ("reason", reason),
            ("code", code.map(String.init)), ("address_hash", addressHash), ("until", until?.description),
            ("local", local),
            ("count", count.map(String.init)),
        ]
        let present = texts.compactMap { name, value in value.map { (name: name, value: $0) } }
        return present + numbers.map { (name: $0.name.description, value: String($0.value)) }
    }
}

/// Tells whoever watches. Called from any thread; returns soon; never fails: what cannot be told is dropped, and
/// the work goes on.
package protocol Announcer: Sendable {
    func announce(_ notice: Notice)
}
