package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// Everything that decides about one customer at one moment, and what each rule makes of it. Values only: `Explainer`
/// finds them, `ExplanationWords` puts them into sentences.
package struct Explanation: Sendable {
    package var customer: Customer
    /// The moment that is explained.
    package var at: Instant
    /// The clock of all times that people read here: where the customer lives.
    package var zone: Zone
    /// How the zone is known; nil: `time_zone` names none, so nothing about days can be planned, and the zone is the
    /// business's.
    package var zoneSource: CustomerZone.Source?
    /// As it is in force on this machine.
    package var mode: Mode
    package var consents: [Consent]
    package var suppressions: [Suppression]
    package var segments: [Membership]
    package var budgets: [BudgetUse]
    /// Open events that are not baseline.
    package var openEvents: [OpenEvent]
    /// Of everything, and of this customer.
    package var pauses: [Pause]
    package var rules: [RuleStory] = []
    /// Rows of rules that are in no file any more, newest first.
    package var former: [Past] = []

    package struct Consent: Sendable {
        package var purpose: Purpose
        package var isGiven: Bool
        package var column: String
        /// nil: empty.
        package var value: String?
    }

    package struct Membership: Sendable {
        package var name: String
        package var isMember: Bool
        /// The class, and of how many.
        package var rank: (number: Int, of: Int)?
        /// `top 20%` or `5 classes`, and by which column; nil for a segment of conditions.
        package var ranking: (share: String, column: String)?
        package var value: String?
        /// Where the ranked segment, or its classes, begin, as people read it.
        package var bounds: [String] = []
        package var conditions: [Sentence] = []
        /// Since when, where a rule waits for comings and goings.
        package var since: Instant?
    }

    package struct BudgetUse: Sendable {
        package var budget: Budget
        /// What has used up room in the span that ends now, newest first.
        package var uses: [PastContact]
        /// When there is room again; nil where there is some.
        package var roomAt: Instant?
    }

    package struct OpenEvent: Sendable {
        package var event: Event
        /// What waits for its end.
        package var pauses: [Purpose]
    }

    /// A condition beside what was found.
    package indirect enum Sentence: Sendable {
        case test(Condition.Finding)
        /// `any of`, `all of` or `not`.
        case group(String, holds: Bool, [Sentence])

        package var holds: Bool {
            switch self {
            case .test(let finding): finding.holds
            case .group(_, let holds, _): holds
            }
        }
    }

    /// One message to come, or its going missing.
    package struct Prospect: Sendable {
        package var line: Forecast.Line
        /// Rule, step and recipient, as derived.
        package var candidate: Candidate
        /// Why it was not to go before, and when it would have.
        package var delays: [Delay] = []
        /// Of rule and step, at the moment of the decision.
        package var conditions: [Sentence] = []
        /// Who it is for.
        package var recipient: String
        package var signer: String
        /// Its time has passed, and the outbox knows nothing of it.
        package var isUntraced = false

        package struct Delay: Sendable {
            package var at: Instant
            package var decision: Decision
        }

        /// Whether something will go, or waits to.
        package var isOwed: Bool { ["due", "held", "claimed", "sending"].contains(line.verdict.word) }
    }

    /// A row of the ledger that is not to come.
    package struct Past: Sendable {
        package var row: Outreach
        package var attempts: [Attempt]
        /// What becomes of a row that has not ended; nil for one that has.
        package var decision: Decision?
    }

    /// An event beside what a rule makes of it.
    package struct EventStory: Sendable {
        package var event: Event
        /// When the promise runs out.
        package var limit: Instant?
        /// Why nothing is owed because of it at all; nil: see the messages.
        package var silence: String?
        package var messages: [Prospect] = []
    }

    /// What one rule makes of the customer.
    package struct RuleStory: Sendable {
        package var name: String
        package var purpose: Purpose
        package var priority: Int
        package var when: String
        package var spread: TimeSpan?
        /// The messages of the next occasion, in order of time; empty where none is in sight, and for rules about events.
        package var next: [Prospect] = []
        /// The first message after those that goes, where none of those does.
        package var following: Prospect?
        /// How many occasions are to come until `horizon`.
        package var occasions = 0
        /// How far was looked ahead.
        package var horizon: Instant
        /// Why there is nothing to come.
        package var silence: String?
        /// The last occasion, where it left no row.
        package var missed: Prospect?
        /// What was due before it is not served; nil where no daemon has seen the rule yet.
        package var baseline: Instant?
        package var conditions: [Sentence] = []
        /// Newest first.
        package var events: [EventStory] = []
        /// Newest first.
        package var history: [Past] = []
        /// Priorities of the rules that took room or place, by name.
        package var rivals: [String: Int] = [:]

        /// The message that says most about the rule: one that goes before one that does not, the earliest first.
        package var headline: Prospect? {
            let open = (next + events.flatMap(\.messages)).filter { $0.line.row?.state.hasEnded != true && $0.isOwed }
            return open.min { $0.line.outreach.dueAt < $1.line.outreach.dueAt } ?? next.first
        }
    }
}
