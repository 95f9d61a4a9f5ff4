package import RegardsCalendar
import RegardsCore
import RegardsStore

/// Puts an explanation into sentences. Times are by the clock of `Explanation.zone`.
package struct ExplanationWords {
    /// A word in front, and what there is to say of it.
    package struct Entry: Hashable, Sendable {
        package var label: String
        package var text: String
        /// Cells that further lines of the text stand in, where it is too long for one.
        package var indent = 0

        package init(_ label: String, _ text: String, indent: Int = 0) {
            self.label = label
            self.text = text
            self.indent = indent
        }
    }

    let explanation: Explanation

    package init(_ explanation: Explanation) { self.explanation = explanation }

    func moment(_ instant: Instant) -> String { Words.moment(instant, explanation.zone) }

    // MARK: The customer

    package var profile: [Entry] {
        let customer = explanation.customer
        let name = [customer.id, customer.fullName, customer.text(.email) ?? ""].filter { !$0.isEmpty }
        return [Entry("customer", name.joined(separator: ", ")), Entry("clock", clock)] + mode + contact
            + [Entry("consent", consent)] + explanation.segments.flatMap(segment)
            + explanation.budgets.map { Entry("budgets", budget($0)) }
            + explanation.openEvents.map { Entry("open", open($0)) } + explanation.pauses.map { Entry("paused", pause($0)) }
    }

    private var clock: String {
        let source: String
        switch explanation.zoneSource {
        case .column: source = ", as time_zone says"
        case .country: source = ", the only one in their country"
        case .business: source = ", the business's: time_zone is empty, and their country has several or is not known"
        case nil:
            let written = explanation.customer.text(.timeZone) ?? ""
            source = ", the business's: time_zone (\(written)) \(CustomerProblem.unknownZone.predicate)"
        }
        return "\(moment(explanation.at)) \(explanation.zone.name)\(source)"
    }

    private var mode: [Entry] {
        switch explanation.mode {
        case .live: []
        case .rehearse: [Entry("mode", "rehearsing: what is due is made, and not sent")]
        case .redirect(let address): [Entry("mode", "all mail goes to \(address.text)")]
        }
    }

    private var contact: [Entry] {
        let customer = explanation.customer
        var entries: [Entry] = []
        if customer.isDoNotContact {
            entries.append(Entry("contact", "do_not_contact (\(customer.text(.doNotContact) ?? "")) stops all but care"))
        }
        if Contact(customer: customer) == nil {
            let text = customer.text(.email).map { "email (\($0)) \(CustomerProblem.badAddress.predicate)" } ?? "email is empty"
            entries.append(Entry("contact", "\(text): no mail"))
        }
        for reason in SuppressionReason.allCases {
            let found = explanation.suppressions.filter { $0.reason == reason }
            guard let since = found.map(\.since).min() else { continue }
            let purposes = Words.list(found.map(\.purpose.rawValue))
            entries.append(
                Entry("contact", "the address gets no more \(purposes) since \(moment(since)): \(reason.words)"))
        }
        return entries
    }

    private var consent: String {
        explanation.consents.map { consent in
            "\(consent.purpose.rawValue) \(consent.isGiven ? "yes" : "no") "
                + "(\(consent.column) is \(consent.value ?? "empty"))"
        }.joined(separator: ", ") + "; care is not asked"
    }

    private func segment(_ segment: Explanation.Membership) -> [Entry] {
        var text = "\(segment.name): "
        if let rank = segment.rank {
            text += "class \(rank.number) of \(rank.of)"
        } else {
            text += segment.isMember ? "yes" : "no"
        }
        if let since = segment.since { text += " since \(moment(since))" }
        if let ranking = segment.ranking {
            text += "; \(ranking.column) is \(segment.value ?? "empty"), \(ranking.share)"
            text += segment.bounds.isEmpty ? ", of nobody yet" : " from \(segment.bounds.joined(separator: ", "))"
        }
        return [Entry("segments", text)] + lines(segment.conditions).map { Entry("segments", "  " + $0, indent: 4) }
    }

    private func budget(_ use: Explanation.BudgetUse) -> String {
        var text = "\(use.budget): \(use.uses.isEmpty ? "nothing" : "\(use.uses.count)") used"
        if !use.uses.isEmpty { text += ", by " + use.uses.map(contact).joined(separator: ", ") }
        if let roomAt = use.roomAt { text += "; room again from \(moment(roomAt))" }
        return text
    }

    private func contact(_ contact: PastContact) -> String {
        let whose = contact.customer == explanation.customer.id ? "" : " to customer \(contact.customer)"
        return "\(contact.rule) \(moment(contact.at))\(whose)"
    }

    private func open(_ open: Explanation.OpenEvent) -> String {
        var text = "\(open.event.kind) \(open.event.id) since \(moment(open.event.at))"
        if let limit = open.event.limits.values.min() { text += ", to be answered by \(moment(limit))" }
        if !open.pauses.isEmpty { text += "; \(Words.list(open.pauses.map(\.rawValue))) wait" }
        return text
    }

    private func pause(_ pause: Pause) -> String {
        let scope = pause.scope == .all ? "everything" : "this customer"
        let until = pause.until.map { "until \(moment($0))" } ?? "until it is lifted"
        return "\(scope) since \(moment(pause.since)) \(until)\(pause.reason.isEmpty ? "" : ": \(pause.reason)")"
    }

    // MARK: Conditions

    /// Each sentence, yes or no, and what it saw; indented where it stands under another.
    func lines(_ sentences: [Explanation.Sentence]) -> [String] {
        let found = sentences.flatMap { flat($0, 0) }
        let width = min(44, found.map { DisplayWidth.of($0.text) }.max() ?? 0)
        return found.map { line in
            let text = DisplayWidth.padded(line.text, width)
            return "\(line.holds ? "yes" : "no ")  \(text)\(line.value.isEmpty ? "" : "  ")\(line.value)".trimmedRight
        }
    }

    /// What a sentence about something that is not there saw.
    private static func nothing(_ sentence: String) -> String {
        switch sentence.split(separator: " ").first(where: { $0 != "not" }) {
        case "received": "never"
        case "segment": "not in it"
        case "class": "in no class"
        default: "empty"
        }
    }

    private func flat(_ sentence: Explanation.Sentence, _ depth: Int) -> [(text: String, holds: Bool, value: String)] {
        let indent = String(repeating: "  ", count: depth)
        switch sentence {
        case .test(let finding):
            return [(indent + finding.sentence, finding.holds, finding.value ?? ExplanationWords.nothing(finding.sentence))]
        case .group(let word, let holds, let parts):
            return [(indent + word, holds, "")] + parts.flatMap { flat($0, depth + 1) }
        }
    }
}

extension Words {
    /// For people: `Mon 2027-05-03 09:00`, by the clocks of a zone that the reader knows.
    package static func moment(_ instant: Instant, _ zone: Zone) -> String {
        let local = zone.local(at: instant)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(local.date.weekday) \(local.date) \(two(local.time.hour)):\(two(local.time.minute))"
    }

    /// `greeting`, `greeting and survey`, `greeting, marketing and survey`.
    package static func list(_ words: [String]) -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " and " + last
    }
}

extension String {
    var trimmedRight: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
