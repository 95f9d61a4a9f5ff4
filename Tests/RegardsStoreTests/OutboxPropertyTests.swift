import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// The outbox against a model that is a dictionary, through random plans, sendings, edits and kills.
@Suite struct OutboxPropertyTests {
    @Test(arguments: 0..<6) func behavesLikeADictionary(_ run: Int) throws {
        var random = SeededGenerator.announced("behavesLikeADictionary \(run)")
        for _ in 0..<run { _ = random.next() }
        var ledger = try Ledger(rules: Model.rules)
        var model = Model()
        for step in 0..<120 {
            model.now = model.now + .minutes(Int64.random(in: 0...90, using: &random))
            let action = try Action.allCases.randomElement(using: &random)!.perform(&ledger, &model, &random)
            let rows = try ledger.all()
            let found = Dictionary(uniqueKeysWithValues: rows.map { ($0.key, Model.Row($0)) })
            guard found == model.rows else {
                let differing = Set(found.keys).union(model.rows.keys).filter { found[$0] != model.rows[$0] }
                for key in differing {
                    let rows = "\(Model.describe(found[key])) instead of \(Model.describe(model.rows[key]))"
                    Issue.record(Failure("step \(step), \(action): \(key): \(rows)"))
                }
                return
            }
            try checkDerived(ledger, model)
        }
    }

    /// What other calls say of the same rows.
    private func checkDerived(_ ledger: Ledger, _ model: Model) throws {
        let counts = try ledger.outbox.counts(endedSince: noon - .days(1))
        for state in OutreachState.allCases {
            #expect(counts[state] == model.rows.values.count { $0.state == state })
        }
        let planned = model.rows.values.filter { $0.state == .planned }
        #expect(try ledger.outbox.earliestWake(channels: nil) == planned.map(\.wakesAt).min())
        #expect(try ledger.outbox.dueCount(until: model.now) == planned.count { $0.wakesAt < model.now })
    }
}

private struct Model {
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

    var rows: [OutreachKey: Row] = [:]
    var now = noon
    var goneRules: Set<String> = []

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
}

private enum Action: CaseIterable {
    case plan, planAgain, planHalf, event, claimAndSend, claimAndRelease, crash, editRules, settle, releaseHeld, expire

    func perform(_ ledger: inout Ledger, _ model: inout Model, _ random: inout SeededGenerator) throws -> Action {
        switch self {
        case .plan, .planAgain: try plan(ledger, &model, &random, finishes: true)
        case .planHalf: try plan(ledger, &model, &random, finishes: false)
        case .event: try event(ledger, &model, &random)
        case .claimAndSend: try send(ledger, &model, &random)
        case .claimAndRelease:
            let rows = try ledger.outbox.claim(
                limit: .random(in: 1...5, using: &random), now: model.now, channels: [.mail])
            #expect(try ledger.outbox.release(rows.map(\.id), now: model.now).isEmpty)
        case .crash: try crash(&ledger, &model, &random)
        case .editRules: try editRules(ledger, &model, &random)
        case .settle: try settle(ledger, &model, &random)
        case .releaseHeld:
            let customer = Model.customers.randomElement(using: &random)!
            let reason = HoldReason.eventOpen(kind: "complaint")
            let released = model.rows.filter {
                $0.key.customer == customer && $0.value.reason == reason.description && $0.value.state == .held
            }
            for key in released.keys { (model.rows[key]!.state, model.rows[key]!.reason) = (.planned, "") }
            #expect(try ledger.outbox.releaseHeld(customer: customer, reason: reason, now: model.now) == released.count)
        case .expire:
            var expired = 0
            for (key, row) in model.rows where row.state == .held && row.reason != "in-doubt" {
                guard let expiry = row.plan.expiresAt, expiry <= model.now else { continue }
                (model.rows[key]!.state, model.rows[key]!.reason, model.rows[key]!.endedAt) = (
                    .skipped, "late", model.now
                )
                expired += 1
            }
            #expect(try ledger.outbox.expireHeld(now: model.now) == expired)
        }
        return self
    }

