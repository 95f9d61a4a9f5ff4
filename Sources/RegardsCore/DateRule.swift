import RegardsCalendar

/// One firing of a rule, in local time.
struct LocalOccasion {
    /// The occasion of the ledger's key.
    var id: String
    var dueAt: Instant
    /// The zone that `date` and `time` are meant in.
    var zone: Zone
    var date: CivilDate
    var time: WallTime
}

/// A rule that hangs on dates, made ready for one window: what can be known before any customer is looked at.
struct DateRule {
    enum Kind {
        case anniversary
        /// The same occasions for everybody in a zone: a schedule, or a feast.
        case sameInZone
        /// Feasts that depend on the customer.
        case feasts
        /// Nothing falls due in the window, whoever the customer is; or the rule is about events.
        case silent
    }

    private(set) var window: PlanWindow?
    private(set) var kind: Kind
    /// Slot of the column that an anniversary hangs on, and of the one that names its calendar.
    let column: Int
    let calendarColumn: Int?
    private(set) var days = DaysOfBirth()
    private var lunarDays = DaysOfBirth()
    /// Where the rule greets on the feasts of the customer's country.
    var feasts: CustomerFeasts?
    /// Occasions are worked out once for a zone, and where feasts depend on the customer for a zone and a set of feasts.
    private var known: [Group: ZoneOccasions] = [:]

    private struct Group: Hashable {
        var zone: ObjectIdentifier
        var set: Int
    }

    private struct ZoneOccasions {
        /// Held, so that no other zone can get its identity.
        var zone: Zone
        var occasions: [LocalOccasion]
    }

    init(_ trigger: Trigger) {
        kind = .silent
        if case .anniversary(let trigger) = trigger {
            (column, calendarColumn) = (trigger.column, trigger.calendarColumn)
        } else {
            (column, calendarColumn) = (0, nil)
        }
        if case .feast(let trigger) = trigger { feasts = CustomerFeasts(trigger) }
    }

    /// Compared by the numbers: this is asked for every customer and rule.
    func isReady(for window: PlanWindow) -> Bool {
        guard let ready = self.window else { return false }
        return ready.from.microseconds == window.from.microseconds
            && ready.through.microseconds == window.through.microseconds
    }

    mutating func prepare(_ trigger: Trigger, for window: PlanWindow) {
        self.window = window
        known.removeAll(keepingCapacity: true)
        kind = .silent
        guard let dates = window.dates else { return }
        switch trigger {
        case .anniversary(let trigger):
            days = DaysOfBirth(observedIn: dates, trigger)
            if trigger.calendarColumn != nil { lunarDays = DaysOfBirth(lunarObservedIn: dates, trigger) }
            kind = .anniversary
        case .schedule(let trigger):
            let next = trigger.expression.nextDate(onOrAfter: dates.lowerBound)
            if let next, next <= dates.upperBound { kind = .sameInZone }
        case .feast(let trigger):
            if case .named(let feast) = trigger.choice {
                if trigger.falls(feast, in: dates) { kind = .sameInZone }
            } else {
                feasts?.prepare(trigger, for: dates)
                kind = .feasts
            }
        case .date, .on, .idle, .segment, .event:
            break
        }
    }

    /// Whether a day of birth can have an anniversary in the window.
    func mayFall(_ born: BirthDate) -> Bool { days.contains(born) }

    func mayFall(_ born: AnniversaryTrigger.Born) -> Bool {
        switch born {
        case .gregorian(let born): days.contains(born)
        case .lunar(let born): lunarDays.contains(born)
        }
    }

    /// What falls due in the window in this zone; nil when that is not yet worked out.
    func known(in zone: Zone, set: Int = 0) -> [LocalOccasion]? {
        known[Group(zone: ObjectIdentifier(zone), set: set)]?.occasions
    }

