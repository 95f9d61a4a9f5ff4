import RegardsCalendar
import RegardsCore
import RegardsStore

/// What systemd shows of the running daemon (STATUS= in sd_notify(3)).
struct StatusSentence {
    /// The mode in force, which may be another than the file's.
    var mode: Mode
    var book: RuleBook
    var file: String
    var channels: ChannelSet
    var isReloadRefused: Bool

    /// One sentence with numbers, as `systemctl status` shows it.
    func text(_ outbox: any Outbox, _ standingWatch: StandingWatch, at now: Instant) -> String {
        var parts: [String] = []
        do {
            let counts = try outbox.counts(endedSince: now - .days(1))
            parts.append("\(try outbox.dueCount(until: now + .hours(1))) due in the next hour")
            parts.append("\(counts[.sent]) sent in 24 h")
            if counts[.held] > 0 { parts.append("\(counts[.held]) held") }
            if counts[.failed] > 0 { parts.append("\(counts[.failed]) failed in 24 h") }
            parts += try waiting(outbox, at: now)
            parts += try standingWatch.words(at: now)
        } catch {
            parts.append("the state file cannot be read")
        }
        for name in channels.names { parts.append("\(name) \(channels.summary(name))") }
        if mode != .live { parts.insert(nextStep, at: 0) }
        if isReloadRefused { parts.insert("the last reload was refused, the old rules run", at: 0) }
        return parts.joined(separator: ", ")
    }

    /// Customers who wait for an answer that was promised.
    private func waiting(_ outbox: any Outbox, at now: Instant) throws -> [String] {
        try book.eventKinds.map(\.name).compactMap { kind in
            let open = try outbox.events(kind: kind, openOrSince: now).filter { $0.isOpen && !$0.limits.isEmpty }
            guard let oldest = open.map(\.at).min() else { return nil }
            let late = open.count { ($0.limits.values.min() ?? now) < now }
            let longest = max(0, (now - oldest).seconds / 60)
            let words = longest < 120 ? "\(longest) min" : longest < 48 * 60 ? "\(longest / 60) h" : "\(longest / 1440) days"
            return "\(kind): \(open.count) open for up to \(words)" + (late > 0 ? " and \(late) past the limit" : "")
        }
    }

    /// What keeps messages from customers, and how that ends.
    private var nextStep: String {
        switch (mode, book.house.mode) {
        case (.redirect, _): "rehearsing, all mail goes to one address"
        case (_, .live): "rehearsing, nobody is mailed (next: regards go-live)"
        default: "rehearsing, nobody is mailed (next: edit \(file), regards check, systemctl reload regards)"
        }
    }
}
