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
    /// The path of the copy of the attempt under way; nil where none is kept.
    var copy: String?
}

/// A customer's message that waits for the end of an event of this kind.
struct HeldMessage: Hashable {
    var customer: String
    var kind: String
}

/// Rows in order, taken from the front.
private struct Line {
    /// Those before `start` are gone.
    private var rows: [ReadyOutreach?] = []
    private var start = 0

    var count: Int { rows.count - start }

    mutating func append(_ row: ReadyOutreach) { rows.append(row) }

    mutating func putBack(_ row: ReadyOutreach) {
        guard start > 0 else { return rows.insert(row, at: 0) }
        start -= 1
        rows[start] = row
    }

    mutating func take(_ limit: Int) -> [ReadyOutreach] {
        let end = start + min(limit, count)
        var taken: [ReadyOutreach] = []
        taken.reserveCapacity(end - start)
        for index in start..<end {
            if let row = rows[index] { taken.append(row) }
            rows[index] = nil
        }
        start = end
        if start * 2 > rows.count {
            rows.removeFirst(start)
            start = 0
        }
        return taken
    }

    /// How many stand at the front that were decided before an instant; a line is in the order of deciding.
    func countDecided(before instant: Instant) -> Int {
        rows[start...].prefix { $0.map { $0.decidedAt < instant } ?? true }.count
    }
}

/// Rows ready to go, by channel; care before the rest, else in the order of claiming. Bounded by whoever fills it.
struct ReadyQueue {
    private struct Lines {
        var care = Line()
        var rest = Line()
    }

    private var lines: [ChannelName: Lines] = [:]
    private(set) var count = 0
    private(set) var bytes = 0

    var isEmpty: Bool { count == 0 }

    func count(of channel: ChannelName) -> Int { lines[channel].map { $0.care.count + $0.rest.count } ?? 0 }

    mutating func append(_ ready: ReadyOutreach) { add(ready) { $0.append(ready) } }

    /// Puts back what was taken and could not be marked, in its old place.
    mutating func putBack(_ taken: [ReadyOutreach]) {
        for ready in taken.reversed() { add(ready) { $0.putBack(ready) } }
    }

    private mutating func add(_ ready: ReadyOutreach, _ body: (inout Line) -> Void) {
        let plan = ready.outreach.plan
        if plan.lane == .care {
            body(&lines[plan.channel, default: Lines()].care)
        } else {
            body(&lines[plan.channel, default: Lines()].rest)
        }
        count += 1
        bytes += ready.composed.message.bytes.count
    }

    mutating func take(_ limit: Int, for channel: ChannelName) -> [ReadyOutreach] {
        guard limit > 0, count(of: channel) > 0 else { return [] }
        var taken = lines[channel, default: Lines()].care.take(limit)
        if taken.count < limit { taken += lines[channel, default: Lines()].rest.take(limit - taken.count) }
        return removed(taken)
    }

    /// Takes out what was decided before an instant.
    mutating func removeDecided(before instant: Instant) -> [ReadyOutreach] {
        var old: [ReadyOutreach] = []
        for (channel, found) in lines {
            let (care, rest) = (found.care.countDecided(before: instant), found.rest.countDecided(before: instant))
            if care > 0 { old += lines[channel, default: Lines()].care.take(care) }
            if rest > 0 { old += lines[channel, default: Lines()].rest.take(rest) }
        }
        return removed(old)
    }

    private mutating func removed(_ taken: [ReadyOutreach]) -> [ReadyOutreach] {
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
    /// How many of them take room at each address.
    private var reached: [String: Int] = [:]

    var isEmpty: Bool { rows.isEmpty }
    var count: Int { rows.count }
    /// Whether a message that takes room in the budgets is on its way to the address with this hash.
    func isReaching(_ address: String) -> Bool { reached[address] != nil }
    func count(_ channel: ChannelName) -> Int { counts[channel] ?? 0 }

    mutating func add(_ item: ReadyOutreach) {
        rows[item.outreach.id] = item
        counts[item.outreach.plan.channel, default: 0] += 1
        if let address = item.mark.roomTakenAt { reached[address, default: 0] += 1 }
    }

    /// The mark is durable, so this attempt counts.
    mutating func countAttempt(_ id: Int64) { rows[id]?.outreach.attempts += 1 }

    @discardableResult
    mutating func remove(_ id: Int64) -> ReadyOutreach? {
        guard let item = rows.removeValue(forKey: id) else { return nil }
        counts[item.outreach.plan.channel, default: 1] -= 1
        if let address = item.mark.roomTakenAt, let count = reached[address] { reached[address] = count > 1 ? count - 1 : nil }
        return item
    }
}

extension SendMark {
    /// The hash of the address at which it takes room in the budgets.
    var roomTakenAt: String? { counts ? address : nil }
    /// The hash of the address at which it asks whether there is room.
    var roomAskedAt: String? { guards.budgets.isEmpty ? nil : address }
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
