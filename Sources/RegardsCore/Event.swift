package import RegardsCalendar

/// One event as the ledger tracks it: something that happened once, to a customer or to nobody in particular.
package struct Event: Hashable, Sendable {
    /// Name of its kind.
    package var kind: String
    /// The id in the business's database, as text.
    package var id: String
    /// Databases re-use ids: 1 for the first event with this id, 2 for the second, ….
    package var generation: Int
    /// nil where the row names no customer.
    package var customer: String?
    package var at: Instant
    /// When each rule's promise runs out, by rule; fixed when the event was first seen.
    package var limits: [String: Instant]
    package var isOpen: Bool
    /// True when the event was there before Regards looked for the first time: it sends and pauses nothing.
    package var isBaseline: Bool
    /// True when the row is no longer in the query's result.
    package var isGone: Bool
    /// When Regards first saw it, which may be long after `at`.
    package var firstSeen: Instant

    package init(
        kind: String, id: String, generation: Int = 1, customer: String?, at: Instant, limits: [String: Instant] = [:],
        isOpen: Bool = true, isBaseline: Bool = false, isGone: Bool = false, firstSeen: Instant? = nil
    ) {
        self.kind = kind
        self.id = id
        self.generation = generation
        self.customer = customer
        self.at = at
        self.limits = limits
        self.isOpen = isOpen
        self.isBaseline = isBaseline
        self.isGone = isGone
        self.firstSeen = firstSeen ?? at
    }

    /// The occasion in the ledger's key: the id, with `~n` from the second generation on. An id that itself ends in
    /// `~` and digits carries its generation from the first, so that no two events share an occasion.
    package var occasion: String {
        generation == 1 && Event.identity(ofOccasion: id).id == id ? id : "\(id)~\(generation)"
    }

    /// The id and generation that an occasion stands for: what `occasion` wrote, read back.
    package static func identity(ofOccasion occasion: String) -> (id: String, generation: Int) {
        guard let tilde = occasion.utf8.lastIndex(of: UInt8(ascii: "~")) else { return (occasion, 1) }
        let digits = occasion[occasion.utf8.index(after: tilde)...]
        guard digits.utf8.first != UInt8(ascii: "0"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let generation = Int(digits)
        else { return (occasion, 1) }
        return (String(occasion[..<tilde]), generation)
    }

    /// The customer part of the ledger's key.
    package var customerKey: String { customer ?? "event:\(id)" }
}
