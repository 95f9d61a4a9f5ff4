import RegardsCore
import RegardsStore

/// A row that was claimed, decided and rendered, and waits for a free session.
struct ReadyOutreach: Sendable {
    var outreach: Outreach
    var composed: ComposedMessage
    /// It goes to the operator instead of the customer.
    var isRedirected: Bool
    /// By the rules it was decided by: a reload may have removed its rule before its attempt ends.
    var ifInDoubt: InDoubtPolicy
    /// What the step says of an event's promise: that it nears its limit, or is broken.
    var ofPromise: NoticeKind?
    var mark: SendMark
    /// What is owed instead where the recipient is refused for good: an item of a list.
    var fallback: PlannedOutreach?
}

/// A customer's message that waits for the end of an event of this kind.
struct HeldMessage: Hashable {
    var customer: String
    var kind: String
}

/// Rows ready to go, by channel; care before the rest, else in the order of claiming. Bounded by whoever fills it.
struct ReadyQueue {
    private struct Lines {
        var care: ArraySlice<ReadyOutreach> = []
        var rest: ArraySlice<ReadyOutreach> = []
    }

    private var lines: [ChannelName: Lines] = [:]
    private(set) var count = 0
    private(set) var bytes = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ ready: ReadyOutreach) {
        let lane = ready.outreach.plan.lane
        if lane == .care {
            lines[ready.outreach.plan.channel, default: Lines()].care.append(ready)
        } else {
            lines[ready.outreach.plan.channel, default: Lines()].rest.append(ready)
        }
        count += 1
        bytes += ready.composed.message.bytes.count
    }

    /// Puts back what was taken and could not be marked, in its old place.
    mutating func putBack(_ taken: [ReadyOutreach]) {
        for ready in taken.reversed() {
            if ready.outreach.plan.lane == .care {
                lines[ready.outreach.plan.channel, default: Lines()].care.insert(ready, at: lines[ready.outreach.plan.channel]?.care.startIndex ?? 0)
            } else {
                lines[ready.outreach.plan.channel, default: Lines()].rest.insert(ready, at: lines[ready.outreach.plan.channel]?.rest.startIndex ?? 0)
            }
            count += 1
            bytes += ready.composed.message.bytes.count
        }
    }

    func hasWork(for channel: ChannelName) -> Bool {
        guard let found = lines[channel] else { return false }
        return !found.care.isEmpty || !found.rest.isEmpty
    }

    mutating func take(_ limit: Int, for channel: ChannelName) -> [ReadyOutreach] {
        guard limit > 0, var found = lines[channel] else { return [] }
        var taken = Array(found.care.prefix(limit))
        found.care = found.care.dropFirst(taken.count)
        let rest = Array(found.rest.prefix(limit - taken.count))
        found.rest = found.rest.dropFirst(rest.count)
        taken += rest
        lines[channel] = found
        count -= taken.count
        bytes -= taken.reduce(0) { $0 + $1.composed.message.bytes.count }
        return taken
    }

    /// Empties one channel's lines, or all.
    mutating func removeAll(for channel: ChannelName? = nil) -> [ReadyOutreach] {
        let channels = channel.map { [$0] } ?? Array(lines.keys)
        return channels.flatMap { take(.max, for: $0) }
    }
}
