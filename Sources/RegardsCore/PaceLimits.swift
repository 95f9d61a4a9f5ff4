package import RegardsCalendar

/// So many messages in a span of time: `10/s`, `600/h`.
///
/// Kept exactly: no span of that length, wherever it begins, sees more. Messages go evenly spaced; up to a twentieth of
/// the count, and no more than a second's worth, may go together where a wake-up came late. The price is that a steady
/// stream reaches between 95 and 100 % of the rate.
package struct Rate: Hashable, Sendable {
    /// 1 to 1,000,000.
    package let count: Int
    /// 1 second to 1 day.
    package let span: TimeSpan

    /// - Returns: nil outside the ranges.
    package init?(_ count: Int, per span: TimeSpan) {
        guard (1...1_000_000).contains(count), span >= .seconds(1), span <= .days(1) else { return nil }
        self.count = count
        self.span = span
    }

    private static let units: [(name: String, span: TimeSpan)] = [
        ("s", .seconds(1)), ("min", .minutes(1)), ("h", .hours(1)), ("d", .days(1)),
    ]

    /// Reads `10/s`, `100/min`, `2000/h` or `50000/d`; spaces around the slash do not matter. nil for anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            .map { part in part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed() }
        guard parts.count == 2, !parts[0].isEmpty, parts[0].allSatisfy({ ("0"..."9").contains($0) }),
            let count = Int(String(parts[0])), let unit = Self.units.first(where: { $0.name == String(parts[1]) })
        else { return nil }
        self.init(count, per: unit.span)
    }

    /// How much earlier than its turn a message may go.
    var tolerance: TimeSpan { min(TimeSpan(microseconds: span.microseconds / 20), .seconds(1)) }
    /// From one message to the next. Rounded up, so that the count is never passed.
    var interval: TimeSpan {
        TimeSpan(microseconds: (span.microseconds + tolerance.microseconds + Int64(count) - 1) / Int64(count))
    }
}

/// How fast mail may go. What is nil or not named has no limit of ours.
package struct PaceLimits: Hashable, Sendable {
    /// All mail together.
    package var overall: Rate?
    /// By the relay's name.
    package var relays: [String: Rate]
    /// Of each recipient domain that `domains` does not name.
    package var everyDomain: Rate?
    /// By domain, in small letters; nil as a value: no limit although `everyDomain` has one.
    package var domains: [String: Rate?]

    package init(
        overall: Rate? = nil, relays: [String: Rate] = [:], everyDomain: Rate? = nil, domains: [String: Rate?] = [:]
    ) {
        self.overall = overall
        self.relays = relays
        self.everyDomain = everyDomain
        self.domains = domains
    }

    func rate(ofDomain domain: String) -> Rate? {
        if let named = domains[domain] { return named }
        return everyDomain
    }
}
