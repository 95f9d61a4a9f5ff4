package import RegardsCalendar

/// Collects what ranked segments are ranked by in a pass over all customers, and finds their bounds at its end.
///
/// Eight bytes for each customer and each column that segments are ranked by: no customer is kept. The bounds are exact,
/// equal values fall on one side of each, and the order of the customers does not matter.
package struct SegmentRanking: Sendable {
    private struct Column {
        var slot: Int
        var values: [Double] = []
        /// Ranked segments by this column, as indices into the book.
        var segments: [Int] = []
    }

    private let segments: [Segment]
    private let zone: Zone
    private var columns: [Column] = []

    /// - Parameters:
    ///   - zone: of days and times that bring no offset of their own: the business's.
    ///   - expected: how many customers are expected, so that memory is taken once.
    package init(_ segments: [Segment], zone: Zone, expected: Int = 0) {
        self.segments = segments
        self.zone = zone
        for (index, segment) in segments.enumerated() {
            guard let slot = segment.rankedBy else { continue }
            if let known = columns.firstIndex(where: { $0.slot == slot }) {
                columns[known].segments.append(index)
            } else {
                columns.append(Column(slot: slot, segments: [index]))
            }
        }
        for index in columns.indices { columns[index].values.reserveCapacity(expected) }
    }

    /// True when no segment is ranked: the pass has nothing to collect.
    package var isEmpty: Bool { columns.isEmpty }

    /// Each customer of the pass once.
    package mutating func add(_ customer: Customer) {
        for index in columns.indices {
            guard let value = customer.record.measure(columns[index].slot, zone: zone) else { continue }
            columns[index].values.append(value)
        }
    }

    /// Where the segments begin among the customers added so far. A segment none of them has a value for has no bounds.
    package mutating func ranks() -> SegmentRanks {
        var ranks = SegmentRanks()
        for index in columns.indices where !columns[index].values.isEmpty {
            let count = columns[index].values.count
            let places = columns[index].segments.map { ($0, segments[$0].places(among: count)) }
            columns[index].values.withUnsafeMutableBufferPointer { values in
                Selection.arrange(values, at: Array(Set(places.flatMap(\.1))).sorted())
                for (segment, places) in places { ranks.bounds[segment] = places.map { values[$0] } }
            }
        }
        return ranks
    }

    /// Whether any customer added so far is ranked otherwise by the new bounds than by the old ones. What was decided by
    /// the old ones in this pass then has to be decided again.
    package func moved(from old: SegmentRanks, to new: SegmentRanks) -> Bool {
        for column in columns {
            for segment in column.segments where old.bounds[segment] != new.bounds[segment] {
                guard let before = old.bounds[segment], let after = new.bounds[segment], before.count == after.count else {
                    // One of them ranks nobody, or the segment was written anew.
                    if !column.values.isEmpty { return true }
                    continue
                }
                for (one, other) in zip(before, after) where one != other {
                    let between = min(one, other)..<max(one, other)
                    if column.values.contains(where: between.contains) { return true }
                }
            }
        }
        return false
    }
}

extension Segment {
    /// Slot of the column that ranks its members; nil for a segment of conditions.
    fileprivate var rankedBy: Int? {
        switch definition {
        case .matching: nil
        case .top(_, let column), .classes(_, let column): column
        }
    }

    /// Which places, counted from 0 at the lowest of `count` values in order, hold the segment's bounds. `count` is at
    /// least 1.
    fileprivate func places(among count: Int) -> [Int] {
        switch definition {
        case .matching: return []
        case .top(let share, _): return [count - share.members(of: count)]
        case .classes(let number, _):
            // The upper k of n classes have ceil(k * count / n) members, as the top k/n would.
            return (1..<max(1, number)).map { count - ((number - $0) * count + number - 1) / number }
        }
    }
}

extension Segment.Share {
    /// From 1 to `count`.
    fileprivate func members(of count: Int) -> Int {
        switch self {
        case .count(let wanted): return min(max(wanted, 1), count)
        case .part(let part):
            // 7 % of 100 are 7, although 0.07 * 100 comes out a little above.
            let members = (part * Double(count) * (1 - 1e-12)).rounded(.up)
            return min(max(Int(members), 1), count)
        }
    }
}

/// Puts some places of a list in order without sorting it.
enum Selection {
    /// Moves values so that each of the places holds what it would hold in the sorted list. Linear in the number of
    /// values for each doubling of the places, whatever the values: the pivots are drawn, and equal values are put aside
    /// together.
    /// - Parameter places: rising, each once and inside the list. Values that are no number are not allowed.
    static func arrange(_ values: UnsafeMutableBufferPointer<Double>, at places: [Int]) {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        var work = [(range: 0..<values.count, places: places[...])]
        while let (range, places) = work.popLast() {
            guard !places.isEmpty, range.count > 1 else { continue }
            let middle = places[places.startIndex + places.count / 2]
            let equal = narrow(values, range, to: middle, &state)
            work.append((range.lowerBound..<equal.lowerBound, places.prefix { $0 < equal.lowerBound }))
            work.append((equal.upperBound..<range.upperBound, places.drop { $0 < equal.upperBound }))
        }
    }

    /// Puts the value of one place where it belongs.
    /// - Returns: all places of that value; what lies before is smaller, what lies behind is larger.
    private static func narrow(
        _ values: UnsafeMutableBufferPointer<Double>, _ range: Range<Int>, to place: Int, _ state: inout UInt64
    ) -> Range<Int> {
        var range = range
        while true {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let drawn = range.lowerBound + Int((state >> 33) % UInt64(range.count))
            let equal = part(values, range, by: values[drawn])
            if place < equal.lowerBound {
                range = range.lowerBound..<equal.lowerBound
            } else if place >= equal.upperBound {
                range = equal.upperBound..<range.upperBound
            } else {
                return equal
            }
        }
    }

    /// Smaller ones first, then the equal ones, whose places are returned, then the larger.
    private static func part(
        _ values: UnsafeMutableBufferPointer<Double>, _ range: Range<Int>, by pivot: Double
    ) -> Range<Int> {
        var (low, next, high) = (range.lowerBound, range.lowerBound, range.upperBound)
        while next < high {
            let value = values[next]
            if value < pivot {
                values[next] = values[low]
                values[low] = value
                low += 1
                next += 1
            } else if value > pivot {
                high -= 1
                values[next] = values[high]
                values[high] = value
            } else {
                next += 1
            }
        }
        return low..<high
    }
}
