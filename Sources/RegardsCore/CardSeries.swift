package import RegardsCalendar

extension CardPattern {
    /// The occasions of a month, or of a feast, lie further apart in one year and the next; a lunar feast moves by up to
    /// a month.
    private static let season = TimeSpan.days(330)

    /// Whether the occasion itself says which card it is.
    private var isByOccasion: Bool { text.contains("{month}") || text.contains(CardPattern.feast) }

    /// Every name the pattern and its series can take, in the order of the file.
    fileprivate func series(feasts: [String]?) -> [String] {
        ([self] + others.map { CardPattern($0) }).flatMap { card in feasts.map(card.names(feasts:)) ?? card.names }
    }

    /// The card for an occasion of this date, and whether the series had to repeat one too soon for it.
    ///
    /// The occasion's own card (`{month}`, `{feast}`), unless it is among the last `noRepeat` of the year that ends now.
    /// Else a card of the series that is not among the last: one that was never used, in order, before the one used
    /// longest ago. Where all are, the one used longest ago.
    /// - Parameter used: the rule's cards for this customer, newest first; at least as many as the series is long and
    ///   as `noRepeat` says, for else an old card passes for one that was never used.
    fileprivate func choice(
        on date: CivilDate, feast: String?, series: @autoclosure () -> [String], used: [SentCard], now: Instant
    ) -> (name: String, isUsedUp: Bool) {
        let own = name(on: date, feast: feast)
        guard noRepeat > 0 else { return (own, false) }
        // Occasions that were left out (a birthday in place of the monthly card) are no reason to send January's card in
        // February: what was sent for this month a year ago may come again.
        if isByOccasion, !used.prefix(noRepeat).contains(where: { $0.name == own && now - $0.at < CardPattern.season }) {
            return (own, false)
        }
        let series = series()
        let used = used.map(\.name)
        let recent = used.prefix(noRepeat)
        // A card's age is its place in the history; what was never used is older than all.
        func oldest(_ names: [String]) -> String? {
            let ages = names.map { used.firstIndex(of: $0) ?? .max }
            return ages.max().flatMap(ages.firstIndex).map { names[$0] }
        }
        if let free = oldest(series.filter { !recent.contains($0) }) { return (free, false) }
        return (oldest(series) ?? own, true)
    }
}

extension Rule {
    /// The card of a step for one outreach, whatever was sent before and however late it is; empty for a list.
    package func card(_ step: Step, for outreach: PlannedOutreach) -> String {
        step.action.card?.name(on: outreach.localDate, feast: feast(of: outreach)) ?? ""
    }

    /// The card that goes at `now`: past the grace the belated one, and from a series one that the customer has not had
    /// lately. Empty for an item of a list.
    /// - Parameter cards: what the rule sent the customer, newest first (`History.cards`).
    /// - Returns: `isUsedUp` is true when the series has no card left that was not used lately.
    package func card(
        _ step: Step, for candidate: Candidate, history cards: [SentCard] = [], now: Instant
    ) -> (name: String, isUsedUp: Bool) {
        guard !candidate.isFallback, var pattern = step.action.card else { return ("", false) }
        if case .send = step.action, let belated, let from = candidate.belatedFrom, now >= from { pattern = belated.card }
        guard pattern.noRepeat > 0 else { return (pattern.name(on: candidate.outreach.localDate, feast: feast(of: candidate.outreach)), false) }
        return pattern.choice(
            on: candidate.outreach.localDate, feast: feast(of: candidate.outreach), series: pattern.series(feasts: feasts),
            used: cards, now: now)
    }

    /// Every card that a step can ask for: those of a series, and the belated one.
    package func cards(_ step: Step) -> [String] {
        var patterns = [step.action.card].compactMap { $0 }
        if case .send = step.action, let belated { patterns.append(belated.card) }
        var names: [String] = []
        for name in patterns.flatMap({ $0.series(feasts: feasts) }) where !names.contains(name) { names.append(name) }
        return names
    }

    /// The list that a candidate is an item of; nil for a message.
    package func list(of candidate: Candidate) -> ListTarget? {
        if candidate.isFallback { return unreachable }
        guard case .list(let target) = steps[candidate.step].action else { return nil }
        return target
    }

    private var feasts: [String]? {
        guard case .feast(let trigger) = trigger else { return nil }
        return trigger.names
    }

    private func feast(of outreach: PlannedOutreach) -> String? {
        guard case .feast(let trigger) = trigger else { return nil }
        return FeastTrigger.feast(ofOccasion: outreach.key.occasion)?.name ?? trigger.names.first
    }
}
