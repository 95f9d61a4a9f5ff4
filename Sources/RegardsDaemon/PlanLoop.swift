import Dispatch
import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

/// What the loops of a daemon share, over reloads.
struct LoopContext: Sendable {
    var clock: any WallClock
    var announcer: any Announcer
    /// Under which journals name customers.
    var hash: AddressHash
    var health: Health
    var standingWatch: StandingWatch
    var isStopping: @Sendable () -> Bool
    /// Something may be due now.
    var wake: @Sendable () -> Void
}

/// Passes over all customers at each `refresh`. All of it belongs to its queue, which is what makes it Sendable.
final class PlanLoop: @unchecked Sendable {
    let queue = DispatchQueue(label: "regards.plan")
    private let context: LoopContext
    private let progress: Progress
    private var workshop: Workshop
    private var retention: RetentionDesk
    private var alarm: Alarm!
    private var next = Instant(seconds: 0)
    /// Told again only when they are others: every pass meets them.
    private var toldUnusable: [CustomerProblem: UnusableCustomers] = [:]
    /// The alarm rang, maybe too early to plan.
    private let hasRung: @Sendable () -> Void
    private let hasPlanned: @Sendable () -> Void

    init(
        _ workshop: Workshop, _ context: LoopContext, progress: Progress, hasRung: @escaping @Sendable () -> Void,
        hasPlanned: @escaping @Sendable () -> Void
    ) {
        self.context = context
        self.progress = progress
        self.hasRung = hasRung
        self.hasPlanned = hasPlanned
        self.workshop = workshop
        retention = workshop.retention
        alarm = Alarm(queue: queue, clock: context.clock) { [weak self] in self?.timeCame() }
    }

    /// Works by another assembly from now on.
    func change(to workshop: Workshop) {
        dispatchPrecondition(condition: .onQueue(queue))
        self.workshop = workshop
        retention = workshop.retention
    }

    func cancel() { alarm.cancel() }

    private var refresh: TimeSpan { workshop.assembly.configuration.source.refresh }

    /// Plans when it is time to, and after a jump of the clock.
    func timeCame() {
        dispatchPrecondition(condition: .onQueue(queue))
        hasRung()
        let now = context.clock.now()
        // A wait longer than the longest there is: the clock was set back.
        guard now >= next || next - now > refresh else { return alarm.arm(for: next) }
        _ = plan()
        hasPlanned()
    }

    /// - Returns: what kept it from a whole pass.
    func plan() -> (any Error)? {
        dispatchPrecondition(condition: .onQueue(queue))
        guard !context.isStopping() else { return nil }
        progress.begin()
        defer {
            progress.end()
            alarm.arm(for: next)
        }
        let now = context.clock.now()
        next = now + refresh
        do {
            context.standingWatch.tell(try workshop.dateGuard.assess(now: now))
            let report = try workshop.plan.plan(now: now)
            try context.standingWatch.lookAtGuards()
            context.health.sourceWorked(.plan)
            context.health.stateWorked(.plan)
            announce(report)
            try workshop.lists.settle(now: now)
            if report.counts.changes > 0 { context.wake() }
            _ = try retention.retire(now: now)
            return nil
        } catch {
            next = now + min(refresh, .seconds(30))
            context.health.failed(.plan, error)
            return error
        }
    }

    private func announce(_ report: PlanDesk.Report) {
        let counts = report.counts
        if counts.changes > 0 {
            context.announcer.announce(
                Notice(
                    .planned, count: report.customers,
                    numbers: [
                        ("inserted", counts.inserted), ("updated", counts.updated), ("reopened", counts.reopened),
                        ("cancelled", counts.cancelled),
                    ]))
        }
        for (problem, customers) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where toldUnusable[problem] != customers {
            context.announcer.announce(
                Notice(
                    .unusableCustomers, reason: problem.rawValue, count: customers.count,
                    detail: "customers " + customers.firstIDs.map(context.hash.customer).joined(separator: ", ")))
        }
        toldUnusable = report.unusable
    }
}