    private func randomRow(
        _ customer: String, _ rule: String, _ model: Model, _ random: inout SeededGenerator
    ) -> PlannedOutreach {
        let due = model.now + .minutes(Int64.random(in: -300...600, using: &random))
        return .row(
            customer, rule: rule, occasion: ["2027", "2028"].randomElement(using: &random)!,
            step: ["send", "tell"].randomElement(using: &random)!, due: due,
            expires: Bool.random(using: &random) ? due + .hours(3) : nil,
            lane: Lane.allCases.randomElement(using: &random)!,
            hash: .random(in: 0...UInt64.max, using: &random))
    }

    private func plan(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededGenerator, finishes: Bool) throws {
        let rules = ["birthday", "monthly"].filter { !model.goneRules.contains($0) }
        let now = model.now
        let window = (now - .hours(4))..<(now + .hours(8))
        let customers = Model.customers.filter { _ in Int.random(in: 0...9, using: &random) > 0 }
        let pass = try ledger.outbox.beginPlan(rules: rules, window: window, now: model.now)
        let pages = finishes ? customers[...] : customers.prefix(customers.count / 2)
        for customer in pages {
            var rows: [OutreachKey: PlannedOutreach] = [:]
            for _ in 0..<Int.random(in: 0...3, using: &random) where !rules.isEmpty {
                let row = randomRow(customer, rules.randomElement(using: &random)!, model, &random)
                rows[row.key] = row
            }
            // Often the same as last time.
            if Bool.random(using: &random) {
                rows = model.rows.filter {
                    $0.key.customer == customer && $0.value.state == .planned && rules.contains($0.key.rule)
                }
                .mapValues(\.plan)
            }
            let before = try ledger.totalChanges()
            // Sorted, so that a seed gives the same ids again.
            let sorted = rows.values.sorted { "\($0.key)" < "\($1.key)" }
            let counts = try pass.reconcile(customers: [customer], rows: sorted) { _ in .conditionFalse }
            if counts.changes == 0 { #expect(try ledger.totalChanges() == before) }
            for row in rows.values { model.derive(row) }
            model.cancelUnsent(.conditionFalse) {
                $0.plan.key.customer == customer && rules.contains($0.plan.key.rule) && window.contains($0.plan.dueAt)
                    && rows[$0.plan.key] == nil && !($0.plan.expiresAt.map { expiry in expiry <= now } ?? false)
            }
        }
        guard finishes else { return }
        _ = try pass.finish()
        model.cancelUnsent(.customerGone) { !customers.contains($0.plan.key.customer) }
    }

    private func event(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededGenerator) throws {
        guard !model.goneRules.contains("care") else { return }
        let customer = Model.customers.randomElement(using: &random)!
        var row = randomRow(customer, "care", model, &random)
        row.key.occasion = "complaint-\(Int.random(in: 1...2, using: &random))"
        let rows = Bool.random(using: &random) ? [row] : []
        let occasion = row.key.occasion
        try ledger.outbox.reconcileEvents(
            [EventPlan(customer: customer, occasion: occasion, rules: ["care"], rows: rows) { _ in .eventEnded }],
            now: model.now)
        for row in rows { model.derive(row) }
        model.cancelUnsent(.eventEnded) {
            $0.plan.key.customer == customer && $0.plan.key.rule == "care" && $0.plan.key.occasion == occasion
                && !rows.map(\.key).contains($0.plan.key)
        }
    }

    private func send(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededGenerator) throws {
        let limit = Int.random(in: 1...6, using: &random)
        let claimed = try ledger.outbox.claim(limit: limit, now: model.now, channels: [.mail])
        let due = model.rows.values.filter { $0.state == .planned && $0.wakesAt <= model.now }
        #expect(claimed.count == min(limit, due.count))
        let care = due.count { $0.plan.lane == .care }
        #expect(claimed.prefix(care).allSatisfy { $0.plan.lane == .care })
        for row in claimed { model.rows[row.key]!.state = .claimed }
        let marks = claimed.filter { _ in Bool.random(using: &random) }
        for row in marks {
            model.rows[row.key]!.state = .sending
            model.rows[row.key]!.attempts += 1
            if model.rows[row.key]!.card == nil { model.rows[row.key]!.card = "card" }
        }
        #expect(
            try ledger.outbox.commit(
                GroupCommit(now: model.now, marks: marks.map { SendMark(id: $0.id, card: "card") })
            ).isEmpty)
        // Some are left as they are, for a kill to find.
        let ended = claimed.filter { _ in Int.random(in: 0...3, using: &random) > 0 }
        var endings: [Ending] = []
        var lost: [Int64] = []
        for row in ended {
            let next = randomEnd(model, &random)
            endings.append(Ending(id: row.id, next, report: AttemptReport(.delivered)))
            if next == .sent, model.rows[row.key]!.state != .sending {
                lost.append(row.id)
            } else {
                model.rows[row.key]!.end(next, model.now)
            }
        }
        #expect(try ledger.outbox.commit(GroupCommit(now: model.now, endings: endings)) == CommitReport(lost: lost))
    }

