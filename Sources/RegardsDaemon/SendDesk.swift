import Dispatch
import Glibc
import RegardsCalendar
package import RegardsCore
import RegardsStore
import Synchronization

/// Turns claimed rows into messages or endings: facts, decision, rendering. One for each assembly. `decide` is called on
/// one queue only, which is what makes it Sendable; all that other calls use does not change.
package final class SendDesk: @unchecked Sendable {
    package let assembly: Assembly
    /// nil where none are kept.
    let copies: SentCopies?
    private let mode: Mode
    private let facts: FactsLoader
    private let standings: StandingDesk
    private let histories: HistoryLoader
    private let listDesk: ListDesk
    private let composer: MessageComposer
    private var planner: Planner
    /// By the name of a rule: those that its conditions speak of.
    private let awaited: [String: Set<String>]

    package init(
        assembly: Assembly, mode: Mode, facts: FactsLoader, standings: StandingDesk, histories: HistoryLoader, lists: ListDesk,
        copies: SentCopies?, salt: [UInt8]
    ) {
        self.assembly = assembly
        self.copies = copies
        self.mode = mode
        self.facts = facts
        self.standings = standings
        self.histories = histories
        listDesk = lists
        composer = MessageComposer(assembly: assembly, salt: salt)
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
        let book = assembly.book
        let awaited = book.rules.indices.map { (book.rules[$0].name, book.awaitedRules(ofRule: $0)) }
        self.awaited = Dictionary(uniqueKeysWithValues: awaited.filter { !$0.1.isEmpty })
    }

    struct Outcome: Sendable {
        var ready: [ReadyOutreach] = []
        var endings: [Ending] = []
        /// One for each ending, to be told when it is durable.
        var notices: [Notice] = []
        /// What the held endings wait for.
        var holds: [HeldMessage] = []
        /// The standing of the decisions, where it held something.
        var heldUnder: Standing?
        var givenBack: [Int64] = []
        var sourceFailure: SourceError?
        var askedSource = false
        /// The ledger could not be read.
        var failure: (any Error)?
    }

    /// The ways of rows that become items of a list.
    var lists: [ChannelName] { assembly.book.lists.map(ChannelName.list) }

    private var isRedirecting: Bool {
        if case .redirect = mode { true } else { false }
    }

    /// What a first step at the limit says of the promise; nil for any other.
    private func promiseNotice(_ candidate: Candidate) -> NoticeKind? {
        let key = candidate.outreach.key
        guard candidate.position == 0, !key.step.contains("#"),
            case .limit(let span) = assembly.book.rules[candidate.rule].steps[candidate.step].time
        else { return nil }
        return span < .zero ? .nearLimit : .promiseBroken
    }

    /// What was decided of a batch, and what is to be rendered yet.
    struct Decided: Sendable {
        var outcome = Outcome()
        fileprivate var sends: Sends = []
    }

    fileprivate struct Send: Sendable {
        var row: Outreach
        var candidate: Candidate
        var facts: Facts
        var fallback: PlannedOutreach?
    }

    fileprivate typealias Sends = [Send]

    /// Facts and decisions. Called on one queue only: the planner keeps what it derived.
    /// - Parameter alarmsOnly: the customer database was unreachable a moment ago: do not ask it, and let only those
    ///   rows go that need nothing from it.
    func decide(_ rows: [Outreach], now: Instant, alarmsOnly: Bool) -> Decided {
        var decided = Decided()
        do {
            let standing = try standings.standing(now: now)
            guard !alarmsOnly else {
                alarms(rows, standing, now, &decided)
                return decided
            }
            decided.outcome.askedSource = true
            do {
                try decide(rows, standing, now, &decided)
                decideDayLists(rows, standing, now, &decided.outcome)
            } catch let error as SourceError {
                decided.outcome.sourceFailure = error
                alarms(rows, standing, now, &decided)
            }
        } catch {
            decided.outcome.failure = error
            decided.outcome.givenBack = rows.map(\.id)
        }
        return decided
    }

    private func decide(_ rows: [Outreach], _ standing: Standing, _ now: Instant, _ decided: inout Decided) throws {
        let loaded = try facts.load(for: rows, planner.book, now: now)
        var behind = try RowsBehind(rows, awaited: awaited, planner, now: now, open: facts.open(customers:))
        for index in behind.inOrder(rows, planner) where DayList.owner(of: rows[index].key) == nil {
            let row = rows[index]
            if let wait = behind.wait(of: row) {
                let next = Ending.Next.retry(notBefore: now + wait, reason: RowsBehind.reason, givesAttemptBack: false)
                decided.outcome.endings.append(Ending(id: row.id, next))
                continue
            }
            let endings = decided.outcome.endings.count
            decide(row, loaded[index], standing, now, &decided)
            if decided.outcome.endings.count > endings { behind.end(row.id) }
        }
    }

    // MARK: The day's lists

    private func decideDayLists(_ rows: [Outreach], _ standing: Standing, _ now: Instant, _ outcome: inout Outcome) {
        let own = rows.compactMap { row in DayList.owner(of: row.key).map { (row, $0) } }
        guard !own.isEmpty else { return }
        do {
            let open = try listDesk.open(now: now)
            for (row, owner) in own { try decideDayList(row, owner, open, standing, now, &outcome) }
        } catch {
            // Those that are decided already are not given back.
            let decided = Set(outcome.ready.map(\.outreach.id) + outcome.endings.map(\.id))
            outcome.givenBack += own.map(\.0.id).filter { !decided.contains($0) }
            if let failure = error as? SourceError { outcome.sourceFailure = failure } else { outcome.failure = error }
        }
    }

    private func decideDayList(
        _ row: Outreach, _ owner: String, _ open: [ListDesk.OpenItem], _ standing: Standing, _ now: Instant,
        _ outcome: inout Outcome
    ) throws {
        do {
            switch try listDesk.decide(row, owner, open: open, mode: mode, standing: standing, now: now) {
            case .send(let composed):
                outcome.ready.append(
                    ReadyOutreach(
                        outreach: row, composed: composed, isRedirected: isRedirecting,
                        ifInDoubt: assembly.book.house.ifInDoubt, ofPromise: nil,
                        mark: SendMark(id: row.id, card: composed.card), decidedAt: now))
            case .end(let next):
                if next == .held(.paused) { outcome.heldUnder = standing }
                outcome.endings.append(Ending(id: row.id, next))
                outcome.notices.append(Notice(next, about: row))
            }
        } catch let error as ComposingError {
            fail(row, error, &outcome)
        }
    }

    private func alarms(_ rows: [Outreach], _ standing: Standing, _ now: Instant, _ decided: inout Decided) {
        for row in rows { alarm(row, standing, now, &decided) }
    }

    private func decide(
        _ row: Outreach, _ facts: Facts, _ standing: Standing, _ now: Instant, _ decided: inout Decided
    ) {
        let (candidate, decision) = planner.decide(row.key, facts: facts, standing: standing, now: now)
        func end(_ next: Ending.Next, _ kind: NoticeKind, _ reason: String) {
            decided.outcome.endings.append(Ending(id: row.id, next))
            decided.outcome.notices.append(Notice(kind, about: row, reason: reason, detail: decision.because))
        }
        switch decision.verdict {
        case .send:
            guard let candidate else { return decided.outcome.givenBack.append(row.id) }
            if let target = planner.book.rules[candidate.rule].list(of: candidate) {
                guard mode != .rehearse else { return end(.skipped(.rehearsed), .skipped, SkipReason.rehearsed.description) }
                end(.listed(item(target, candidate, facts)), .listed, target.name)
            } else {
                decided.sends.append(send(row, candidate, facts))
            }
        case .move(let later):
            guard let candidate else { return decided.outcome.givenBack.append(row.id) }
            var moved = MovedDue(candidate.outreach)
            moved.dueAt = later
            decided.outcome.endings.append(Ending(id: row.id, .moved(moved)))
        case .hold(let reason):
            end(.held(reason), .held, reason.description)
            if case .eventOpen(let kind) = reason {
                decided.outcome.holds.append(HeldMessage(customer: row.key.customer, kind: kind))
            } else {
                decided.outcome.heldUnder = standing
            }
        case .skip(let reason): end(.skipped(reason), .skipped, reason.description)
        case .cancel(let reason): end(.cancelled(reason), .cancelled, reason.rawValue)
        }
    }

    private func send(_ row: Outreach, _ candidate: Candidate, _ facts: Facts) -> Send {
        Send(row: row, candidate: candidate, facts: facts, fallback: planner.fallback(of: candidate))
    }

    /// See `StandingDesk.release`.
    func release(heldUnder then: Standing, now: Instant) throws -> Int { try standings.release(heldUnder: then, now: now) }

    /// An item is for whoever holds the role now; what is to be done stands in the rule.
    private func item(_ target: ListTarget, _ candidate: Candidate, _ facts: Facts) -> NewListItem {
        let house = planner.book.house
        let people = house.contacts(target.role, for: facts.customer, on: house.day(of: candidate.outreach.dueAt))
        let rule = planner.book.rules[candidate.rule]
        return NewListItem(
            owner: people.indices.contains(candidate.position) ? histories.key(of: people[candidate.position].address) : nil,
            why: target.why.isEmpty ? (rule.about.isEmpty ? rule.name : rule.about) : target.why)
    }

    /// What staff must be told goes out although the customer database does not answer, as far as the ledger alone
    /// can tell that it is owed. Everything else waits: nothing is cancelled for want of data.
    private func alarm(_ row: Outreach, _ standing: Standing, _ now: Instant, _ decided: inout Decided) {
        do {
            if let facts = try facts.withoutSource(row, planner.book),
                let candidate = planner.derive(row.key, facts: facts),
                case .tell = planner.book.rules[candidate.rule].steps[candidate.step].action,
                Decision.make(candidate, facts, planner.book, standing, now: now).verdict == .send
            {
                return decided.sends.append(send(row, candidate, facts))
            }
        } catch {
            // The ledger could not be read: the row waits with the others, and the next write reports the fault.
        }
        decided.outcome.givenBack.append(row.id)
    }

    // MARK: Rendering

    /// Makes the messages of what was decided to be sent. Any thread.
    func compose(_ decided: Decided, now: Instant) -> Outcome {
        var outcome = decided.outcome
        let options = MessageComposer.Options(redirect: redirection)
        let composer = composer
        // Rendering is the heavy part of preparing, and knows no order: it runs on all cores.
        let results = Parallel.map(decided.sends) { item in
            Result { () throws(ComposingError) in
                try composer.compose(item.candidate, item.facts, card: item.row.card, now: now, options: options)
            }
        }
        for (item, result) in zip(decided.sends, results) {
            switch result {
            case .success(let composed): keep(item, composed, now, &outcome)
            case .failure(let error): fail(item.row, error, &outcome)
            }
        }
        return outcome
    }

    private var redirection: Address? {
        if case .redirect(let address) = mode { address } else { nil }
    }

    private func keep(_ item: Send, _ composed: ComposedMessage, _ now: Instant, _ outcome: inout Outcome) {
        let (row, candidate) = (item.row, item.candidate)
        let leavesTheHouse = mode == .live || (isRedirecting && composed.recipient != nil)
        guard leavesTheHouse else {
            outcome.endings.append(Ending(id: row.id, .skipped(.rehearsed)))
            outcome.notices.append(Notice(.skipped, about: row, reason: SkipReason.rehearsed.description))
            return
        }
        let book = assembly.book
        outcome.ready.append(
            ReadyOutreach(
                outreach: row, composed: composed, isRedirected: isRedirecting,
                ifInDoubt: book.rules[candidate.rule].ifInDoubt ?? book.house.ifInDoubt,
                ofPromise: promiseNotice(candidate), mark: mark(row, candidate, composed, now),
                fallback: item.fallback, decidedAt: now))
    }

    /// What the ledger asks once more when the row is marked, because another mark, or another process, may have changed
    /// it since the decision. A message that is redirected takes nobody's room.
    private func mark(_ row: Outreach, _ candidate: Candidate, _ composed: ComposedMessage, _ now: Instant) -> SendMark {
        let rule = assembly.book.rules[candidate.rule]
        guard mode == .live, case .send = rule.steps[candidate.step].action, let address = composed.recipient else {
            return SendMark(id: row.id, card: composed.card)
        }
        let limits = assembly.book.house.limits
        let budgets = limits.budgets.filter { $0.purpose == nil || $0.purpose == rule.purpose }
        return SendMark(
            id: row.id, card: composed.card, address: histories.key(of: address), counts: rule.budget.counts,
            guards: SendGuards(
                budgets: rule.budget.obeys ? budgets.map { BudgetGuard($0, now: now) } : [],
                once: (rule.sameAddress ?? limits.sameAddress) == .once))
    }

    private func fail(_ row: Outreach, _ error: ComposingError, _ outcome: inout Outcome) {
        let report = AttemptReport(.refused(.cardFailed), detail: error.description)
        outcome.endings.append(Ending(id: row.id, .failed(.cardFailed)))
        outcome.notices.append(Notice(report, about: row))
    }
}

