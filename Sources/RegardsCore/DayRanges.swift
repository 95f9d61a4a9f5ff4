import RegardsCalendar

/// A date as one number that orders as dates do, made from year, month and day without counting days.
struct PackedDate: Comparable {
    private var number: Int32

    init(year: Int, month: Int, day: Int) { number = Int32(truncatingIfNeeded: year << 9 | month << 5 | day) }

    init(_ date: CivilDate) {
        let (year, month, day) = date.components
        self.init(year: year, month: month, day: day)
    }

    static func < (left: PackedDate, right: PackedDate) -> Bool { left.number < right.number }
}

/// Days that a column can hold for something to fall due in a window. A pass over all customers asks this first.
///
/// A day that is in here may turn out to have nothing due; one that is not has nothing.
struct DayRanges {
    /// In order, none touching another.
    private var ranges: [ClosedRange<PackedDate>] = []

    /// More are taken together: a look at each costs more than a few customers in vain.
    private static let most = 8

    init() {}

    init(_ dates: [ClosedRange<CivilDate>]) {
        var merged: [ClosedRange<CivilDate>] = []
        for range in dates.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        if merged.count > DayRanges.most { merged = [merged[0].lowerBound...merged[merged.count - 1].upperBound] }
        ranges = merged.map { PackedDate($0.lowerBound)...PackedDate($0.upperBound) }
    }

    func contains(_ date: PackedDate) -> Bool {
        for range in ranges where date <= range.upperBound { return date >= range.lowerBound }
        return false
    }

    mutating func formUnion(_ other: DayRanges) {
        // Rules on one column are few: a day in the ranges of any is looked at closer.
        ranges = (ranges + other.ranges).sorted { $0.lowerBound < $1.lowerBound }
        var merged: [ClosedRange<PackedDate>] = []
        for range in ranges {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        ranges = merged
    }

    /// True when the column surely holds no such day: it is empty, or holds another one in the usual form.
    func isSilent(_ column: Int, of customer: Customer) -> Bool {
        guard customer.record.isPresent(column) else { return true }
        guard let date = customer.record.usualDate(column) else { return false }
        return !contains(date)
    }
}
