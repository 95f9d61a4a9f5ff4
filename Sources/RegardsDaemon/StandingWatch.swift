import RegardsCalendar
import RegardsCore
import RegardsStore
import Synchronization

/// Follows what commands write into the ledger beside a running daemon: pauses, approvals, guards. Tells of each change
/// once, and sets free what waited for it. Lives as long as the daemon, over reloads.
///
/// `look` belongs to the event queue; waiting rules come from any.
final class StandingWatch: Sendable {
    private struct State {
        /// nil before the first look.
        var standing: Standing?
        var figures = GuardFigures()
        /// Rules that were told to wait, as they were then.
        var waiting: [GuardDesk.WaitingRule] = []
    }

    private let outbox: any Outbox
    private let announcer: any Announcer
    private let state = Mutex(State())

    init(outbox: any Outbox, announcer: any Announcer) {
        self.outbox = outbox
        self.announcer = announcer
    }

    /// Rules that wait for approval are told once, whatever is reloaded meanwhile.
    func tell(_ rules: [GuardDesk.WaitingRule]) {
        for rule in rules {
            let isNews = state.withLock { state in
                guard !state.waiting.contains(where: { $0.rule == rule.rule && $0.hash == rule.hash }) else { return false }
                state.waiting.removeAll { $0.rule == rule.rule }
                state.waiting.append(rule)
                return true
            }
            guard isNews else { continue }
            announcer.announce(Notice(.guardTripped, rule))
        }
    }

    /// What holds messages back, for a sentence about how things stand.
    /// - Throws: `OutboxError`.
    func words(at now: Instant) throws -> [String] {
        let (waiting, figures) = (state.withLock { $0.waiting.count }, try outbox.guardFigures())
        let pauses = try outbox.pauses(at: now).count
        var words: [String] = []
        if pauses > 0 { words.append(Words.count(pauses, "pause")) }
        if waiting > 0 { words.append("\(Words.count(waiting, "rule")) to approve") }
        if figures.trippedSince != nil { words.append("guard.day tripped") }
        if figures.collapsedSince != nil { words.append("customers missing") }
        return words
    }

    /// - Parameter thorough: also what no change was seen for is set free: after a start, a reload, and from time to
    ///   time.
    /// - Returns: how many rows were set free.
    /// - Throws: `OutboxError`.
    func look(_ standings: StandingDesk, thorough: Bool, now: Instant) throws -> Int {
        let standing = try standings.read(now: now)
        let before = state.withLock { state in
            defer { state.standing = standing }
            return state.standing
        }
        tellPauses(before?.pauses ?? [], standing.pauses, now)
        tellApprovals(standing, isGuarding: standings.isGuarding)
        try lookAtGuards()
        return try standings.release(heldUnder: thorough ? nil : before, now: now)
    }

    /// Tells what a guard found, or that somebody has answered it. On any queue.
    /// - Throws: `OutboxError`.
    func lookAtGuards() throws {
        let figures = try outbox.guardFigures()
        let before = state.withLock { state in
            defer { state.figures = figures }
            return state.figures
        }
        tellGuards(before, figures)
    }

    private func tellPauses(_ before: [Pause], _ pauses: [Pause], _ now: Instant) {
        for pause in pauses where !before.contains(where: { $0.id == pause.id }) { announcer.announce(Notice(.paused, pause)) }
        for pause in before where !pauses.contains(where: { $0.id == pause.id }) {
            var notice = Notice(.resumed, pause)
            notice.until = nil
            notice.detail = pause.until.map { $0 <= now } ?? false ? "\(pause.words): its time is over" : "\(pause.words): lifted"
            announcer.announce(notice)
        }
    }

    private func tellApprovals(_ standing: Standing, isGuarding: Bool) {
        let approved = state.withLock { state in
            defer { state.waiting.removeAll { !standing.unapproved.contains($0.rule) } }
            return state.waiting.filter { !standing.unapproved.contains($0.rule) }
        }
        // Where nobody is mailed nothing waits, and nothing was approved either.
        for rule in approved where isGuarding { announcer.announce(Notice(.approved, rule: rule.rule, count: rule.messages)) }
    }

    private func tellGuards(_ before: GuardFigures, _ now: GuardFigures) {
        switch (before.trippedSince, now.trippedSince) {
        case (nil, _?): announcer.announce(Notice(.guardTripped, reason: "day", count: now.added, detail: now.dayWords))
        case (_?, nil): announcer.announce(Notice(.approved, reason: "day", count: before.added))
        default: break
        }
        switch (before.collapsedSince, now.collapsedSince) {
        case (nil, _?): announcer.announce(Notice(.guardTripped, reason: "customers", count: now.customersSeen, detail: now.customersWords))
        case (_?, nil) where now.customers == before.customersSeen:
            announcer.announce(Notice(.approved, reason: "customers", count: now.customers))
        case (_?, nil): announcer.announce(Notice(.resumed, reason: "customers", count: now.customers, detail: "the customers are back"))
        default: break
        }
    }
}

extension GuardFigures {
    /// Why the guard of the day holds messages, and what to do.
    package var dayWords: String {
        "\(Words.count(added ?? 0, "message")) appeared in hours that had been planned with \(planned ?? 0), as after a "
            + "mistake in a query: mend it, then, or if they are meant: regards approve --day"
    }

    /// Why nobody's messages are cancelled, and what to do.
    package var customersWords: String {
        "\(Words.count(customersSeen ?? 0, "customer")) instead of \(customers ?? 0): messages for those who are "
            + "missing wait until they are back, or if it is meant: regards approve --customers"
    }
}

extension Notice {
    fileprivate init(_ kind: NoticeKind, _ waiting: GuardDesk.WaitingRule) {
        self.init(kind, rule: waiting.rule, count: waiting.messages, detail: waiting.words)
    }

    /// - Parameter pause: its reason is a person's words, and stays in the ledger.
    fileprivate init(_ kind: NoticeKind, _ pause: Pause) {
        self.init(kind, until: pause.until, detail: pause.words)
        switch pause.scope {
        case .rule(let name): rule = name
        case .customer(let id): customer = id
        case .purpose(let purpose): reason = purpose.rawValue
        case .all: break
        }
    }
}

extension GuardDesk.WaitingRule {
    /// Why the rule waits, and what to do.
    package var words: String {
        "it would send \(Words.count(messages, "message")) in its first 31 days, and guard.new_rule is \(limit): "
            + "look at it and say yes with regards approve \(rule)"
    }
}

extension Pause {
    /// `pause 3 of everything`: who it is about stands in the notice's own fields.
    fileprivate var words: String {
        let scope =
            switch scope {
            case .all: "everything"
            case .rule: "a rule"
            case .customer: "a customer"
            case .purpose(let purpose): "all of purpose \(purpose.rawValue)"
            }
        return "pause \(id) of \(scope)"
    }
}
