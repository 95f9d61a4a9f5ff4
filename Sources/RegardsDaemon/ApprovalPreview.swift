package import RegardsCalendar
import RegardsCore
import RegardsMessage
package import RegardsStore

/// What somebody looks at before they approve a rule: one message of it as its customer would read it.
package struct ApprovalPreview: Sendable {
    package var customer: String
    package var name: String
    package var subject: String
    package var text: String

    /// The messages of the first customers that a rule would reach; whoever has none by now is left out.
    /// - Throws: `SourceError`, `ComposingError` for a card that cannot be made.
    package static func make(
        _ assembly: Assembly, source: any CustomerSource, rule: String, samples: [Reach.Sample], now: Instant
    ) throws -> [ApprovalPreview] {
        guard let steps = assembly.book.rules.first(where: { $0.name == rule })?.steps else { return [] }
        let step = steps.first { if case .send = $0.action { true } else { false } }?.name
        var previews: [ApprovalPreview] = []
        for sample in samples {
            do {
                let trial = try Trial.find(
                    assembly, source: source, rule: rule, step: step, customer: sample.customer, at: nil, now: now)
                previews.append(try make(assembly, trial, sample))
            } catch is TrialError {
                continue
            }
        }
        return previews
    }

    private static func make(_ assembly: Assembly, _ trial: Trial, _ sample: Reach.Sample) throws -> ApprovalPreview {
        let rule = assembly.book.rules[trial.candidate.rule]
        let card = rule.card(rule.steps[trial.candidate.step], for: trial.candidate.outreach)
        let to = trial.facts.customer.flatMap(Contact.init(customer:))
        do {
            let rendered = try assembly.cards.render(
                card, locale: trial.facts.customer?.text(.locale),
                fields: CardFieldsBuilder.fields(for: trial.candidate, trial.facts, assembly.book, to: to),
                unsubscribe: rule.purpose == .care ? nil : assembly.book.house.business.email)
            return ApprovalPreview(customer: sample.customer, name: sample.name, subject: rendered.subject, text: rendered.text)
        } catch {
            throw ComposingError.card(error)
        }
    }
}
