import RegardsCalendar
import RegardsCore

@testable import RegardsStore

/// What the outbox should hold, as a dictionary.
struct OutboxModel {
    static let rules = ["birthday", "monthly", "care"]
    static let customers = (1...8).map(String.init)

    struct Row: Hashable {
        var plan: PlannedOutreach
        var state = OutreachState.planned
        var reason = ""
        var notBefore: Instant?
        var card: String?
        var attempts = 0
        var endedAt: Instant?

        init(_ plan: PlannedOutreach) { self.plan = plan }

        init(_ row: Outreach) {
            plan = row.plan
            state = row.state
            reason = row.reason
            notBefore = row.notBefore
            card = row.card
            attempts = row.attempts
            endedAt = row.endedAt
        }

        var wakesAt: Instant { max(plan.dueAt, notBefore ?? plan.dueAt) }
        var isUnsent: Bool { state == .planned || (state == .held && reason != "in-doubt") }

        mutating func cancel(_ why: CancelReason, _ now: Instant) {
            (state, reason, endedAt) = (.cancelled, why.rawValue, now)
        }
    }

    /// Where a row's last attempt went.
    struct Reach: Hashable {
        var address: String
        var counts: Bool
        /// When the row came to stand as it does.
        var at: Instant
    }

    var rows: [OutreachKey: Row] = [:]
    var reach: [OutreachKey: Reach] = [:]
    var pauses: [Pause] = []
    var now = noon
    var goneRules: Set<String> = []

    /// Some customers share a mailbox.
    static func address(_ customer: String) -> String { "address-\(customer.count + (Int(customer) ?? 0) % 4)" }
    static func purpose(_ rule: String) -> Purpose { rule == "care" ? .care : .greeting }

    mutating func derive(_ plan: PlannedOutreach) {
        guard var row = rows[plan.key] else {
            rows[plan.key] = Row(plan)
            return
        }
        if row.isUnsent {
            row.plan = plan
        } else if row.state == .cancelled {
            row.plan = plan
            (row.state, row.reason, row.endedAt, row.notBefore) = (.planned, "", nil, nil)
        }
        rows[plan.key] = row
    }

    mutating func cancelUnsent(_ why: CancelReason, where isJudged: (Row) -> Bool) {
        for (key, row) in rows where row.isUnsent && isJudged(row) { rows[key]!.cancel(why, now) }
    }

    // MARK: Who was reached

    /// What went, goes or may have gone to an address.
    func contacts(_ address: String) -> [(key: OutreachKey, row: Row, reach: Reach)] {
        reach.compactMap { key, reach in
            guard reach.address == address, let row = rows[key] else { return nil }
            switch row.state {
            case .sent: return (key, row, Reach(address: address, counts: reach.counts, at: row.endedAt!))
            case .sending: return (key, row, reach)
            case .held where row.reason == "in-doubt": return (key, row, reach)
            default: return nil
            }
        }
    }

    func isPaused(_ key: OutreachKey) -> Bool {
        let purpose = OutboxModel.purpose(key.rule)
        return pauses.contains { pause in
            if case .customer = pause.scope, purpose == .care, !key.recipient.hasPrefix("customer/") { return false }
            return pause.holds(rule: key.rule, customer: key.customer, purpose: purpose, at: now)
        }
    }

    /// Why a claimed row may not be marked now; nil: it may.
    func refusal(of mark: SendMark, _ key: OutreachKey) -> RefusedMark.Reason? {
        if isPaused(key) { return .paused }
        let contacts = contacts(mark.address!)
        let own = rows[key]!
        let isDouble = contacts.contains {
            $0.key.customer != key.customer && $0.key.rule == key.rule && $0.key.step == key.step
                && $0.row.plan.localDate == own.plan.localDate
        }
        if mark.guards.once, isDouble { return .sameAddress }
        guard !mark.guards.budgets.isEmpty else { return nil }
        if contacts.contains(where: { $0.row.state == .sending && $0.reach.counts }) { return .inFlight }
        let isUsedUp = mark.guards.budgets.contains { budget in
            contacts.count {
                $0.reach.counts && $0.reach.at > budget.since
                    && (budget.purpose == nil || budget.purpose == OutboxModel.purpose($0.key.rule))
            } >= budget.atMost
        }
        return isUsedUp ? .noRoom : nil
    }

    mutating func mark(_ mark: SendMark, _ key: OutreachKey) -> RefusedMark.Reason? {
        if let reason = refusal(of: mark, key) {
            rows[key]!.state = .planned
            rows[key]!.notBefore = now + .seconds(2)
            return reason
        }
        rows[key]!.state = .sending
        rows[key]!.attempts += 1
        if rows[key]!.card == nil { rows[key]!.card = mark.card }
        reach[key] = Reach(address: mark.address!, counts: mark.counts, at: now)
        return nil
    }
}

extension OutboxModel.Row {
    mutating func end(_ next: Ending.Next, _ now: Instant) {
        notBefore = nil
        switch next {
        case .sent, .listed: (state, reason) = (.sent, "")
        case .failed(let why): (state, reason) = (.failed, why.rawValue)
        case .skipped(let why): (state, reason) = (.skipped, why.description)
        case .cancelled(let why): (state, reason) = (.cancelled, why.rawValue)
        case .held(let why): (state, reason) = (.held, why.description)
        case .retry(let until, let why, let givesBack):
            if givesBack, state == .sending { attempts -= 1 }
            (state, reason, notBefore) = (.planned, why, until)
        case .moved: break
        }
        if state.hasEnded { endedAt = now }
    }
}

extension OutboxModel {
    static func describe(_ row: Row?) -> String {
        row.map { "\($0.state) \($0.reason) due \($0.plan.dueAt) attempts \($0.attempts)" } ?? "none"
    }
}
