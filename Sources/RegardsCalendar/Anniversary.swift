/// How a rule's `anniversary` trigger falls: which dates, for a remembered day.
package struct Anniversary: Hashable, Sendable {
    package enum Every: String, CaseIterable, Sendable { case year, month }

    package var every: Every
    package var feb29: Feb29
    package var leapMonth: LeapMonth
    package var day30: Day30
    /// Days from the day observed to the occasion; negative for `days_before`.
    package var daysAfter: Int
    /// Which anniversaries count, such as 10, 20 and 50 years; empty for all. Where the year is
    /// unknown none can be told apart, and a rule that lists years has no occasion.
    package var years: [Int]

    package init(
        every: Every = .year, feb29: Feb29 = .feb28, leapMonth: LeapMonth = .regular, day30: Day30 = .last,
        daysAfter: Int = 0, years: [Int] = []
    ) {
        self.every = every
        self.feb29 = feb29
        self.leapMonth = leapMonth
        self.day30 = day30
        self.daysAfter = daysAfter
        self.years = years
    }
}

/// One occasion of an anniversary.
package struct AnniversaryDate: Hashable, Sendable {
    /// The local date of the occasion, the offset in days included.
    package var date: CivilDate
    /// The local date observed, before that offset.
    package var observed: CivilDate
    /// The year observed, which names the occasion: the Gregorian year of `observed`, or the lunar
    /// year, which begins in January or February.
    package var year: Int
    /// 1 to 12 where the anniversary is monthly.
    package var month: Int?
    /// Where the birth was in a leap month: whether this date lies in one.
    package var isInLeapMonth: Bool?
    /// Whole years since the day itself, at least 1 (0 in the first year of a monthly one); nil when
    /// the year is unknown.
    package var count: Int?

    /// The occasion's name in the ledger: `2027`, `2027-05` when monthly; for a birth in a leap
    /// month `2028r` in the regular month and `2028l` in the leap month.
    package var occasion: String {
        if let month { return "\(year)-\(padded(month, 2))" }
        guard let isInLeapMonth else { return String(year) }
        return String(year) + (isInLeapMonth ? "l" : "r")
    }
}

extension Anniversary {
    /// Calls `body` for each occasion whose date lies in `range`, in order.
    ///
    /// The day itself is no anniversary: the first comes a year (or month) later. A monthly
    /// anniversary falls on the month's last day where the month is too short, whatever `feb29` says.
    package func forEach(of birth: BirthDate, in range: Range<CivilDate>, _ body: (AnniversaryDate) -> Void) {
        guard !range.isEmpty else { return }
        let first = range.lowerBound - daysAfter
        let last = range.upperBound - 1 - daysAfter
        if every == .month { return forEachMonth(of: birth, from: first, through: last, body) }
        for year in first.year...last.year {
            let observed = birth.observed(in: year, feb29: feb29)
            guard observed >= first, observed <= last, year > birth.year ?? .min else { continue }
            let count = birth.year.map { year - $0 }
            guard isWanted(count) else { continue }
            body(AnniversaryDate(date: observed + daysAfter, observed: observed, year: year, count: count))
        }
    }

    /// The first occasion whose date is not before `date`; nil when there is none within 400 years.
    package func next(of birth: BirthDate, onOrAfter date: CivilDate) -> AnniversaryDate? {
        var found: AnniversaryDate?
        var start = date
        let end = date.adding(months: 400 * 12)
        while found == nil, start < end {
            let stop = start.adding(months: 14)
            forEach(of: birth, in: start..<stop) { found = found ?? $0 }
            start = stop
        }
        return found
    }

    private func forEachMonth(
        of birth: BirthDate, from first: CivilDate, through last: CivilDate, _ body: (AnniversaryDate) -> Void
    ) {
        var (year, month, _) = first.components
        while true {
            let day = min(birth.day, CivilDate.days(inMonth: month, year: year))
            let observed = CivilDate(unchecked: year, month, day)
            if observed > last { return }
            let months = birth.year.map { (year - $0) * 12 + month - birth.month }
            if observed >= first, months ?? 1 > 0, isWanted(months: months) {
                body(
                    AnniversaryDate(
                        date: observed + daysAfter, observed: observed, year: year, month: month,
                        count: months.map { $0 / 12 }))
            }
            (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
        }
    }

    func isWanted(_ count: Int?) -> Bool {
        years.isEmpty || count.map(years.contains) ?? false
    }

    /// A monthly rule that lists years means the month in which the year is full.
    private func isWanted(months: Int?) -> Bool {
        years.isEmpty || months.map { $0 % 12 == 0 && years.contains($0 / 12) } ?? false
    }
}
