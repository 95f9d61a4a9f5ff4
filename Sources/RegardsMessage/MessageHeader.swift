package import RegardsCalendar
package import RegardsCore

/// What goes above a mail's body, apart from the subject, which the card gives.
package struct MessageHeader: Sendable {
    package var from: Contact
    /// The name may be empty: then the address stands alone.
    package var to: Contact
    package var replyTo: Contact?
    package var date: Instant
    /// The zone whose offset the Date line shows.
    package var zone: Zone
    /// Message-ID without angle brackets; see `MessageID`. Boundaries are derived from it, so that the same input
    /// gives the same bytes.
    package var id: String
    package var purpose: Purpose
    /// Where mail that says "stop" goes. Only greetings, marketing and surveys show it.
    package var unsubscribe: Address?
    /// Stands in the subject of that mail, so that the answer finds its customer; names nobody.
    package var unsubscribeToken: String
    /// Stands before the card's subject, such as `[TEST] `.
    package var subjectPrefix: String
    /// More header lines. Names are letters, digits and hyphens; values are cleaned and encoded like a subject.
    package var extra: [(name: String, value: String)]

    package init(
        from: Contact, to: Contact, replyTo: Contact? = nil, date: Instant, zone: Zone, id: String, purpose: Purpose,
        unsubscribe: Address? = nil, unsubscribeToken: String = "", subjectPrefix: String = "",
        extra: [(name: String, value: String)] = []
    ) {
        self.from = from
        self.to = to
        self.replyTo = replyTo
        self.date = date
        self.zone = zone
        self.id = id
        self.purpose = purpose
        self.unsubscribe = unsubscribe
        self.unsubscribeToken = unsubscribeToken
        self.subjectPrefix = subjectPrefix
        self.extra = extra
    }

    /// Care is owed, not offered: it has no way out, and neither has what staff are told.
    package var offersUnsubscribe: Bool { purpose != .care && unsubscribe != nil }
}
