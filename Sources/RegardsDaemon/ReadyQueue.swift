package import RegardsCalendar
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
    /// When it was decided that it may go.
    var decidedAt: Instant
}

/// A customer's message that waits for the end of an event of this kind.
struct HeldMessage: Hashable {
    var customer: String
    var kind: String
}

/// Rows ready to go, by channel; care before the rest, else in the order of claiming. Bounded by whoever fills it.
struct ReadyQueue {
    private struct Lines {
        var care: [ReadyOutreach] = []
        var rest: [ReadyOutreach] = []
    }

    private var lines: [ChannelName: Lines] = [:]
    private(set) var count = 0
    private(set) var bytes = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ ready: ReadyOutreach) {
        change(ready) { $0.append(ready) }
        count += 1
        bytes += ready.composed.message.bytes.count
    }

    /// Puts back what was taken and could not be marked, in its old place.
    mutating func putBack(_ taken: [ReadyOutreach]) {
        for ready in taken.reversed() {
            change(ready) { $0.insert(ready, at: 0) }
            count += 1
            bytes += ready.composed.message.bytes.count
        }
    }

    private mutating func change(_ ready: ReadyOutreach, _ body: (inout [ReadyOutreach]) -> Void) {
        if ready.outreach.plan.lane == .care {
            body(&lines[ready.outreach.plan.channel, default: Lines()].care)
        } else {
            body(&lines[ready.outreach.plan.channel, default: Lines()].rest)
        }
    }

    func hasWork(for channel: ChannelName) -> Bool {
        guard let found = lines[channel] else { return false }
        return !found.care.isEmpty || !found.rest.isEmpty
    }

    mutating func take(_ limit: Int, for channel: ChannelName) -> [ReadyOutreach] {
        guard limit > 0, lines[channel] != nil else { return [] }
        let care = remove(limit, of: \.care, channel)
        return care + remove(limit - care.count, of: \.rest, channel)
    }

    /// Takes out what was decided before an instant.
    mutating func removeDecided(before instant: Instant) -> [ReadyOutreach] {
        var removed: [ReadyOutreach] = []
        for channel in lines.keys {
            for lane in [\Lines.care, \Lines.rest] {
                // A line is in the order of deciding.
                let old = lines[channel]?[keyPath: lane].prefix { $0.decidedAt < instant }.count ?? 0
                if old > 0 { removed += remove(old, of: lane, channel) }
            }
        }
        return removed
    }

    private mutating func remove(
        _ limit: Int, of lane: WritableKeyPath<Lines, [ReadyOutreach]>, _ channel: ChannelName
    ) -> [ReadyOutreach] {
        guard limit > 0, let line = lines[channel]?[keyPath: lane], !line.isEmpty else { return [] }
        let taken = Array(line.prefix(limit))
        lines[channel]?[keyPath: lane].removeFirst(taken.count)
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

/// Rows that are marked, by id, and how many of them go by each channel.
struct SendingRows {
    private var rows: [Int64: ReadyOutreach] = [:]
    private var counts: [ChannelName: Int] = [:]

    var isEmpty: Bool { rows.isEmpty }
    var count: Int { rows.count }
    func count(_ channel: ChannelName) -> Int { counts[channel] ?? 0 }

    mutating func add(_ item: ReadyOutreach) {
        rows[item.outreach.id] = item
        counts[item.outreach.plan.channel, default: 0] += 1
    }

    /// The mark is durable, so this attempt counts.
    mutating func countAttempt(_ id: Int64) { rows[id]?.outreach.attempts += 1 }

    @discardableResult
    mutating func remove(_ id: Int64) -> ReadyOutreach? {
        guard let item = rows.removeValue(forKey: id) else { return nil }
        counts[item.outreach.plan.channel, default: 1] -= 1
        return item
    }
}

extension SendLoop {
    /// How much is under way at most, and how long things wait.
    package struct Limits: Sendable {
        /// Rows claimed and decided together.
        package var claim = 128
        /// Rows past their expiry that are claimed and decided together, because none of them is likely to go.
        package var stale = 1_024
        /// Rows ready or on their way before no more are claimed.
        package var ready = 512
        package var readyBytes = 16 << 20
        /// Lines that wait to be told before no more rows are claimed.
        package var untold = 4_096
        /// A relay that is down is tried again after this long.
        package var probe = TimeSpan.seconds(60)
        /// No message is marked on facts older than this.
        package var freshness = TimeSpan.seconds(5)
        package var storageRetry = TimeSpan.seconds(5)
        package var sourceRetry = TimeSpan.seconds(30)
        /// What the relays taught is kept at least this often; at once where a domain was slowed.
        package var keepPace = TimeSpan.seconds(30)
        package init() {}
    }
}
