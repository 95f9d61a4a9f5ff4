import Dispatch
import RegardsCalendar
import RegardsCore
import RegardsStore

/// Looks for changes of the customer database, and at what commands wrote into the ledger, every two seconds. All of it
/// belongs to its queue, which is what makes it Sendable.
final class EventLoop: @unchecked Sendable {
    let queue = DispatchQueue(label: "regards.events")
    private let context: LoopContext
    private let progress: Progress
    private var workshop: Workshop
    private var metronome: Metronome!
    /// Before this nothing is looked at again: queries that last are followed by a rest as long, for the sake of those who
    /// use the customer database.
    private var restsUntil = DispatchTime.now()
    private var seenToken: ChangeToken?
    private var toldUnusable: [EventProblem: UnusableCustomers] = [:]

    init(_ workshop: Workshop, _ context: LoopContext, progress: Progress, pollEvery: TimeSpan) {
        self.context = context
        self.progress = progress
        self.workshop = workshop
        metronome = Metronome(queue: queue, every: pollEvery) { [weak self] in self?.tick() }
    }

    /// Works by another assembly from now on; the next look reads everything again.
    func change(to workshop: Workshop) {
        dispatchPrecondition(condition: .onQueue(queue))
        self.workshop = workshop
        seenToken = nil
    }

    func cancel() { metronome.cancel() }

    private func tick() {
        if DispatchTime.now() >= restsUntil { timeCame() }
    }

    /// Looks whether anything changed, and follows what did.
    func timeCame() {
        dispatchPrecondition(condition: .onQueue(queue))
        guard !context.isStopping() else { return }
        followStanding(thorough: false)
        mailLists()
        do {
            let token = try workshop.watch.changeToken()
            if token != seenToken { return _ = sync(all: false, token: token) }
        } catch {
            sourceFailed(error)
        }
    }

    /// What commands wrote into the ledger beside us: pauses, approvals.
    private func followStanding(thorough: Bool) {
        do {
            let released = try context.standingWatch.look(workshop.standings, thorough: thorough, now: context.clock.now())
            guard released > 0 else { return }
            context.announcer.announce(Notice(.released, count: released))
            context.wake()
        } catch {
            context.health.failed(.events, error)
        }
    }

    /// - Parameters:
    ///   - all: also what no change was seen for is looked at; see `EventDesk.sync`.
    ///   - token: the database's, where it was asked for already.
    /// - Returns: what kept it from seeing every event.
    func sync(all: Bool, token: ChangeToken? = nil) -> (any Error)? {
        dispatchPrecondition(condition: .onQueue(queue))
        guard !context.isStopping() else { return nil }
        progress.begin()
        let began = DispatchTime.now()
        defer {
            progress.end()
            let now = DispatchTime.now()
            restsUntil = now + .nanoseconds(Int(now.uptimeNanoseconds - began.uptimeNanoseconds))
            metronome.start()
        }
        if all {
            followStanding(thorough: true)
            mailLists()
        }
        do {
            // Before the queries: what changes while they run is then seen at the next look.
            let token = try token ?? workshop.watch.changeToken()
            let doubt = all ? assessRules() : nil
            let report = try workshop.events.sync(now: context.clock.now(), all: all)
            announce(report)
            if report.counts.changes > 0 || report.released > 0 { context.wake() }
            context.health.stateWorked(.events)
            if let failure = report.failure ?? doubt { throw failure }
            // Only now: what failed is asked for again at the next look.
            seenToken = token
            context.health.sourceWorked(.events)
            return nil
        } catch {
            sourceFailed(error)
            return error
        }
    }

    /// The morning's mails to staff, once their time has come.
    private func mailLists() {
        do {
            if try workshop.lists.mail(now: context.clock.now()) > 0 { context.wake() }
        } catch {
            context.health.failed(.events, error)
        }
    }

    /// Rules that cannot be asked about wait; events are looked for all the same.
    /// - Returns: what kept it from asking.
    private func assessRules() -> (any Error)? {
        do {
            context.standingWatch.tell(try workshop.eventGuard.assess(now: context.clock.now()))
            return nil
        } catch {
            return error
        }
    }

    /// The next look reads everything again, whether or not the database has changed until then.
    private func sourceFailed(_ error: any Error) {
        seenToken = nil
        context.health.failed(.events, error)
    }

    private func announce(_ report: EventDesk.Report) {
        if report.released > 0 { context.announcer.announce(Notice(.released, count: report.released)) }
        for (problem, rows) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where toldUnusable[problem] != rows {
            context.announcer.announce(
                Notice(
                    .unusableCustomers, reason: problem.rawValue, count: rows.count,
                    detail: "events " + rows.firstIDs.map(context.hash.customer).joined(separator: ", ")))
        }
        toldUnusable.merge(report.unusable) { _, new in new }
        for (_, change) in report.changes where !change.event.isBaseline {
            // An event of a kind without `done` is over as soon as it happened: nothing opens or ends.
            let hasOpened = change.kind == .new || change.kind == .reopened
            guard change.event.isOpen == hasOpened else { continue }
            let kind: NoticeKind
            switch change.kind {
            case .new: kind = .eventOpened
            case .reopened: kind = .eventOpened
            case .done: kind = .eventEnded
            case .gone: kind = .eventEnded
            case .edited, .returned: continue
            }
            context.announcer.announce(
                Notice(
                    kind, customer: change.event.customerKey, occasion: change.event.occasion,
                    until: kind == .eventOpened ? change.event.limits.values.min() : nil, detail: change.event.kind))
        }
        let baseline = report.changes.count { $0.change.kind == .new && $0.change.event.isBaseline }
        if baseline > 0 {
            context.announcer.announce(
                Notice(
                    .ruleBaseline, count: baseline,
                    detail: "they were there before this start; only a rule's backfill: sends about them"))
        }
    }
}
