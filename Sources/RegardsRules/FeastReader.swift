import RegardsCalendar
import RegardsCore

/// Reads the house's own feasts, and the holidays on which it is closed.
struct FeastReader {
    let draft: Draft

    static let forms = "a day such as 06-12, \"2nd sunday of may\", \"1 day after easter\", \"lunar 8-15\" or \"dongzhi\""

    /// `feasts:`, names to days. A feast with the name of a built-in one takes its place.
    func feasts(_ item: Item) -> FeastCatalog {
        let own = (item.entries() ?? []).compactMap { entry -> Feast? in
            guard Name.isRule(entry.name) else { return item.refuse(.expected(Name.ruleForm, got: entry.name), at: entry.place) }
            draft.ownFeasts.insert(entry.name)
            return entry.item.parsed(FeastReader.forms) { FeastRule($0) }.map { Feast(name: entry.name, rule: $0) }
        }
        return FeastCatalog(own: own)
    }

    /// A feast by name.
    /// - Parameter orByCountry: whether `by_country` could have been meant.
    func feast(_ item: Item, orByCountry: Bool = false) -> Feast? {
        guard let name = item.text("a feast's name" + (orByCountry ? ", or by_country" : "")) else { return nil }
        if let feast = draft.feasts.feast(named: name) { return feast }
        // One whose day could not be read, or that stands in a file that could not, has been reported.
        if draft.ownFeasts.contains(name) || !draft.knowsHouse { return nil }
        guard FeastRule(name) == nil else { return item.refuse(.feastWithoutName(name)) }
        let builtIn = draft.feasts.all.map(\.name).filter { !draft.ownFeasts.contains($0) }
        let known = draft.ownFeasts.sorted() + builtIn + (orByCountry ? [TriggerReader.byCountry] : [])
        return item.refuse(.unknown("feast", name, known: known, section: "feasts"))
    }

    // MARK: Holidays

    /// Days are worked out for these years.
    private static let years = CivilDate(year: 2000, month: 1, day: 1)!..<CivilDate(year: 2101, month: 1, day: 1)!

    /// Single dates, days of every year, and feasts.
    func holidays(_ item: Item) -> Set<CivilDate> {
        var dates: Set<CivilDate> = []
        for item in item.oneOrMore() {
            guard let text = item.text(Problem.holidayForms) else { continue }
            if let date = CivilDate(text) {
                dates.insert(date)
            } else if let rule = draft.feasts.feast(named: text)?.rule ?? FeastRule(text) {
                rule.forEach(in: FeastReader.years) { date, _ in dates.insert(date) }
            } else if !draft.ownFeasts.contains(text) {
                item.fail(.holiday(text, known: draft.feasts.all.map(\.name)))
            }
        }
        return dates
    }
}
