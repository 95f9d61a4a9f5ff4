package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// The reasons that the ledger keeps, in words for people: one table for all that print them.
package enum ReasonWords {
    /// What became of a row, or what it waits for. Empty where its state says it all.
    package static func of(_ row: Outreach) -> String {
        switch row.state {
        case .sent, .claimed, .sending: ""
        case .planned: DeferralReason(rawValue: row.reason)?.words ?? row.reason
        case .held: HoldReason(row.reason)?.words ?? row.reason
        case .failed: RefusalReason(rawValue: row.reason)?.words ?? row.reason
        case .skipped: SkipReason(row.reason)?.words ?? row.reason
        case .cancelled: CancelReason(rawValue: row.reason)?.words ?? row.reason
        }
    }
}

extension ReasonWords {
    /// Why a decision is what it is, with what decided it; empty for a message that goes.
    /// - Parameter day: what is called today: messages of later days are still to go.
    package static func of(_ decision: Decision, on day: CivilDate) -> String {
        let because = foreseen(decision.because, on: day)
        switch decision.verdict {
        case .send: return ""
        case .move: return because == "limits.quiet" ? "quiet until then" : because
        case .hold(let reason): return because.isEmpty ? reason.words : "\(reason.words): \(because)"
        case .skip(.budget): return "no room before it is too late: \(because)"
        case .skip(let reason): return because == "limits.quiet" ? "quiet until it is too late" : reason.words
        case .cancel(.conditionFalse): return "\(because) does not hold"
        case .cancel(let reason) where reason == .ruleOff || reason == .notSampled: return reason.words
        case .cancel(let reason): return because.isEmpty ? reason.words : "\(reason.words) (\(because))"
        }
    }

    /// What will have gone by the time of the decision is still to go.
    private static func foreseen(_ because: String, on day: CivilDate) -> String {
        let isToCome = because.split(separator: " ").compactMap { CivilDate(String($0)) }.contains { $0 > day }
        return isToCome ? because.replacing(" went", with: " goes") : because
    }
}

extension Forecast.Line {
    /// What becomes of it and why, in words: what the ledger says, else what would be decided.
    package func words(on day: CivilDate) -> String {
        let reason: String
        if let row, row.state != .planned {
            reason = ReasonWords.of(row)
        } else if case .move = decision.verdict {
            reason = ""
        } else {
            reason = ReasonWords.of(decision, on: day)
        }
        return reason.isEmpty ? verdict.word : "\(verdict.word): \(reason)"
    }
}

extension SkipReason {
    package var words: String {
        switch self {
        case .late: "too late by then"
        case .rehearsed: "the house rehearses: nothing leaves it"
        case .redirected: "it went to the address that all mail is redirected to"
        case .baseline: "it was so before the rule was first seen"
        case .budget(let rule): "no room in a budget: \(rule) goes first"
        case .replaced(let rule): "\(rule) takes its place that day"
        case .sameAddress: "another customer with the same address got it"
        }
    }
}

extension CancelReason {
    package var words: String {
        switch self {
        case .customerGone: "the customer is not in the database"
        case .ruleGone: "the rule is in no file any more"
        case .occasionGone: "its day moved, or its step is gone"
        case .conditionFalse: "a condition does not hold"
        case .doNotContact: "the customer wants no contact"
        case .noConsent: "there is no consent"
        case .noAddress: "there is no usable address"
        case .eventEnded: "the event is over"
        case .ruleOff: "the rule is switched off, or not active that day"
        case .notSampled: "not in the rule's sample"
        case .suppressed: "the address gets no more of this"
        case .reachable: "mail reaches the customer, so nobody need call"
        case .overtaken: "a higher rung was due already when the event was first seen"
        case .byHand: "somebody cancelled it: regards outbox cancel"
        }
    }
}

extension HoldReason {
    package var words: String {
        switch self {
        case .eventOpen(let kind): "waits while a \(kind) is open"
        case .inDoubt: "nobody knows whether it arrived; say so with regards outbox settle"
        case .paused: "waits until a pause ends"
        case .approval: "waits until the rule is approved: regards approve"
        case .guardDay: "far more is due today than was planned; waits for regards approve --day"
        case .byHand: "somebody holds it; waits for regards outbox release"
        case .customersMissing: "most customers are missing, this one too; waits until they are back, or for regards approve --customers"
        }
    }
}

extension DeferralReason {
    package var words: String {
        switch self {
        case .relayDown: "the relay could not be reached"
        case .connectionLost: "the connection was lost"
        case .relayBusy: "the relay asked to come back later"
        case .temporary: "the relay could not take it yet"
        case .rateLimited: "the other side takes no more for now"
        case .endpointError: "the endpoint failed"
        case .shutdown: "the daemon was stopped"
        case .storage: "it could not be written to the disk"
        }
    }
}

extension RefusalReason {
    package var words: String {
        switch self {
        case .addressInvalid: "the address cannot be used"
        case .addressNeedsUTF8: "the relay takes no addresses like this"
        case .senderRefused: "the relay refused the sender"
        case .recipientRefused: "the relay refused the recipient"
        case .messageRefused: "the relay refused the message"
        case .tooLarge: "the message is too large for the relay"
        case .endpointGone: "the endpoint is gone"
        case .endpointRefused: "the endpoint refused it"
        case .cardFailed: "the card could not be made for this customer"
        case .attemptsUsedUp: "every attempt was used up"
        }
    }
}

extension SuppressionReason {
    package var words: String {
        switch self {
        case .request: "they asked for no more"
        case .bounce: "the address refuses mail"
        case .complaint: "they told their provider that it was unwanted"
        }
    }
}

extension CustomerProblem {
    /// Behind the name of a column and its value.
    package var predicate: String {
        switch self {
        case .unknownZone: "names no zone of tzdata"
        case .badAddress: "is no mail address that can be used"
        case .badDate: "is no date"
        case .unknownCalendar: "names no calendar"
        case .lunarWithoutYear: "has no year, which a lunar birthday needs"
        case .outsideLunarCalendar: "lies outside the lunar calendar's years, 1900 to 2100"
        case .unknownFeast: "names a feast that nobody knows"
        case .withoutID: "is no id"
        case .repeatedID: "comes more than once"
        case .badID: "is no id that can be served"
        }
    }
}
