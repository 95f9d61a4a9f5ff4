import RegardsCalendar
package import RegardsCore
import RegardsStore

// MARK: One rule

extension ExplanationWords {
    /// What becomes of the rule's next message, in one line.
    package func verdict(_ story: Explanation.RuleStory) -> String {
        guard let headline = story.headline else {
            if let silence = story.silence { return "nothing to come: \(silence)" }
            return story.events.isEmpty
                ? "nothing to come until \(explanation.zone.local(at: story.horizon).date)" : "nothing to come"
        }
        let event = story.events.first { $0.messages.contains { $0.line.outreach.key == headline.line.outreach.key } }
        let about = event.map { "\($0.event.kind) \($0.event.id), \(headline.line.outreach.key.step): " } ?? ""
        return about + sentence(headline)
    }

    /// `due Wed 2027-05-05 09:00`: what plan says of the message, and why.
    package func sentence(_ prospect: Explanation.Prospect) -> String {
        let line = prospect.line
        let word = line.verdict.word
        let reason = self.reason(prospect)
        var text = "\(word) \(moment(line.outreach.dueAt))"
        if word == "due", let first = prospect.delays.first { text += ", put off from \(moment(first.at))" }
        if !reason.isEmpty { text += ": \(reason)" }
        if prospect.isUntraced, word == "due" { text += ", by today's data, and the outbox has no row of it" }
        return text
    }

    private func reason(_ prospect: Explanation.Prospect) -> String {
        let line = prospect.line
        guard let row = line.row, row.state != .planned else {
            guard line.verdict.word == "due" else { return words(line.decision, prospect.conditions) }
            return prospect.delays.last.map { words($0.decision) } ?? retry(line.row)
        }
        let reason = ReasonWords.of(row)
        guard row.state == .held else { return reason }
        switch line.decision.verdict {
        case .hold: return words(line.decision)
        case .send: return "\(reason); nothing holds it any more, so the daemon lets it go"
        case .move, .skip, .cancel: return reason
        }
    }

