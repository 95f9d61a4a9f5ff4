import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsStore

/// The outbox against a model that is a dictionary, through random plans, sendings, edits and kills.
@Suite struct OutboxPropertyTests {
    @Test(arguments: 0..<6) func behavesLikeADictionary(_ run: Int) throws {
        var random = SeededGenerator("behavesLikeADictionary \(run)")
        for _ in 0..<run { _ = random.next() }
        var ledger = try Ledger(rules: OutboxModel.rules)
        var model = OutboxModel()
        for step in 0..<120 {
            model.now = model.now + .minutes(Int64.random(in: 0...90, using: &random))
            let action = try Action.allCases.randomElement(using: &random)!.perform(&ledger, &model, &random)
            let rows = try ledger.all()
            let found = Dictionary(uniqueKeysWithValues: rows.map { ($0.key, OutboxModel.Row($0)) })
            guard found == model.rows else {
                let differing = Set(found.keys).union(model.rows.keys).filter { found[$0] != model.rows[$0] }
                for key in differing {
                    let rows = "\(OutboxModel.describe(found[key])) instead of \(OutboxModel.describe(model.rows[key]))"
                    Issue.record(Failure("step \(step), \(action): \(key): \(rows)"))
                }
                return
            }
            try checkDerived(ledger, model)
        }
    }

    /// What other calls say of the same rows.
    private func checkDerived(_ ledger: Ledger, _ model: OutboxModel) throws {
        let counts = try ledger.outbox.counts(endedSince: noon - .days(1))
        for state in OutreachState.allCases {
            #expect(counts[state] == model.rows.values.count { $0.state == state })
        }
        let planned = model.rows.values.filter { $0.state == .planned }
        #expect(try ledger.outbox.earliestWake(channels: nil) == planned.map(\.wakesAt).min())
        #expect(try ledger.outbox.dueCount(until: model.now) == planned.count { $0.wakesAt < model.now })
        try checkHistories(ledger, model)
    }

    private func checkHistories(_ ledger: Ledger, _ model: OutboxModel) throws {
        let since = model.now - .hours(8)
        let customers = OutboxModel.customers
        let addresses = Dictionary(uniqueKeysWithValues: customers.map { ($0, OutboxModel.address($0)) })
        let histories = try ledger.outbox.histories(
            HistoryQuestion(customers: customers, addresses: addresses, since: since, received: Set(OutboxModel.rules)))
        for customer in customers {
            let history = try #require(histories[customer])
            let contacts = model.contacts(OutboxModel.address(customer)).filter { $0.reach.at >= since }
            let wanted = contacts.map { key, row, reach in
                PastContact(
                    customer: key.customer, rule: key.rule, step: key.step, occasion: key.occasion, at: reach.at,
                    localDate: row.plan.localDate, card: row.card, hasEnded: row.state != .sending,
                    counts: reach.counts, purpose: OutboxModel.purpose(key.rule))
            }
            #expect(Set(history.toAddress) == Set(wanted) && history.toAddress.count == wanted.count)
            #expect(history.toAddress.map(\.at) == history.toAddress.map(\.at).sorted(by: >))
            let arrivals = model.rows.filter { $0.key.customer == customer && $0.value.state == .sent }
            let last = Dictionary(arrivals.map { ($0.key.rule, $0.value.endedAt!) }, uniquingKeysWith: max)
            #expect(history.lastReceived == last)
        }
    }
}

private enum Action: CaseIterable {
    case plan, planAgain, planHalf, event, claimAndSend, claimAndRelease, crash, editRules, settle, releaseHeld, expire
    case pause, releasePaused