    private func randomEnd(_ model: Model, _ random: inout SeededGenerator) -> Ending.Next {
        switch Int.random(in: 0...7, using: &random) {
        case 0, 1: .sent
        case 2: .failed(.messageRefused)
        case 3: .skipped(.late)
        case 4: .cancelled(.doNotContact)
        case 5: .held(Bool.random(using: &random) ? .inDoubt : .eventOpen(kind: "complaint"))
        case 6: .retry(notBefore: model.now + .minutes(30), reason: "temporary", givesAttemptBack: false)
        default: .retry(notBefore: nil, reason: "relay-down", givesAttemptBack: true)
        }
    }

    private func crash(_ ledger: inout Ledger, _ model: inout Model, _ random: inout SeededGenerator) throws {
        let policy = InDoubtPolicy.allCases.randomElement(using: &random)!
        let recovery = try ledger.restart(now: model.now, ifInDoubt: policy)
        #expect(recovery.unclaimed == model.rows.values.count { $0.state == .claimed })
        #expect(Set(recovery.inDoubt.map(\.key)) == Set(model.rows.filter { $0.value.state == .sending }.keys))
        for (key, row) in model.rows where row.state == .claimed || row.state == .sending {
            if row.state == .sending, policy == .ask {
                (model.rows[key]!.state, model.rows[key]!.reason) = (.held, "in-doubt")
            } else if model.goneRules.contains(key.rule) {
                model.rows[key]!.cancel(.ruleGone, model.now)
            } else {
                (model.rows[key]!.state, model.rows[key]!.reason) = (.planned, "")
            }
        }
    }

    private func editRules(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededGenerator) throws {
        let kept = Model.rules.filter { _ in Int.random(in: 0...3, using: &random) > 0 }
        let report = try ledger.outbox.adoptRules(kept.map { RuleAdoption(name: $0, hash: 1) }, now: model.now)
        let gone = Set(Model.rules).subtracting(kept)
        #expect(Set(report.vanished.map(\.name)) == gone.subtracting(model.goneRules))
        let vanished = gone.subtracting(model.goneRules)
        model.cancelUnsent(.ruleGone) { vanished.contains($0.plan.key.rule) }
        model.goneRules = gone
    }

    private func settle(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededGenerator) throws {
        guard
            let row = try ledger.outbox.list(OutreachFilter(states: [.held]), limit: 100, after: 0).randomElement(
                using: &random)
        else { return }
        let settlement = Settlement.allCases.randomElement(using: &random)!
        guard row.reason == "in-doubt" else {
            #expect(throws: OutboxError.notInDoubt(id: row.id)) {
                try ledger.outbox.settle(row.id, as: settlement, now: model.now)
            }
            return
        }
        try ledger.outbox.settle(row.id, as: settlement, now: model.now)
        model.rows[row.key]!.notBefore = nil
        model.rows[row.key]!.reason = ""
        model.rows[row.key]!.state = settlement == .sent ? .sent : .planned
        model.rows[row.key]!.endedAt = settlement == .sent ? model.now : nil
    }
}

extension Model.Row {
    fileprivate mutating func end(_ next: Ending.Next, _ now: Instant) {
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

extension Model {
    fileprivate static func describe(_ row: Row?) -> String {
        row.map { "\($0.state) \($0.reason) due \($0.plan.dueAt) attempts \($0.attempts)" } ?? "none"
    }
}
