import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

// `explain --json`: the same values as on a terminal, and the same sentences where a reason is given.

extension Explanation {
    var json: JSON {
        let words = ExplanationWords(self)
        return .object([
            "customer": .text(customer.id), "name": .text(customer.fullName), "email": .optional(customer.text(.email)),
            "at": .text(Moment.utc(at)), "zone": .text(zone.name), "zone_from": .optional(zoneSource?.rawValue),
            "do_not_contact": .truth(customer.isDoNotContact), "mode": .text(mode.word),
            "consents": .object(Dictionary(uniqueKeysWithValues: consents.map { ($0.purpose.rawValue, .truth($0.isGiven)) })),
            "suppressions": .list(suppressions.map(\.json)), "segments": .list(segments.map(\.json)),
            "budgets": .list(budgets.map(\.json)), "open_events": .list(openEvents.map(\.json)),
            "pauses": .list(pauses.map(\.json)), "rules": .list(rules.map { $0.json(words) }),
            "former_rules": .list(former.map(\.json)),
        ])
    }
}

extension JSON {
    fileprivate static func texts(_ texts: [String]) -> JSON { .list(texts.map { .text($0) }) }
    fileprivate static func instant(_ instant: Instant?) -> JSON { .optional(instant.map(Moment.utc)) }
}

extension Mode {
    fileprivate var word: String {
        switch self {
        case .rehearse: "rehearse"
        case .redirect: "redirect"
        case .live: "live"
        }
    }
}

extension Suppression {
    fileprivate var json: JSON {
        .object([
            "purpose": .text(purpose.rawValue), "reason": .text(reason.rawValue), "since": .instant(since),
        ])
    }
}

extension Explanation.Membership {
    fileprivate var json: JSON {
        .object([
            "name": .text(name), "member": .truth(isMember), "class": rank.map { .number($0.number) } ?? .null,
            "classes": rank.map { .number($0.of) } ?? .null, "share": .optional(ranking?.share),
            "by": .optional(ranking?.column), "value": .optional(value), "bounds": .texts(bounds),
            "conditions": .list(conditions.map(\.json)), "since": .instant(since),
        ])
    }
}

extension Explanation.BudgetUse {
    fileprivate var json: JSON {
        .object([
            "budget": .text(budget.purpose?.rawValue ?? "overall"), "at_most": .number(budget.atMost),
            "per": .text(budget.per.description), "used": .number(uses.count), "room_at": .instant(roomAt),
            "by": .list(
                uses.map { use in
                    .object(["rule": .text(use.rule), "customer": .text(use.customer), "at": .instant(use.at)])
                }),
        ])
    }
}

extension Explanation.OpenEvent {
    fileprivate var json: JSON {
        .object([
            "kind": .text(event.kind), "id": .text(event.id), "at": .instant(event.at),
            "limit": .instant(event.limits.values.min()), "pauses": .texts(pauses.map(\.rawValue)),
        ])
    }
}

extension Explanation.Sentence {
    fileprivate var json: JSON {
        switch self {
        case .test(let finding):
            .object([
                "sentence": .text(finding.sentence), "value": .optional(finding.value), "holds": .truth(finding.holds),
            ])
        case .group(let word, let holds, let parts):
            .object(["group": .text(word), "holds": .truth(holds), "conditions": .list(parts.map(\.json))])
        }
    }
}

extension Explanation.RuleStory {
    fileprivate func json(_ words: ExplanationWords) -> JSON {
        .object([
            "rule": .text(name), "purpose": .text(purpose.rawValue), "priority": .number(priority), "when": .text(when),
            "verdict": .optional(headline?.line.verdict.word), "sentence": .text(words.verdict(self)),
            "next": .list(next.map { $0.json(words) }), "then": following?.json(words) ?? .null,
            "occasions": .number(occasions), "until": .instant(horizon), "conditions": .list(conditions.map(\.json)),
            "last": missed?.json(words) ?? .null, "events": .list(events.map { $0.json(words) }),
            "history": .list(history.map(\.json)),
        ])
    }
}

extension Explanation.EventStory {
    fileprivate func json(_ words: ExplanationWords) -> JSON {
        .object([
            "kind": .text(event.kind), "id": .text(event.id), "at": .instant(event.at), "open": .truth(event.isOpen),
            "limit": .instant(limit), "silence": .optional(silence), "messages": .list(messages.map { $0.json(words) }),
        ])
    }
}

extension Explanation.Prospect {
    fileprivate func json(_ words: ExplanationWords) -> JSON {
        let outreach = line.outreach
        return .object([
            "occasion": .text(outreach.key.occasion), "step": .text(outreach.key.step),
            "recipient": .text(outreach.key.recipient), "to": .text(recipient), "card": .text(line.card),
            "channel": .text(outreach.channel.description), "due_at": .instant(outreach.dueAt),
            "local": .text("\(outreach.localDate)T\(outreach.localTime)"), "zone": .text(outreach.zone),
            "expires_at": .instant(outreach.expiresAt), "verdict": .text(line.verdict.word),
            "reason": .text(line.verdict.reason), "sentence": .text(words.sentence(self)),
            "conditions": .list(conditions.map(\.json)),
            "put_off": .list(
                delays.map { .object(["from": .instant($0.at), "because": .text(words.words($0.decision))]) }),
        ])
    }
}

extension Explanation.Past {
    fileprivate var json: JSON {
        .object([
            "row": .number(Int(row.id)), "rule": .text(row.key.rule), "occasion": .text(row.key.occasion),
            "step": .text(row.key.step), "recipient": .text(row.key.recipient), "state": .text(row.state.description),
            "reason": .text(row.reason), "in_words": .text(ReasonWords.of(row)), "card": .optional(row.card),
            "due_at": .instant(row.plan.dueAt), "ended_at": .instant(row.endedAt),
            "attempts": .list(
                attempts.map { attempt in
                    .object([
                        "number": .number(attempt.number), "at": .instant(attempt.startedAt),
                        "outcome": .text(attempt.outcome), "reason": .text(attempt.reason), "code": .number(attempt.code),
                    ])
                }),
        ])
    }
}