    func perform(_ ledger: inout Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws -> Action {
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
            let customer = OutboxModel.customers.randomElement(using: &random)!
            let reason = HoldReason.eventOpen(kind: "complaint")
            let released = model.rows.filter {
                $0.key.customer == customer && $0.value.reason == reason.description && $0.value.state == .held
            }
            for key in released.keys { (model.rows[key]!.state, model.rows[key]!.reason) = (.planned, "") }
            #expect(try ledger.outbox.releaseHeld(customer: customer, reason: reason, now: model.now) == released.count)
        case .pause: try pause(ledger, &model, &random)
        case .releasePaused: try releasePaused(ledger, &model, &random)
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
        _ customer: String, _ rule: String, _ model: OutboxModel, _ random: inout SeededGenerator
    ) -> PlannedOutreach {
        let due = model.now + .minutes(Int64.random(in: -300...600, using: &random))
        return .row(
            customer, rule: rule, occasion: ["2027", "2028"].randomElement(using: &random)!,
            step: ["send", "tell"].randomElement(using: &random)!, due: due,
            expires: Bool.random(using: &random) ? due + .hours(3) : nil,
            lane: Lane.allCases.randomElement(using: &random)!,
            hash: .random(in: 0...UInt64.max, using: &random))
    }

    private func plan(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator, finishes: Bool) throws {
        let rules = ["birthday", "monthly"].filter { !model.goneRules.contains($0) }
        let now = model.now
        let window = (now - .hours(4))..<(now + .hours(8))
        let customers = OutboxModel.customers.filter { _ in Int.random(in: 0...9, using: &random) > 0 }
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
        model.cancelUnsent(.customerGone) { !customers.contains($0.plan.key.customer) && rules.contains($0.plan.key.rule) }
    }

    private func event(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
        guard !model.goneRules.contains("care") else { return }
        let customer = OutboxModel.customers.randomElement(using: &random)!
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

    private func send(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
        let limit = Int.random(in: 1...6, using: &random)
        let claimed = try ledger.outbox.claim(limit: limit, now: model.now, channels: [.mail])
        let due = model.rows.values.filter { $0.state == .planned && $0.wakesAt <= model.now }
        #expect(claimed.count == min(limit, due.count))
        let care = due.count { $0.plan.lane == .care }
        #expect(claimed.prefix(care).allSatisfy { $0.plan.lane == .care })
        for row in claimed { model.rows[row.key]!.state = .claimed }
        let marks = claimed.filter { _ in Bool.random(using: &random) }.map { ($0, randomMark($0, model, &random)) }
        var refused: [RefusedMark] = []
        for (row, mark) in marks {
            if let reason = model.mark(mark, row.key) { refused.append(RefusedMark(row.id, reason)) }
        }
        #expect(
            try ledger.outbox.commit(GroupCommit(now: model.now, marks: marks.map(\.1))) == CommitReport(refused: refused))
        // Some are left as they are, for a kill to find.
        let ended = claimed.filter { _ in Int.random(in: 0...3, using: &random) > 0 }
        var endings: [Ending] = []
        var lost: [Int64] = []
        for row in ended {
            let next = randomEnd(model, &random)
            endings.append(Ending(id: row.id, next, report: AttemptReport(.delivered)))
            let state = model.rows[row.key]!.state
            if state == .planned || (next == .sent && state != .sending) {
                lost.append(row.id)
            } else {
                if next == .held(.inDoubt) { model.reach[row.key]?.at = model.now }
                model.rows[row.key]!.end(next, model.now)
            }
        }
        #expect(try ledger.outbox.commit(GroupCommit(now: model.now, endings: endings)) == CommitReport(lost: lost))
    }

    private func randomMark(_ row: Outreach, _ model: OutboxModel, _ random: inout SeededGenerator) -> SendMark {
        let budgets: [BudgetGuard] = [
            BudgetGuard(atMost: 2, since: model.now - .hours(6)),
            BudgetGuard(purpose: .greeting, atMost: 1, since: model.now - .hours(3)),
        ]
        return SendMark(
            id: row.id, card: "card", address: OutboxModel.address(row.key.customer), counts: .random(using: &random),
            guards: SendGuards(
                budgets: budgets.filter { _ in Bool.random(using: &random) }, once: .random(using: &random)))
    }

    private func pause(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
        if let pause = model.pauses.randomElement(using: &random), Bool.random(using: &random) {
            let isOpen = pause.until.map { model.now < $0 } ?? true
            #expect(try ledger.outbox.liftPause(pause.id, now: model.now) == isOpen)
            model.pauses.removeAll { $0.id == pause.id }
        } else {
            let scopes: [Pause.Scope] = [
                .all, .rule(OutboxModel.rules.randomElement(using: &random)!),
                .customer(OutboxModel.customers.randomElement(using: &random)!), .purpose(.care), .purpose(.survey),
            ]
            let until = Bool.random(using: &random) ? model.now + .hours(2) : nil
            model.pauses.append(
                try ledger.outbox.addPause(
                    scopes.randomElement(using: &random)!, until: until, reason: "", now: model.now))
        }
        let now = model.now
        #expect(try ledger.outbox.pauses(at: now) == model.pauses.filter { $0.until.map { now < $0 } ?? true })
    }

    private func releasePaused(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
        let rule = Bool.random(using: &random) ? OutboxModel.rules.randomElement(using: &random) : nil
        let released = model.rows.filter { key, row in
            row.state == .held && row.reason == "paused" && (rule == nil || rule == key.rule) && !model.isPaused(key)
        }
        for key in released.keys { (model.rows[key]!.state, model.rows[key]!.reason) = (.planned, "") }
        #expect(try ledger.outbox.releaseHeld(rule: rule, reason: .paused, now: model.now) == released.count)
    }

    private func randomEnd(_ model: OutboxModel, _ random: inout SeededGenerator) -> Ending.Next {
        switch Int.random(in: 0...7, using: &random) {
        case 0, 1: .sent
        case 2: .failed(.messageRefused)
        case 3: .skipped(.late)
        case 4: .cancelled(.doNotContact)
        case 5: .held([.inDoubt, .eventOpen(kind: "complaint"), .paused].randomElement(using: &random)!)
        case 6: .retry(notBefore: model.now + .minutes(30), reason: "temporary", givesAttemptBack: false)
        default: .retry(notBefore: nil, reason: "relay-down", givesAttemptBack: true)
        }
    }

    private func crash(_ ledger: inout Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
        let policy = InDoubtPolicy.allCases.randomElement(using: &random)!
        let recovery = try ledger.restart(now: model.now, ifInDoubt: policy)
        #expect(recovery.unclaimed == model.rows.values.count { $0.state == .claimed })
        #expect(Set(recovery.inDoubt.map(\.key)) == Set(model.rows.filter { $0.value.state == .sending }.keys))
        for (key, row) in model.rows where row.state == .claimed || row.state == .sending {
            if row.state == .sending, policy == .ask {
                (model.rows[key]!.state, model.rows[key]!.reason) = (.held, "in-doubt")
                model.reach[key]?.at = model.now
            } else if model.goneRules.contains(key.rule) {
                model.rows[key]!.cancel(.ruleGone, model.now)
            } else {
                (model.rows[key]!.state, model.rows[key]!.reason) = (.planned, "")
            }
        }
    }

    private func editRules(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
        let kept = OutboxModel.rules.filter { _ in Int.random(in: 0...3, using: &random) > 0 }
        let report = try ledger.outbox.adoptRules(kept.map { RuleAdoption(name: $0, hash: 1) }, now: model.now)
        let gone = Set(OutboxModel.rules).subtracting(kept)
        #expect(Set(report.vanished.map(\.name)) == gone.subtracting(model.goneRules))
        let vanished = gone.subtracting(model.goneRules)
        model.cancelUnsent(.ruleGone) { vanished.contains($0.plan.key.rule) }
        model.goneRules = gone
    }

    private func settle(_ ledger: Ledger, _ model: inout OutboxModel, _ random: inout SeededGenerator) throws {
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