extension SendDesk.Outcome {
    /// What an outage left behind is told by rule: a line for each of a million rows would bury what matters.
    fileprivate mutating func gatherLate() {
        let late = SkipReason.late.description
        var counts: [String: Int] = [:]
        notices.removeAll { notice in
            guard notice.kind == .skipped, notice.reason == late, let rule = notice.rule else { return false }
            counts[rule, default: 0] += 1
            return true
        }
        for (rule, count) in counts.sorted(by: { $0.key < $1.key }) {
            notices.append(
                Notice(
                    .skipped, rule: rule, reason: late, count: count,
                    detail: "fell due while nothing could go; regards outbox list --state skipped --rule \(rule)"))
        }
    }
}

extension Notice {
    /// A row that ended, or waits, without having been sent.
    fileprivate init(_ next: Ending.Next, about row: Outreach) {
        switch next {
        case .held(let reason): self.init(.held, about: row, reason: reason.description)
        case .skipped(let reason): self.init(.skipped, about: row, reason: reason.description)
        case .cancelled(let reason): self.init(.cancelled, about: row, reason: reason.rawValue)
        default: self.init(.fault, about: row)
        }
    }
}

/// A batch of claimed rows and what was decided of them.
struct SendBatch: Sendable {
    let now: Instant
    /// Rows that were claimed.
    private(set) var claimed = 0
    /// Rows that were held until it was too late, and have ended.
    private(set) var expired = 0
    private(set) var decided = SendDesk.Decided()
    /// The ledger failed.
    private(set) var failure: (any Error)?

