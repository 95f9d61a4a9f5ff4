import RegardsCalendar
import RegardsCore

/// Reads `limits:` and `silent:`, which hold messages back.
struct LimitsReader {
    let draft: Draft

    func limits(_ item: Item) -> Limits {
        guard let form = item.form(.limits) else {
            return Limits()
        }
        return Limits(
            budgets: form["budgets"].map(budgets) ?? [], quiet: Quiet(hours: form["quiet"].flatMap(quiet)),
            sameAddress: form["same_address"]?.word() ?? .each)
    }

    // MARK: Budgets

    private static let overall = "overall"
    private static let budgetForm = "how many in which span, such as 4 per 30d"

    /// A purpose, or all together, with one budget or a list of them.
    private func budgets(_ item: Item) -> [Budget] {
        let purposes = Purpose.allCases.filter { $0 != .care }
        let known = [LimitsReader.overall] + purposes.map(\.rawValue)
        return (item.entries("{overall: 4 per 30d, marketing: …}") ?? []).flatMap { entry -> [Budget] in
            guard known.contains(entry.name) else {
                item.fail(entry.name == Purpose.care.rawValue ? .budgetOfCare : .unknownKey(entry.name, known: known), at: entry.place)
                return []
            }
            return entry.item.oneOrMore().compactMap { budget($0, Purpose(rawValue: entry.name)) }
        }
    }

    private func budget(_ item: Item, _ purpose: Purpose?) -> Budget? {
        guard let text = item.text(LimitsReader.budgetForm) else { return nil }
        let words = text.split { $0.isWhitespace }
        guard words.count > 2, words[1] == "per", let count = Int(words[0]),
            let per = CalendarSpan.parse(words.dropFirst(2).joined(separator: " "))?.fixed
        else { return item.refuse(.expected(LimitsReader.budgetForm, got: text)) }
        guard (1...1_000).contains(count), per >= .hours(1), per <= .days(366) else {
            return item.refuse(.outside("1 to 1000 messages in a span from 1h to 366d", got: text))
        }
        return Budget(purpose: purpose, atMost: count, per: per)
    }

    // MARK: Quiet

    private func quiet(_ item: Item) -> QuietHours? {
        guard let form = item.form(.quiet) else { return nil }
        guard !form.given(["hours", "days"]).isEmpty else { return item.refuse(.noneOf(["hours", "days"])) }
        let hours = form["hours"].flatMap(hours)
        let days = form["days"]?.weekdays() ?? []
        guard days.count < Weekday.allCases.count else { return form["days"]?.refuse(.outside("a day of the week that is left to write on", got: "all")) }
        guard hours != nil || !days.isEmpty else { return nil }
        return QuietHours(hours: hours, days: Set(Weekday.allCases).subtracting(days))
    }

    /// `21:00-08:00`, over midnight where the end is earlier.
    private func hours(_ item: Item) -> (start: WallTime, end: WallTime)? {
        let form = "from when until when, such as 21:00-08:00"
        guard let text = item.text(form) else { return nil }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { String($0.trimmed) }
        guard ends.count == 2, let start = WallTime(ends[0]), let end = ends[1] == "24:00" ? .midnight : WallTime(ends[1])
        else { return item.refuse(.expected(form, got: text)) }
        return start == end ? item.refuse(.outside("an end other than the beginning", got: text)) : (start, end)
    }

    /// `silent:`, a list of days: dates or feasts, for some countries or for all.
    func silent(_ item: Item) -> [SilentDay] {
        item.oneOrMore().flatMap { item -> [SilentDay] in
            guard let form = item.form(.silent), let key = form.exactlyOne(of: ["on", "feast"]) else {
                return []
            }
            let countries = form["countries"]?.oneOrMore().compactMap(draft.country) ?? []
            return (form[key]?.oneOrMore() ?? []).compactMap { day in
                let day = key == "on" ? day.date().map { .on($0) } : FeastReader(draft: draft).feast(day).map(SilentDay.Day.feast)
                return day.map { SilentDay($0, countries: countries) }
            }
        }
    }
}
