import Dispatch
package import RegardsCalendar
package import RegardsCore
import RegardsDelivery
import RegardsRules
package import RegardsStore
import Synchronization

/// A candidate made for looking at: whether or not it is due, the message is the one that would be sent.
package struct Trial: Sendable {
    package var candidate: Candidate
    package var facts: Facts
    /// The kind of events that the rule is about, where this customer has none to tell of; else nil.
    package var missingEvent: String?

    /// - Parameters:
    ///   - step: nil: the rule's first.
    ///   - at: the day to pretend; nil: the rule's next occasion for this customer, or now where it has none within a
    ///     year.
    /// - Throws: `SourceError`, `TrialError`.
    package static func find(
        _ assembly: Assembly, source: any CustomerSource, rule name: String, step: String?, customer id: String,
        at: Instant?, now: Instant
    ) throws -> Trial {
        let book = assembly.book
        guard let index = book.rules.firstIndex(where: { $0.name == name }) else { throw TrialError.noRule(name) }
        let rule = book.rules[index]
        guard let number = step.map({ step in rule.steps.firstIndex { $0.name == step } }) ?? 0 else {
            throw TrialError.noStep(step ?? "", rule: name, known: rule.steps.map(\.name))
        }
        guard let customer = try source.lookUp([id])[id] else { throw TrialError.noCustomer(id) }
        try check(rule.steps[number], of: rule, customer)
        var planner = Planner(book: book, zones: assembly.zones, countries: assembly.countries)
        guard let zone = planner.zone(of: customer) else { throw TrialError.noZone(id) }
        let (facts, missingEvent) = try facts(of: customer, rule, assembly, source, now: at ?? now)
        var found: Candidate?
        if rule.isAboutEvents {
            found = planner.candidates(ofEvent: facts, rule: index).first { $0.step == number }
        } else if at == nil {
            let window = PlanWindow(from: now, through: now + .days(366), plannedThrough: now)
            planner.candidates(of: customer, zone: zone, rule: index, in: window) { candidate in
                guard candidate.step == number else { return }
                if found.map({ candidate.outreach.dueAt < $0.outreach.dueAt }) ?? true { found = candidate }
            }
        }
        let candidate = found ?? pretended(rule, index, number, customer, zone, at ?? now)
        return Trial(candidate: candidate, facts: facts, missingEvent: missingEvent)
    }

    /// Whether there is a message to look at.
    private static func check(_ step: Step, of rule: Rule, _ customer: Customer) throws {
        switch step.action {
        case .list(let item): throw TrialError.onList(item.name, rule: rule.name)
        case .send where Contact(customer: customer) == nil:
            throw TrialError.noAddress(customer.id, isEmpty: customer.text(.email) == nil)
        case .send, .tell, .webhook: break
        }
    }

    private static func pretended(
        _ rule: Rule, _ index: Int, _ step: Int, _ customer: Customer, _ zone: CustomerZone, _ at: Instant
    ) -> Candidate {
        let local = zone.zone.local(at: at)
        let action = rule.steps[step].action
        let outreach = PlannedOutreach(
            key: OutreachKey(
                customer: customer.id, rule: rule.name, occasion: local.date.description, step: rule.steps[step].name,
                recipient: "\(action.recipientRole)/0"),
            dueAt: at, expiresAt: nil, zone: zone.zone.name, localDate: local.date, localTime: local.time,
            channel: action.channel, lane: .rest, ruleHash: rule.hash)
        return Candidate(outreach: outreach, rule: index, step: step, position: 0, zone: zone)
    }

    /// For a rule about events the customer's newest event of the kind; where there is none, an empty one.
    private static func facts(
        of customer: Customer, _ rule: Rule, _ assembly: Assembly, _ source: any CustomerSource, now: Instant
    ) throws -> (Facts, missingEvent: String?) {
        guard case .event(let trigger) = rule.trigger else { return (Facts(customer: customer), nil) }
        let kind = assembly.book.eventKinds[trigger.kind]
        var newest: EventRow?
        let since = now - assembly.configuration.events[trigger.kind].horizon
        try source.forEachEventPage(kind: kind.name, since: since, size: 1000) { rows in
            for row in rows where row.customer == customer.id && row.at >= newest?.at ?? since { newest = row }
        }
        let event = Event(kind: kind.name, id: newest?.id ?? "0", customer: customer.id, at: newest?.at ?? now)
        let facts = Facts(customer: customer, event: event, eventRecord: newest?.record ?? kind.columns.makeRecord())
        return (facts, newest == nil ? kind.name : nil)
    }
}

package enum TrialError: Error, CustomStringConvertible {
    case noRule(String)
    case noStep(String, rule: String, known: [String])
    case noCustomer(String)
    case noZone(String)
    case noAddress(String, isEmpty: Bool)
    /// The step sends nothing.
    case onList(String, rule: String)

    package var description: String {
        switch self {
        case .noRule(let name): "there is no rule \(name)"
        case .noStep(let step, let rule, let known):
            "rule \(rule) has no step \(step); it has \(known.joined(separator: ", "))"
        case .noCustomer(let id): "there is no customer \(id)"
        case .noZone(let id): "customer \(id) has a time_zone that is no zone of tzdata"
        case .noAddress(let id, true): "customer \(id) has no mail address: email is empty"
        case .noAddress(let id, false): "customer \(id) has a mail address that cannot be used"
        case .onList(let list, let rule):
            "rule \(rule) sends nothing here: it puts customers on the list \(list), which regards list shows"
        }
    }
}

/// One message through the real channel, without a row in the ledger.
package enum TestMessage {
    /// Waits for the answer.
    /// - Throws: `WorkshopError` for settings that cannot work.
    package static func send(
        _ composed: ComposedMessage, assembly: Assembly, environment: [String: String]
    ) throws -> AttemptReport {
        let clock = SystemClock()
        let built = ChannelBuilder.channels(for: assembly.configuration, environment: environment, clock: clock)
        guard let channels = built.channels else { throw WorkshopError(mistakes: built.mistakes) }
        let name = composed.channel
        let answer = Answer()
        channels.whenStateChanges { [weak channels] changed, change in
            guard changed == name else { return }
            if case .wentDown(let reason, let detail) = change {
                answer.give(AttemptReport(.deferred(reason, notBefore: nil), detail: detail))
            } else if let channels, channels.free(name, busy: 0) != nil, answer.begin() {
                let outgoing = Outgoing(
                    outreach: 0, destination: composed.destination, message: composed.message, attemptedAt: clock.now())
                channels.send(outgoing, by: name, ended: answer.give)
            }
        }
        channels.openIfNeeded(name)
        let report = answer.wait()
        let closed = DispatchSemaphore(value: 0)
        channels.close(grace: .seconds(1)) { closed.signal() }
        closed.wait()
        return report
    }

    private final class Answer: Sendable {
        private let state = Mutex<(begun: Bool, report: AttemptReport?)>((false, nil))
        private let given = DispatchSemaphore(value: 0)

        /// True the first time.
        func begin() -> Bool {
            state.withLock { state in
                defer { state.begun = true }
                return !state.begun
            }
        }

        /// The first answer counts.
        @Sendable func give(_ report: AttemptReport) {
            let isFirst = state.withLock { state in
                guard state.report == nil else { return false }
                state.report = report
                return true
            }
            if isFirst { given.signal() }
        }

        func wait() -> AttemptReport {
            given.wait()
            return state.withLock { $0.report } ?? AttemptReport(.deferred(.connectionLost, notBefore: nil))
        }
    }
}