    /// Works out what falls due in the window in this zone.
    mutating func occasions(_ trigger: Trigger, in zone: Zone, set: Int = 0) -> [LocalOccasion] {
        guard let window else { return [] }
        var occasions: [LocalOccasion] = []
        switch trigger {
        case .schedule(let trigger): occasions = trigger.occasions(in: window, zone: zone)
        case .feast(let trigger):
            if case .named(let feast) = trigger.choice {
                occasions = trigger.occasions(of: [feast], in: window, zone: zone)
            } else if let feasts {
                occasions = trigger.occasions(of: feasts.set(set), in: window, zone: zone)
            }
        case .anniversary, .date, .on, .idle, .segment, .event: break
        }
        known[Group(zone: ObjectIdentifier(zone), set: set)] = ZoneOccasions(zone: zone, occasions: occasions)
        return occasions
    }
}

// MARK: - Nothing to do

extension DateRule {
    /// True when an anniversary surely has no occasion in the window for this customer: one look at a bit.
    func isSilent(for customer: Customer) -> Bool {
        PassColumn.isSilent(customer, column, calendarColumn, days)
    }
}

/// Anniversaries that hang on one column: a customer whose day none of them has is done with all of them.
struct PassColumn {
    private var column: Int
    private var calendarColumn: Int?
    private var days: DaysOfBirth
    private(set) var rules: [Int]

    static func add(_ index: Int, _ rule: DateRule, to columns: inout [PassColumn]) {
        if let known = columns.firstIndex(where: { $0.column == rule.column && $0.calendarColumn == rule.calendarColumn }) {
            columns[known].days.formUnion(rule.days)
            columns[known].rules.append(index)
        } else {
            columns.append(PassColumn(column: rule.column, calendarColumn: rule.calendarColumn, days: rule.days, rules: [index]))
        }
    }

    func isSilent(for customer: Customer) -> Bool { PassColumn.isSilent(customer, column, calendarColumn, days) }

    /// Only of a day in the usual form by the Gregorian calendar is it known without a closer look.
    fileprivate static func isSilent(_ customer: Customer, _ column: Int, _ calendarColumn: Int?, _ days: DaysOfBirth) -> Bool {
        guard let (month, day) = customer.record.usualDayOfBirth(column), !days.contains(month: month, day: day) else {
            return false
        }
        return calendarColumn.map { !customer.record.isPresent($0) } ?? true
    }
}

// MARK: - Anniversaries

extension AnniversaryTrigger {
    /// A day of birth in the calendar by which it is kept.
    enum Born {
        case gregorian(BirthDate)
        case lunar(LunarBirthDate)
    }

    /// Calls `body` for each occasion on one of these dates of the customer's calendar.
    func forEachOccasion(
        of born: Born, in dates: ClosedRange<CivilDate>, zone: Zone, _ body: (LocalOccasion) -> Void
    ) {
        for offset in dayOffsets {
            let anniversary = Anniversary(
                every: every, feb29: feb29, leapMonth: leapMonth, day30: day30, daysAfter: offset, years: years)
            let found: (AnniversaryDate) -> Void = { found in
                body(
                    LocalOccasion(
                        id: name(found, offset), dueAt: zone.instant(found.date, at), zone: zone, date: found.date,
                        time: at))
            }
            switch born {
            case .gregorian(let born): anniversary.forEach(of: born, in: dates.lowerBound..<(dates.upperBound + 1), found)
            case .lunar(let born): anniversary.forEach(of: born, in: dates.lowerBound..<(dates.upperBound + 1), found)
            }
        }
    }

    /// The year observed names the occasion, so that a corrected birthday moves the card and never doubles it; the
    /// offset counts only where a rule lists several, so that a card moved from 7 to 14 days before is the same card.
    private func name(_ found: AnniversaryDate, _ offset: Int) -> String {
        found.occasion + dayOffsets.suffix(offset)
    }

