/// On which day of each year a feast falls.
package struct FeastRule: Hashable, Sendable {
    package enum Base: Hashable, Sendable {
        /// The same day of the Gregorian year; 29 February only in leap years.
        case fixed(month: Int, day: Int)
        /// The n-th weekday of a month, from its end where negative.
        case weekday(Int, Weekday, month: Int)
        case easter(Rite)
        /// A day of the Chinese calendar, always in the regular month.
        case lunar(month: Int, day: Int)
        /// The last day of the lunar year, the 29th or 30th of its last month.
        case lunarYearEnd
        case solarTerm(SolarTerm)
    }

    package var base: Base
    /// Days from the base to the feast.
    package var daysAfter: Int

    package init(_ base: Base, daysAfter: Int = 0) {
        self.base = base
        self.daysAfter = daysAfter
    }

    /// Lunar feasts belong to a lunar year, which begins in January or February: the laba feast of
    /// lunar 2026 falls in January 2027.
    private var isLunar: Bool {
        switch base {
        case .lunar, .lunarYearEnd: true
        default: false
        }
    }

    /// The feast of a year (a lunar one for feasts of the Chinese calendar); nil in a year without it.
    /// - Throws: `LunarRangeError` where a feast of the Chinese calendar is asked for outside 1900 to 2100.
    package func date(ofYear year: Int) throws(LunarRangeError) -> CivilDate? {
        guard !needsTable || LunarDate.years.contains(year) else {
            throw LunarRangeError(subject: isLunar ? "lunar year \(year)" : "the year \(year)")
        }
        return day(ofYear: year).map { $0 + daysAfter }
    }

    /// `year` must be in the table where the rule needs it.
    private func day(ofYear year: Int) -> CivilDate? {
        switch base {
        case .fixed(let month, let day): CivilDate(year: year, month: month, day: day)
        case .weekday(let n, let weekday, let month): CivilDate.nth(n, weekday, ofMonth: month, in: year)
        case .easter(let rite): year >= 1583 ? CivilDate.easter(rite, in: year) : nil
        case .solarTerm(let term): term.tabulated(in: year)
        case .lunar(let month, let day): LunarDate(year: year, month: month, day: day)?.date
        case .lunarYearEnd: LunarYear(year).newYear + (LunarYear(year).length - 1)
        }
    }

    /// Calls `body` with each date of the feast in `range`, moved by `daysAfter` days, in order, and
    /// with the year it belongs to, which names the occasion. Years outside the Chinese calendar
    /// known here have no feasts of it.
    package func forEach(
        in range: Range<CivilDate>, daysAfter moved: Int = 0, _ body: (_ date: CivilDate, _ year: Int) -> Void
    ) {
        guard !range.isEmpty else { return }
        // An offset can move the feast of one year into another, and lunar years reach into the next.
        var from = (range.lowerBound - moved - daysAfter).year - (isLunar ? 1 : 0)
        var through = (range.upperBound - moved - daysAfter).year
        if needsTable {
            from = max(from, LunarDate.years.lowerBound)
            through = min(through, LunarDate.years.upperBound)
        }
        guard from <= through else { return }
        for year in from...through {
            guard let day = day(ofYear: year) else { continue }
            let date = day + daysAfter + moved
            if range.contains(date) { body(date, year) }
        }
    }

    private var needsTable: Bool {
        if case .solarTerm = base { return true }
        return isLunar
    }
}

// MARK: - As text

extension FeastRule: CustomStringConvertible {
    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]
    private static let ordinals = ["1st", "2nd", "3rd", "4th", "5th"]

    /// Reads how a house writes its own feasts: `06-12`, `2nd sunday of may`, `last mon of may`, `easter`,
    /// `orthodox easter`, `lunar 8-15`, a solar term such as `dongzhi`; each also with
    /// `46 days before …` or `1 day after …`. In any case. nil for anything else.
    package init?(_ text: some StringProtocol) {
        var words = text.lowercased().split(separator: " ")
        var moved = 0
        if words.count > 3, words[1] == "day" || words[1] == "days", words[2] == "before" || words[2] == "after" {
            guard let count = Int(words[0]), (1...366).contains(count), words[0].first != "+" else { return nil }
            moved = words[2] == "before" ? -count : count
            words.removeFirst(3)
        }
        guard let base = FeastRule.base(words.map(String.init)) else { return nil }
        self.init(base, daysAfter: moved)
    }

    private static func base(_ words: [String]) -> Base? {
        switch words.count {
        case 1:
            if words[0] == "easter" { return .easter(.western) }
            if let term = SolarTerm.allCases.first(where: { "\($0)" == words[0] }) { return .solarTerm(term) }
            guard let date = BirthDate(words[0]), date.year == nil, words[0].utf8.count <= 7 else { return nil }
            return .fixed(month: date.month, day: date.day)
        case 2:
            if words == ["orthodox", "easter"] { return .easter(.orthodox) }
            return words[0] == "lunar" ? lunar(words[1]) : nil
        case 4 where words[2] == "of":
            guard let weekday = Weekday(words[1]),
                let month = months.firstIndex(where: { $0 == words[3] || $0.prefix(3) == words[3] }),
                let n = words[0] == "last" ? -1 : ordinals.firstIndex(of: words[0]).map({ $0 + 1 })
            else { return nil }
            return .weekday(n, weekday, month: month + 1)
        default: return nil
        }
    }

    private static func lunar(_ text: String) -> Base? {
        if text == "year-end" { return .lunarYearEnd }
        var cursor = TextCursor(text)
        guard let month = cursor.number(width: 1...2), cursor.skip(UInt8(ascii: "-")),
            let day = cursor.number(width: 1...2),
            cursor.isAtEnd, (1...12).contains(month), (1...30).contains(day)
        else { return nil }
        return .lunar(month: month, day: day)
    }

    /// The form that reads back to the same rule.
    package var description: String {
        let text: String
        switch base {
        case .fixed(let month, let day): text = "\(padded(month, 2))-\(padded(day, 2))"
        case .weekday(let n, let weekday, let month):
            let which = n == -1 ? "last" : (1...5).contains(n) ? FeastRule.ordinals[n - 1] : "\(n)th"
            text = "\(which) \(weekday.description.lowercased()) of \(FeastRule.months[month - 1])"
        case .easter(let rite): text = rite == .western ? "easter" : "orthodox easter"
        case .lunar(let month, let day): text = "lunar \(month)-\(day)"
        case .lunarYearEnd: text = "lunar year-end"
        case .solarTerm(let term): text = "\(term)"
        }
        guard daysAfter != 0 else { return text }
        return "\(abs(daysAfter)) day\(abs(daysAfter) == 1 ? "" : "s") \(daysAfter < 0 ? "before" : "after") \(text)"
    }
}
