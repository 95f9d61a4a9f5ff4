import RegardsCalendar
import RegardsCore
import RegardsStore

/// Claimed rows whose conditions speak of a message (`received`) that goes to the same customer before them, and is due as
/// well. Decided on now, they would not know what becomes of it: they wait until it has ended.
struct RowsBehind {
    /// Why a row waits.
    static let reason = "behind"
    /// How long, for a message that is on its way, and for one that nobody has taken up yet.
    private static let (wait, longWait) = (TimeSpan.seconds(2), TimeSpan.seconds(15))

    /// Rows that have not ended and go before the row with this id.
    private let others: [Int64: [Outreach]]
    /// Rows that were decided on, and do not go now.
    private var ended: Set<Int64> = []

    /// - Parameter awaited: for each rule those that its conditions speak of; others are left out.
    init(
        _ rows: [Outreach], awaited: [String: Set<String>], _ planner: Planner, now: Instant,
        open: (_ customers: [String]) throws -> [Outreach]
    ) rethrows {
        let asking = awaited.isEmpty ? [] : rows.filter { awaited[$0.key.rule] != nil }
        guard !asking.isEmpty else {
            others = [:]
            return
        }
        let due = try open(asking.map(\.key.customer).unique).filter { $0.isReceived && $0.wakesAt <= now }
        let byCustomer = Dictionary(grouping: due, by: \.key.customer)
        others = Dictionary(uniqueKeysWithValues: asking.map { row in
            let before = (byCustomer[row.key.customer] ?? []).filter { other in
                awaited[row.key.rule]?.contains(other.key.rule) == true && planner.precedes(other.plan, row.plan)
            }
            return (row.id, before)
        })
    }

    /// Those that may have to wait come last, after what they may wait for.
    func inOrder(_ rows: [Outreach], _ planner: Planner) -> [Int] {
        guard !others.isEmpty else { return Array(rows.indices) }
        let asking = rows.indices.filter { others[rows[$0].id] != nil }
        return rows.indices.filter { others[rows[$0].id] == nil } + asking.sorted { planner.precedes(rows[$0].plan, rows[$1].plan) }
    }

    /// How long a row has to wait; nil when nothing goes before it.
    func wait(of row: Outreach) -> TimeSpan? {
        guard let before = others[row.id]?.filter({ !ended.contains($0.id) }), !before.isEmpty else { return nil }
        return before.contains { $0.state == .planned } ? Self.longWait : Self.wait
    }

    mutating func end(_ id: Int64) { ended.insert(id) }
}

extension Outreach {
    /// What conditions call received, once it is sent: mail to the customer.
    fileprivate var isReceived: Bool { plan.channel == .mail && key.recipient == "customer/0" }
}
