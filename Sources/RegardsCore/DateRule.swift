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
        /// The same occasions for everybody in a zone: a schedule, a feast, or one day.
        case sameInZone
        /// Feasts that depend on the customer.
        case feasts
        /// A day in a column that has a year.
        case date, idle
        case segment
        /// Nothing falls due in the window, whoever the customer is; or the rule is about events.
        case silent
    }

    private(set) var window: PlanWindow?
    private(set) var kind = Kind.silent
    private let groups: [StepGroup]
    /// The dates on which occasions can make a message due in the window; one for each group of steps.
    private(set) var dates: [ClosedRange<CivilDate>] = []
    /// Slot of the column that the rule hangs on, and of the one that names its calendar.
    let column: Int
    let calendarColumn: Int?
    private(set) var days = DaysOfBirth()
    private var lunarDays = DaysOfBirth()
    private(set) var ranges = DayRanges()
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
        /// By group of steps.
        var occasions: [[LocalOccasion]]
    }

    init(_ trigger: Trigger, _ groups: [StepGroup]) {
        self.groups = groups
        switch trigger {
        case .anniversary(let trigger): (column, calendarColumn) = (trigger.column, trigger.calendarColumn)
        case .date(let trigger): (column, calendarColumn) = (trigger.column, nil)
        case .idle(let trigger): (column, calendarColumn) = (trigger.column, nil)
        case .schedule, .feast, .on, .segment, .event: (column, calendarColumn) = (0, nil)
        }
        if case .feast(let trigger) = trigger { feasts = CustomerFeasts(trigger) }
    }

    mutating func prepare(_ trigger: Trigger, for window: PlanWindow, isEnabled: Bool, _ quiet: inout QuietCalendar) {
        self.window = window
        known.removeAll(keepingCapacity: true)
        kind = .silent
        guard isEnabled, !groups.isEmpty, let due = window.dates else { return }
        dates = groups.map { $0.occasions(due: due, &quiet) }
        switch trigger {
        case .anniversary(let trigger):
            days = DaysOfBirth()
            for dates in dates { days.formUnion(DaysOfBirth(observedIn: dates, trigger)) }
            lunarDays = DaysOfBirth()
            if trigger.calendarColumn != nil {
                for dates in dates { lunarDays.formUnion(DaysOfBirth(lunarObservedIn: dates, trigger)) }
            }
            kind = .anniversary
        case .schedule(let trigger):
            if dates.contains(where: trigger.falls) { kind = .sameInZone }
        case .on(let trigger):
            if dates.contains(where: trigger.falls) { kind = .sameInZone }
        case .feast(let trigger):
            if case .named(let feast) = trigger.choice {
                if dates.contains(where: { trigger.falls(feast, in: $0) }) { kind = .sameInZone }
            } else {
                feasts?.prepare(trigger, for: dates)
                // Without a column nothing can be wrong with a customer either.
                if feasts?.mayFall == true { kind = .feasts }
            }
        case .date(let trigger):
            ranges = DayRanges(dates.flatMap(trigger.days))
            kind = .date
        case .idle(let trigger):
            ranges = DayRanges(dates.flatMap(trigger.days))
            kind = .idle
        case .segment: kind = .segment
        case .event: break
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

    /// What can make a message due in the window in this zone, by group of steps; nil when that is not yet worked out.
    func known(in zone: Zone, set: Int = 0) -> [[LocalOccasion]]? {
        known[Group(zone: ObjectIdentifier(zone), set: set)]?.occasions
    }

    /// Works out what can make a message due in the window in this zone, by group of steps.
    mutating func occasions(_ trigger: Trigger, in zone: Zone, set: Int = 0) -> [[LocalOccasion]] {
        guard let window else { return [] }
        let occasions = groups.indices.map { group in
            let found = self.found(trigger, in: dates[group], zone, set)
            return groups[group].isExact ? found.filter { window.contains($0.dueAt) } : found
        }
        known[Group(zone: ObjectIdentifier(zone), set: set)] = ZoneOccasions(zone: zone, occasions: occasions)
        return occasions
    }

    private func found(_ trigger: Trigger, in dates: ClosedRange<CivilDate>, _ zone: Zone, _ set: Int) -> [LocalOccasion] {
        switch trigger {
        case .schedule(let trigger): return trigger.occasions(in: dates, zone: zone)
        case .on(let trigger): return trigger.occasions(in: dates, zone: zone)
        case .feast(let trigger):
            if case .named(let feast) = trigger.choice { return trigger.occasions(of: [feast], in: dates, zone: zone) }
            return feasts.map { trigger.occasions(of: $0.set(set), in: dates, zone: zone) } ?? []
        case .anniversary, .date, .idle, .segment, .event: return []
        }
    }
}

// MARK: - Nothing to do

/// Days of one column that rules of a pass hang on: a customer whose day none of them has is done with all of them.
///
/// Plain numbers, so that a look at them counts no references.
struct PassColumn {
    private var column: Int
    /// -1 for none.
    private var calendarColumn: Int
    private var hasYears: Bool
    /// Of anniversaries.
    private var days: DaysOfBirth
    /// Of days that have a year.
    private var ranges: DayRanges

    /// nil for a rule that hangs on no column.
    init?(_ rule: DateRule) {
        switch rule.kind {
        case .anniversary, .date, .idle: break
        case .sameInZone, .feasts, .segment, .silent: return nil
        }
        column = rule.column
        calendarColumn = rule.calendarColumn ?? -1
        hasYears = rule.kind != .anniversary
        days = rule.days
        ranges = rule.ranges
    }

    /// False for another column, or another kind of days.
    mutating func take(_ other: PassColumn) -> Bool {
        guard column == other.column, calendarColumn == other.calendarColumn, hasYears == other.hasYears else { return false }
        days.formUnion(other.days)
        ranges.formUnion(other.ranges)
        return true
    }

    func isSilent(for customer: Customer) -> Bool {
        hasYears ? ranges.isSilent(column, of: customer) : hasNoAnniversary(customer)
    }

    /// Only of a day in the usual form by the Gregorian calendar is it known without a closer look.
    private func hasNoAnniversary(_ customer: Customer) -> Bool {
        guard let (month, day) = customer.record.usualDayOfBirth(column), !days.contains(month: month, day: day) else {
            return false
        }
        return calendarColumn < 0 || !customer.record.isPresent(calendarColumn)
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
    func occasion(_ name: String, of born: Born, zone: Zone) -> LocalOccasion? {
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
    func falls(in dates: ClosedRange<CivilDate>) -> Bool {
        expression.nextDate(onOrAfter: dates.lowerBound).map { $0 <= dates.upperBound } ?? false
    }

    /// What falls on these dates for customers of the zone, in order.
    func occasions(in dates: ClosedRange<CivilDate>, zone: Zone) -> [LocalOccasion] {
        let zone = expression.zone ?? zone
        var found: [LocalOccasion] = []
        if let at {
            var date = expression.nextDate(onOrAfter: dates.lowerBound)
            while let day = date, day <= dates.upperBound {
                found.append(occasion(on: day, at: at, zone))
                date = expression.nextDate(onOrAfter: day + 1)
            }
        } else {
            // From the beginning of a day, so that its n-th elapse has the same n in every window.
            forEachElapse(from: dates.lowerBound, zone) { occasion in
                guard occasion.date <= dates.upperBound else { return false }
                found.append(occasion)
                return true
            }
        }
        return found
    }

    /// The occasion of that name; nil when the schedule has none.
    func occasion(_ name: String, zone: Zone) -> LocalOccasion? {
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