    private func retry(_ row: Outreach?) -> String {
        guard let row, !row.reason.isEmpty || row.notBefore != nil else { return "" }
        let again = row.notBefore.map { "again not before \(moment($0))" } ?? ""
        return [ReasonWords.of(row), again].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// Why a decision is what it is, with the sentence that decided.
    /// - Parameter conditions: the rule's and the step's, as they were found.
    package func words(_ decision: Decision, _ conditions: [Explanation.Sentence] = []) -> String {
        if decision.verdict == .cancel(.conditionFalse), let failure = failure(conditions) { return failure }
        return ReasonWords.of(decision, on: explanation.zone.local(at: explanation.at).date)
    }

    /// The condition that decided: the first that does not hold.
    private func failure(_ conditions: [Explanation.Sentence]) -> String? {
        switch conditions.first(where: { !$0.holds }) {
        case .test(let finding): "\(finding.sentence) does not hold\(finding.value.map { " (\($0))" } ?? "")"
        case .group("any of", _, let parts): "none of these holds: \(parts.map(name).joined(separator: ", "))"
        case .group, nil: nil
        }
    }

    private func name(_ sentence: Explanation.Sentence) -> String {
        switch sentence {
        case .test(let finding): finding.sentence
        case .group(let word, _, let parts): "\(word) (\(parts.map(name).joined(separator: ", ")))"
        }
    }

    // MARK: Details

    package func details(_ story: Explanation.RuleStory) -> [Entry] {
        var entries = [Entry("when", story.when)]
        if let only = story.next.first, story.next.count == 1 {
            entries += message(only, story) + conditions(only.conditions)
        } else if !story.next.isEmpty {
            entries += story.next.flatMap { step($0, story) } + conditions(story.next[0].conditions)
        }
        entries += conditions(story.conditions) + ahead(story) + missed(story)
        entries += story.events.flatMap { event($0, story) }
        return entries + story.history.map { Entry("history", past($0), indent: 4) }
    }

    /// One message: card, who gets it, why it is not at the time that was meant.
    private func message(_ prospect: Explanation.Prospect, _ story: Explanation.RuleStory) -> [Entry] {
        var entries = [Entry("what", what(prospect))]
        if let shift = shift(prospect, story) { entries.append(Entry("moved", shift)) }
        for delay in prospect.delays {
            entries.append(Entry("put off", "\(moment(delay.at)): \(words(delay.decision))"))
        }
        let decisions = [prospect.line.decision] + prospect.delays.map(\.decision)
        for winner in Set(decisions.compactMap(\.winner)).sorted() {
            guard winner != story.name, let priority = story.rivals[winner] else { continue }
            // Who takes another's place does so whatever the priorities.
            let isReplaced = decisions.contains { $0.verdict == .skip(.replaced(by: winner)) }
            entries.append(
                Entry(
                    "because",
                    isReplaced ? "\(winner) says instead_of: \(story.name)" : "\(winner) has priority \(priority), this rule \(story.priority)"))
        }
        return entries
    }

    private func what(_ prospect: Explanation.Prospect) -> String {
        let line = prospect.line
        var text = line.card.isEmpty ? "" : "card \(line.card) to "
        text += prospect.recipient
        if !prospect.signer.isEmpty, !line.card.isEmpty { text += ", signed by \(prospect.signer)" }
        if prospect.isOwed { text += line.outreach.expiresAt.map { ", until \(moment($0))" } ?? ", however late" }
        return text
    }

    /// Where spread or quiet hours took it, from the time that the rule means.
    private func shift(_ prospect: Explanation.Prospect, _ story: Explanation.RuleStory) -> String? {
        let outreach = prospect.candidate.outreach
        guard prospect.candidate.zone.zone == explanation.zone || outreach.zone == explanation.zone.name else { return nil }
        let meant = explanation.zone.instant(outreach.localDate, outreach.localTime)
        let first = prospect.delays.first?.at ?? outreach.dueAt
        // Of a message that is late, and of a step of an event, the time that was meant has nothing to do with it.
        guard meant < outreach.dueAt, first == outreach.dueAt else { return nil }
        let spread = story.spread.map { "the spread over \($0)" }
        let isQuiet = story.spread.map { meant + $0 <= outreach.dueAt } ?? true
        let why = [spread, isQuiet ? "quiet times" : nil].compactMap { $0 }.joined(separator: " and ")
        return "from \(moment(meant)) by \(why)"
    }

    private func step(_ prospect: Explanation.Prospect, _ story: Explanation.RuleStory) -> [Entry] {
        let key = prospect.line.outreach.key
        return [
            Entry("steps", "\(key.step)  \(sentence(prospect))", indent: 4),
            Entry("steps", "    \(what(prospect))", indent: 4),
        ]
    }

    private func conditions(_ sentences: [Explanation.Sentence]) -> [Entry] {
        lines(sentences).map { Entry("where", $0, indent: 5) }
    }

    private func ahead(_ story: Explanation.RuleStory) -> [Entry] {
        guard !story.next.isEmpty, !story.next.contains(where: \.isOwed) else { return [] }
        if let following = story.following { return [Entry("then", sentence(following))] }
        // Of one occasion all is said.
        guard story.occasions > 1 else { return [] }
        let horizon = explanation.zone.local(at: story.horizon).date
        return [Entry("then", "none of \(story.occasions) occasions until \(horizon) goes, as things stand")]
    }

    private func missed(_ story: Explanation.RuleStory) -> [Entry] {
        guard let missed = story.missed else { return [] }
        let outreach = missed.line.outreach
        let when = moment(outreach.dueAt)
        let text: String
        if let baseline = story.baseline, outreach.dueAt < baseline {
            text = "\(when) was before the rule was first seen, \(moment(baseline))"
        } else if missed.line.decision.verdict == .send {
            text = "\(when) nothing went: the customer was added or changed after it, or no daemon ran"
        } else {
            text = "\(when) nothing went, by today's data: \(words(missed.line.decision, missed.conditions))"
        }
        return [Entry("last", text)]
    }

    // MARK: Events

    private func event(_ story: Explanation.EventStory, _ rule: Explanation.RuleStory) -> [Entry] {
        let event = story.event
        var text = "\(event.kind) \(event.id) of \(moment(event.at)), \(event.isOpen ? "open" : "over")"
        if event.isGone { text += ", its row is gone" }
        if let limit = story.limit {
            text += ", \(limit <= explanation.at ? "limit was" : "to be answered by") \(moment(limit))"
        }
        if let silence = story.silence { text += ": \(silence)" }
        let width = story.messages.map { DisplayWidth.of($0.line.outreach.key.step) }.max() ?? 0
        var entries = [Entry("events", text, indent: 4)]
        for message in story.messages {
            let step = DisplayWidth.padded(message.line.outreach.key.step, width)
            entries.append(Entry("events", "  \(step)  \(sentence(message)), to \(message.recipient)", indent: width + 4))
        }
        if let first = story.messages.first(where: { $0.line.row?.state.hasEnded != true }) {
            entries += lines(first.conditions).map { Entry("events", "  " + $0, indent: 7) }
        }
        return entries
    }

    // MARK: The past

    package func past(_ past: Explanation.Past) -> String {
        let row = past.row
        var parts = ["\(row.state) \(moment(row.plan.dueAt))"]
        let reason = ReasonWords.of(row)
        if !reason.isEmpty { parts[0] += ": \(reason)" }
        parts.append("occasion \(row.key.occasion)")
        if row.key.step != "send" { parts.append("step \(row.key.step)") }
        if let card = row.card { parts.append("card \(card)") }
        parts += past.attempts.map(attempt)
        if let decision = past.decision, case .cancel = decision.verdict { parts.append("to be cancelled: \(words(decision))") }
        return parts.joined(separator: ", ")
    }

    private func attempt(_ attempt: Attempt) -> String {
        let local = explanation.zone.local(at: attempt.endedAt ?? attempt.startedAt)
        let outcome = attempt.endedAt == nil ? "under way" : attempt.outcome
        let code = attempt.code == 0 ? "" : " \(attempt.code)"
        let reason = DeferralReason(rawValue: attempt.reason)?.words ?? RefusalReason(rawValue: attempt.reason)?.words
            ?? attempt.reason
        let why = reason.isEmpty ? "" : ": \(reason)"
        return "attempt \(attempt.number) \(outcome)\(code) \(local.date) \(NoticeText.clock(local.time))\(why)"
    }
}