    /// The occasion of that name; nil when the day has none.
    fileprivate func occasion(_ name: String, of born: Born, zone: Zone) -> LocalOccasion? {
        guard let year = Int(name.prefix { $0.isNumber }), let first = CivilDate(year: year, month: 1, day: 1),
            let last = CivilDate(year: year, month: 12, day: 31), (0...9999).contains(year),
            let earliest = dayOffsets.min(), let latest = dayOffsets.max()
        else { return nil }
        var end = last + latest
        // A lunar year ends in the Gregorian year after the one that names it.
        if case .lunar = born { end = end + 60 }
        var found: LocalOccasion?
        forEachOccasion(of: born, in: (first + earliest)...end, zone: zone) { if $0.id == name { found = $0 } }
        return found
    }
}

extension [Int] {
    /// What an offset adds to the name of an occasion: nothing where it is the only one.
    func suffix(_ offset: Int) -> String {
        count == 1 ? "" : "/\(offset > 0 ? "+" : "")\(offset)"
    }
}

// MARK: - Schedules

extension ScheduleTrigger {
    /// What falls due in the window for customers of the zone, in order.
    func occasions(in window: PlanWindow, zone: Zone) -> [LocalOccasion] {
        guard let dates = window.dates else { return [] }
        let zone = expression.zone ?? zone
        var found: [LocalOccasion] = []
        if let at {
            var date = expression.nextDate(onOrAfter: dates.lowerBound)
            while let day = date, day <= dates.upperBound {
                found.append(occasion(on: day, at: at, zone))
                date = expression.nextDate(onOrAfter: day + 1)
            }
        } else {
            // From the beginning of the first day, so that the n-th elapse of a day has the same n in every window.
            forEachElapse(from: zone.local(at: window.from).date, zone) { occasion in
                if occasion.dueAt < window.through { found.append(occasion) }
                return occasion.dueAt < window.through
            }
        }
        return found.filter { window.contains($0.dueAt) }
    }

    /// The occasion of that name; nil when the schedule has none.
    fileprivate func occasion(_ name: String, zone: Zone) -> LocalOccasion? {
        guard let day = CivilDate(String(name.prefix { $0 != "#" })) else { return nil }
        let zone = expression.zone ?? zone
        if let at { return expression.matches(day) && name == day.description ? occasion(on: day, at: at, zone) : nil }
        var found: LocalOccasion?
        forEachElapse(from: day, zone) { occasion in
            if occasion.id == name { found = occasion }
            return found == nil && occasion.date <= day
        }
        return found
    }

    private func occasion(on day: CivilDate, at time: WallTime, _ zone: Zone) -> LocalOccasion {
        LocalOccasion(id: day.description, dueAt: zone.instant(day, time), zone: zone, date: day, time: time)
    }

    /// Calls `body` for each elapse of the expression from the beginning of a local day, until it answers false.
    private func forEachElapse(from day: CivilDate, _ zone: Zone, _ body: (LocalOccasion) -> Bool) {
        var at = zone.startOfDay(day) - TimeSpan(microseconds: 1)
        var (date, count) = (day, 0)
        while let next = expression.next(after: at, in: zone) {
            let local = zone.local(at: next)
            (date, count) = (local.date, local.date == date ? count + 1 : 1)
            let id = count == 1 ? date.description : "\(date)#\(count)"
            guard body(LocalOccasion(id: id, dueAt: next, zone: zone, date: date, time: local.time)) else { return }
            at = next
        }
    }
}

extension Trigger {
    /// The occasion of that name for a customer; nil when there is none, and for rules about events.
    func occasion(_ name: String, of customer: Customer, zone: Zone, _ countries: CountryZones) -> LocalOccasion? {
        switch self {
        case .anniversary(let trigger):
            guard case .success(let born?) = trigger.born(customer) else { return nil }
            return trigger.occasion(name, of: born, zone: zone)
        case .schedule(let trigger): return trigger.occasion(name, zone: zone)
        case .feast(let trigger):
            guard let feasts = trigger.feasts(of: customer, countries) else { return nil }
            return trigger.occasion(name, of: feasts, zone: zone)
        case .date, .on, .idle, .segment, .event: return nil
        }
    }
}
