import RegardsCalendar

/// A date as one number that orders as dates do, made from year, month and day without counting days.
struct PackedDate: Comparable {
    fileprivate var number: Int32

    init(year: Int, month: Int, day: Int) { number = Int32(truncatingIfNeeded: year << 9 | month << 5 | day) }

    init(_ date: CivilDate) {
        let (year, month, day) = date.components
        self.init(year: year, month: month, day: day)
    }

    static func < (left: PackedDate, right: PackedDate) -> Bool { left.number < right.number }
}

/// Days that a column can hold for something to fall due in a window. A pass over all customers asks this first, so it
/// is a handful of numbers and no array.
///
/// A day that is in here may turn out to have nothing due; one that is not has nothing.
struct DayRanges {
    /// First and last day of each range.
    private var first = InlineArray<8, Int32>(repeating: .max)
    private var last = InlineArray<8, Int32>(repeating: .min)
    private var count = 0

    init() {}

    init(_ dates: [ClosedRange<CivilDate>]) {
        for range in dates { insert(PackedDate(range.lowerBound).number, PackedDate(range.upperBound).number) }
    }

    /// Ranges that overlap become one. Where there is no room for another, all become one: a few customers are looked at
    /// in vain then.
    private mutating func insert(_ lower: Int32, _ upper: Int32) {
        var (lower, upper) = (lower, upper)
        var kept = DayRanges()
        for place in 0..<count {
            if first[place] <= upper, last[place] >= lower {
                (lower, upper) = (min(lower, first[place]), max(upper, last[place]))
            } else {
                kept.append(first[place], last[place])
            }
        }
        if kept.count == first.count {
            for place in 0..<kept.count { (lower, upper) = (min(lower, kept.first[place]), max(upper, kept.last[place])) }
            kept = DayRanges()
        }
        kept.append(lower, upper)
        self = kept
    }

    private mutating func append(_ lower: Int32, _ upper: Int32) {
        (first[count], last[count]) = (lower, upper)
        count += 1
    }

    mutating func formUnion(_ other: DayRanges) {
        for place in 0..<other.count { insert(other.first[place], other.last[place]) }
    }

    func contains(_ date: PackedDate) -> Bool {
        for place in 0..<count where first[place] <= date.number && date.number <= last[place] { return true }
        return false
    }

    /// True when the column surely holds no such day: it is empty, or holds another one in the usual form.
    func isSilent(_ column: Int, of customer: Customer) -> Bool {
        if let date = customer.record.usualDate(column) { return !contains(date) }
        return !customer.record.isPresent(column)
    }
}
