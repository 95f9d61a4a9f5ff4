import Dispatch
import RegardsCalendar
import RegardsCore
import RegardsStore

/// What has come of decisions and attempts and is not in the ledger yet.
struct SendGroup {
    var endings: [Ending] = []
    /// To be told when the group is durable.
    var tellings: [Telling] = []
    var additions: [PlannedOutreach] = []
    /// What the held endings wait for.
    var holds: [HeldMessage] = []
    /// What held the oldest of the endings, where it was a pause, an approval or a guard.
    var heldUnder: Standing?
    /// Keyed hashes of addresses that take no mail any more.
    var suppressions: [String] = []
    /// Claimed rows to be given back. After a crash the next start does it.
    var releases: [Int64] = []
    /// A member of staff cannot be told.
    var hasRefusedStaff = false
    /// What is known of the pace of mail, where it is to be kept now.
    var pace: String?
    /// Of what is marked with the group: on the disk before it.
    var copies: [SentCopies.Copy] = []
    /// Of the endings that sent nothing: they go when the group is durable.
    var strayCopies: [String] = []

    var isEmpty: Bool {
        endings.isEmpty && additions.isEmpty && releases.isEmpty && suppressions.isEmpty && holds.isEmpty && heldUnder == nil
            && pace == nil
    }

    mutating func take(_ outcome: SendDesk.Outcome) {
        endings += outcome.endings
        tellings += outcome.notices.map(Telling.notice)
        holds += outcome.holds
        heldUnder = heldUnder ?? outcome.heldUnder
        releases += outcome.givenBack
    }

    /// A customer's address that takes no mail is written to no more, and the rule's list takes their place; staff who
    /// cannot be told leave their rung to the next.
    mutating func refused(_ item: ReadyOutreach, _ reason: RefusalReason, _ report: AttemptReport) {
        guard !item.isRedirected, reason.isAboutAddress else { return }
        guard let address = item.mark.address else { return hasRefusedStaff = true }
        if let fallback = item.fallback { additions.append(fallback) }
        if reason == .recipientRefused, report.isBadMailbox { suppressions.append(address) }
    }

    /// The group with copies of what is marked with it, where they are wanted; and each row with the path of its own.
    func copying(_ marked: [ReadyOutreach], _ copies: SentCopies?, at now: Instant) -> (SendGroup, [ReadyOutreach]) {
        guard let copies else { return (self, marked) }
        var (group, marked) = (self, marked)
        group.copies = marked.map { copies.copy(of: $0, at: now) }
        for index in marked.indices { marked[index].copy = group.copies[index].path }
        return (group, marked)
    }

    /// What could not be written comes before what has come since.
    mutating func putBack(_ left: SendGroup) {
        guard !left.isEmpty || !left.tellings.isEmpty || left.hasRefusedStaff else { return }
        var whole = left
        whole.endings += endings
        whole.tellings += tellings
        whole.additions += additions
        whole.holds += holds
        whole.heldUnder = left.heldUnder ?? heldUnder
        whole.suppressions += suppressions
        whole.releases += releases
        whole.strayCopies += strayCopies
        whole.pace = pace ?? left.pace
        whole.hasRefusedStaff = left.hasRefusedStaff || hasRefusedStaff
        self = whole
    }
}

/// Carries groups to the ledger, one at a time, on a queue of its own: there they wait for the disk.
final class SendWriter: Sendable {
    struct Result {
        /// Endings, additions and marks are durable.
        var isWritten = false
        var report = CommitReport()
        /// Addresses that were not suppressed before.
        var suppressed: [String] = []
        /// Rows that were held may go after all.
        var hasReleased = false
        /// What is still to be done.
        var left = SendGroup()
        var failure: (any Error)?
    }

    private let outbox: any Outbox
    private let queue = DispatchQueue(label: "regards.send.write")

    init(_ outbox: any Outbox) { self.outbox = outbox }

    /// - Parameter done: called on the writer's queue.
    func write(
        _ group: SendGroup, _ marks: [SendMark], _ desk: SendDesk, now: Instant, done: @escaping @Sendable (Result) -> Void
    ) {
        queue.async { done(self.carryOut(group, marks, desk, now: now)) }
    }

    /// Calls `body` on the writer's queue, after what it is at.
    func answer(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

    /// Does all of it, or as much as the ledger takes. Each step leaves the group without what it has done.
    func carryOut(_ group: SendGroup, _ marks: [SendMark], _ desk: SendDesk, now: Instant) -> Result {
        var result = Result()
        result.left = group
        // The next try marks anew, at a time of its own.
        result.left.copies = []
        do {
            if !group.releases.isEmpty {
                try outbox.release(group.releases, now: now)
                result.left.releases = []
            }
            while let address = result.left.suppressions.first {
                let isNew = try outbox.suppress(address, Set(Purpose.allCases), reason: .bounce, now: now)
                result.left.suppressions.removeFirst()
                if isNew { result.suppressed.append(address) }
            }
            if let copies = desk.copies { try copies.write(group.copies) }
            result.report = try outbox.commit(
                GroupCommit(now: now, marks: marks, endings: group.endings, additions: group.additions, pace: group.pace))
            result.isWritten = true
            (result.left.endings, result.left.additions, result.left.tellings) = ([], [], [])
            (result.left.hasRefusedStaff, result.left.pace) = (false, nil)
            SentCopies.drop(group.strayCopies)
            result.left.strayCopies = []
            result.hasReleased = try releaseEnded(&result.left, desk, now)
        } catch {
            result.failure = error
        }
        return result
    }

    /// An event may have ended between the look at the facts and the commit that held its customer's message, a pause may
    /// have been lifted, a rule approved: whoever recorded that found nothing to release.
    private func releaseEnded(_ group: inout SendGroup, _ desk: SendDesk, _ now: Instant) throws -> Bool {
        var released = 0
        if let then = group.heldUnder {
            released += try desk.release(heldUnder: then, now: now)
            group.heldUnder = nil
        }
        guard !group.holds.isEmpty else { return released > 0 }
        let open = Set(
            try outbox.openEvents(customers: Array(Set(group.holds.map(\.customer)))).map {
                HeldMessage(customer: $0.customerKey, kind: $0.kind)
            })
        for held in Set(group.holds).subtracting(open) {
            released += try outbox.releaseHeld(customer: held.customer, reason: .eventOpen(kind: held.kind), now: now)
        }
        group.holds = []
        return released > 0
    }
}
