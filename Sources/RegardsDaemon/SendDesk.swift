import Dispatch
import RegardsCalendar
package import RegardsCore
import RegardsStore
import Synchronization

/// Turns claimed rows into messages or endings: facts, decision, rendering. One for each assembly; used by the send
/// loop's queue only, which is what makes it Sendable.
package final class SendDesk: @unchecked Sendable {
    package let assembly: Assembly
    private let mode: Mode
    private let facts: FactsLoader
    private let composer: MessageComposer
    private var planner: Planner

    package init(assembly: Assembly, mode: Mode, facts: FactsLoader, salt: [UInt8]) {
        self.assembly = assembly
        self.mode = mode
        self.facts = facts
        composer = MessageComposer(assembly: assembly, salt: salt)
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    struct Outcome {
        var ready: [ReadyOutreach] = []
        var endings: [Ending] = []
        /// One for each ending, to be told when it is durable.
        var notices: [Notice] = []
        /// What the held endings wait for.
        var holds: [HeldMessage] = []
        var givenBack: [Int64] = []
        var sourceFailure: SourceError?
        var askedSource = false
        /// The ledger could not be read.
        var failure: (any Error)?
    }

    private var isRedirecting: Bool {
        if case .redirect = mode { true } else { false }
    }

    /// What a first step at the limit says of the promise; nil for any other.
    private func promiseNotice(_ candidate: Candidate) -> NoticeKind? {
        let key = candidate.outreach.key
        guard candidate.position == 0, !key.step.contains("#"),
            case .limit(let span) = planner.book.rules[candidate.rule].steps[candidate.step].time
        else { return nil }
        return span < .zero ? .nearLimit : .promiseBroken
    }

    /// - Parameter alarmsOnly: the customer database was unreachable a moment ago: do not ask it, and let only those
    ///   rows go that need nothing from it.
    func prepare(_ rows: [Outreach], now: Instant, alarmsOnly: Bool) -> Outcome {
        var outcome = Outcome()
        var loaded: [Facts]?
        if !alarmsOnly {
            outcome.askedSource = true
            do {
                loaded = try facts.load(for: rows, planner.book)
            } catch let error as SourceError {
                outcome.sourceFailure = error
            } catch {
                outcome.failure = error
                outcome.givenBack = rows.map(\.id)
                return outcome
            }
        }
        var sends: [(row: Outreach, candidate: Candidate, facts: Facts)] = []
        for (index, row) in rows.enumerated() {
            guard let loaded else {
                alarm(row, now, &outcome, &sends)
                continue
            }
            decide(row, loaded[index], now, &outcome, &sends)
        }
        compose(sends, now, &outcome)
        return outcome
    }

    private typealias Sends = [(row: Outreach, candidate: Candidate, facts: Facts)]

    private func decide(_ row: Outreach, _ facts: Facts, _ now: Instant, _ outcome: inout Outcome, _ sends: inout Sends) {
        let (candidate, decision) = planner.decide(row.key, facts: facts, now: now)
        func end(_ next: Ending.Next, _ kind: NoticeKind, _ reason: String) {
            outcome.endings.append(Ending(id: row.id, next))
            outcome.notices.append(Notice(kind, about: row, reason: reason, detail: decision.because))
        }
        switch decision.verdict {
        case .send:
            guard let candidate else { return outcome.givenBack.append(row.id) }
            sends.append((row, candidate, facts))
        case .move:
            guard let candidate else { return outcome.givenBack.append(row.id) }
            outcome.endings.append(Ending(id: row.id, .moved(MovedDue(candidate.outreach))))
        case .hold(let reason):
            end(.held(reason), .held, reason.description)
            if case .eventOpen(let kind) = reason { outcome.holds.append(HeldMessage(customer: row.key.customer, kind: kind)) }
        case .skip(let reason): end(.skipped(reason), .skipped, reason.description)
        case .cancel(let reason): end(.cancelled(reason), .cancelled, reason.rawValue)
        }
    }

    /// What staff must be told goes out although the customer database does not answer, as far as the ledger alone
    /// can tell that it is owed. Everything else waits: nothing is cancelled for want of data.
    private func alarm(_ row: Outreach, _ now: Instant, _ outcome: inout Outcome, _ sends: inout Sends) {
        do {
            if let facts = try facts.withoutSource(row, planner.book),
                let candidate = planner.derive(row.key, facts: facts),
                case .tell = planner.book.rules[candidate.rule].steps[candidate.step].action,
                Decision.make(candidate, facts, planner.book, now: now).verdict == .send
            {
                return sends.append((row, candidate, facts))
            }
        } catch {
            // The ledger could not be read: the row waits with the others, and the next write reports the fault.
        }
        outcome.givenBack.append(row.id)
    }

    // MARK: Rendering

    private func compose(_ sends: Sends, _ now: Instant, _ outcome: inout Outcome) {
        let options = MessageComposer.Options(redirect: redirection)
        let results = Mutex([Result<ComposedMessage, ComposingError>?](repeating: nil, count: sends.count))
        let composer = composer
        // Rendering is the only heavy work of the path, and knows no order: it runs on all cores.
        concurrently(sends) { index, item in
            let result = Result { () throws(ComposingError) in
                try composer.compose(item.candidate, item.facts, card: item.row.card, now: now, options: options)
            }
            results.withLock { $0[index] = result }
        }
        for (item, result) in zip(sends, results.withLock { $0 }) {
            switch result {
            case .success(let composed): keep(item.row, item.candidate, composed, &outcome)
            case .failure(let error): fail(item.row, error, &outcome)
            case nil: outcome.givenBack.append(item.row.id)
            }
        }
    }

    private func concurrently(_ sends: Sends, _ body: @escaping @Sendable (Int, (row: Outreach, candidate: Candidate, facts: Facts)) -> Void) {
        guard sends.count > 1 else { return sends.enumerated().forEach { body($0, $1) } }
        DispatchQueue.concurrentPerform(iterations: sends.count) { body($0, sends[$0]) }
    }

    private var redirection: Address? {
        if case .redirect(let address) = mode { address } else { nil }
    }

    private func keep(_ row: Outreach, _ candidate: Candidate, _ composed: ComposedMessage, _ outcome: inout Outcome) {
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
                ofPromise: promiseNotice(candidate)))
    }

    private func fail(_ row: Outreach, _ error: ComposingError, _ outcome: inout Outcome) {
        let report = AttemptReport(.refused(.cardFailed), detail: error.description)
        outcome.endings.append(Ending(id: row.id, .failed(.cardFailed)))
        outcome.notices.append(Notice(report, about: row))
    }
}
