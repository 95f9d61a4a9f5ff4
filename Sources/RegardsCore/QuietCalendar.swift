import RegardsCalendar

/// When customers are left in peace: the house's quiet hours and days, and the silent days of their country.
struct QuietCalendar {
    private enum Countries {
        case everywhere
        case only(Set<String>)
    }

    private let quiet: Quiet
    /// Silent days by year, worked out when a year is first asked for.
    private var years: [Int: [CivilDate: Countries]] = [:]

    init(_ quiet: Quiet) { self.quiet = quiet }

    /// Nobody ever has to wait.
    var isEmpty: Bool { quiet.hours == nil && quiet.silent.isEmpty }

    /// Where silent days depend on the country.
    var asksForCountry: Bool { quiet.silent.contains { !$0.countries.isEmpty } }

    /// Days are tried one by one; a house that is never open waits for none.
    private static let patience = 366

    /// The first instant not before `due` at which the customer may be written to: on a quiet or silent day the same
    /// wall time of the next day, in quiet hours their end.
    /// - Parameter country: ISO 3166 code; nil when unknown.
    mutating func allowed(from due: Instant, in zone: Zone, country: String?) -> Instant {
        var instant = due
        for _ in 0..<QuietCalendar.patience {
            let local = zone.local(at: instant)
            if isQuiet(local.date, country) {
                instant = zone.instant(local.date + 1, local.time)
            } else if let hours = quiet.hours, hours.isQuiet(at: instant, in: zone) {
                instant = hours.nextAllowed(from: instant, in: zone)
            } else {
                return instant
            }
        }
        return due
    }

    /// The first instant not before a given one that is not quiet: the end of quiet hours, or of a quiet day its last
    /// midnight. Unlike `allowed`, whose answer keeps the wall time, it is the same from wherever in the quiet one asks:
    /// else a message that waits for room would find another place each time it is asked about.
    /// - Parameter country: ISO 3166 code; nil when unknown.
    mutating func firstOpen(from instant: Instant, in zone: Zone, country: String?) -> Instant {
        var open = instant
        for _ in 0..<QuietCalendar.patience {
            let date = zone.local(at: open).date
            if isQuiet(date, country) {
                open = zone.instant(date + 1, .midnight)
            } else if let hours = quiet.hours, hours.isQuiet(at: open, in: zone) {
                open = hours.nextAllowed(from: open, in: zone)
            } else {
                return open
            }
        }
        return instant
    }

    /// The first day of which something can be put off until `date` or later, in whatever country.
    mutating func earliest(reaching date: CivilDate) -> CivilDate {
        var day = date
        // From each day a message goes on to the first open one, and from its quiet hours perhaps to one more.
        while date.dayNumber - day.dayNumber < QuietCalendar.patience, nextOpen(nextOpen(day - 1) + 1) >= date { day = day - 1 }
        // And one more where a zone leaves out a day.
        return day - 1
    }

    private mutating func nextOpen(_ date: CivilDate) -> CivilDate {
        var day = date
        while day.dayNumber - date.dayNumber < QuietCalendar.patience, isQuietSomewhere(day) { day = day + 1 }
        return day
    }

    private mutating func isQuietSomewhere(_ date: CivilDate) -> Bool {
        quiet.hours?.isQuiet(on: date) == true || silent(date) != nil
    }

    private mutating func isQuiet(_ date: CivilDate, _ country: String?) -> Bool {
        if quiet.hours?.isQuiet(on: date) == true { return true }
        switch silent(date) {
        case nil: return false
        case .everywhere: return true
        case .only(let countries): return country.map(countries.contains) ?? false
        }
    }

    private mutating func silent(_ date: CivilDate) -> Countries? {
        guard !quiet.silent.isEmpty else { return nil }
        let year = date.year
        if let known = years[year] { return known[date] }
        let found = silentDays(of: year)
        years[year] = found
        return found[date]
    }

    private func silentDays(of year: Int) -> [CivilDate: Countries] {
        var found: [CivilDate: Countries] = [:]
        func add(_ date: CivilDate, _ countries: [String]) {
            switch (found[date], countries.isEmpty) {
            case (.everywhere, _), (_, true): found[date] = .everywhere
            case (.only(let known), false): found[date] = .only(known.union(countries))
            case (nil, false): found[date] = .only(Set(countries))
            }
        }
        guard let first = CivilDate(year: year, month: 1, day: 1), let next = CivilDate(year: year + 1, month: 1, day: 1)
        else { return [:] }
        for silent in quiet.silent {
            switch silent.day {
            case .on(let date): if date >= first, date < next { add(date, silent.countries) }
            case .feast(let feast): feast.rule.forEach(in: first..<next) { date, _ in add(date, silent.countries) }
            }
        }
        return found
    }
}