    /// Claims and decides.
    /// - Parameters:
    ///   - ways: the channels that can be used, and the lists.
    ///   - expires: ends what was held too long first.
    init(
        _ desk: SendDesk, _ outbox: any Outbox, _ limits: SendLoop.Limits, _ ways: [ChannelName], now: Instant,
        alarmsOnly: Bool, expires: Bool
    ) {
        self.now = now
        do {
            if expires { expired = try outbox.expireHeld(now: now) }
            let rows = try outbox.claim(limit: limits.claim, stale: limits.stale, now: now, channels: ways)
            claimed = rows.count
            if !rows.isEmpty { decided = desk.decide(rows, now: now, alarmsOnly: alarmsOnly) }
            if rows.count > limits.claim { decided.outcome.gatherLate() }
        } catch {
            failure = error
        }
    }
}

/// Work without order on all cores.
enum Parallel {
    /// The elements' results, in their order. Each core takes a run of neighbours, because handing out work one by one
    /// would cost as much as some of it.
    ///
    /// On queues of its own, and not by `concurrentPerform`: once a thread of Dispatch's global queues has run, Dispatch
    /// wakes up every second to see whether they need another one, for as long as the process lives.
    static func map<Element: Sendable, Made: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) -> Made
    ) -> [Made] {
        let runs = min(elements.count / 8, ProcessorCount.active * 2)
        guard runs > 1 else { return elements.map(body) }
        let work = Runs(elements, count: runs, body)
        let others = DispatchGroup()
        for _ in 1..<min(runs, ProcessorCount.active) {
            DispatchQueue(label: "regards.core").async(group: others) { work.help() }
        }
        work.help()
        others.wait()
        return work.made
    }

    /// Runs of neighbours, each for whoever comes first.
    private final class Runs<Element: Sendable, Made: Sendable>: Sendable {
        private let elements: [Element]
        private let count: Int
        private let body: @Sendable (Element) -> Made
        private let taken = Atomic<Int>(0)
        private let results = Mutex<[Int: [Made]]>([:])

        init(_ elements: [Element], count: Int, _ body: @escaping @Sendable (Element) -> Made) {
            self.elements = elements
            self.count = count
            self.body = body
        }

        /// Until no run is left.
        func help() {
            while case let run = taken.add(1, ordering: .relaxed).oldValue, run < count {
                let range = elements.count * run / count..<elements.count * (run + 1) / count
                let own = elements[range].map(body)
                results.withLock { $0[run] = own }
            }
        }

        var made: [Made] { results.withLock { results in (0..<count).flatMap { results[$0] ?? [] } } }
    }
}

/// Cores this process may use now.
enum ProcessorCount {
    static let active = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
