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
        case schedule
        /// Nothing falls due in the window, whoever the customer is; or the rule is about events.
        case silent
    }

    private(set) var window: PlanWindow?
    private(set) var kind: Kind
    /// Slot of the column that an anniversary hangs on.
    let column: Int
    private(set) var days = DaysOfBirth()
    /// A schedule fires for everybody in a zone at the same instants: they are worked out once.
    private var byZone: [ObjectIdentifier: ZoneSchedule] = [:]

    private struct ZoneSchedule {
        /// Held, so that no other zone can get its identity.
        var zone: Zone
        var occasions: [LocalOccasion]
    }

    init(_ trigger: Trigger) {
        kind = .silent
        if case .anniversary(let trigger) = trigger { column = trigger.column } else { column = 0 }
    }

    mutating func prepare(_ trigger: Trigger, for window: PlanWindow) {
        self.window = window
        byZone.removeAll(keepingCapacity: true)
        kind = .silent
        guard let dates = window.dates else { return }
        switch trigger {
        case .anniversary(let trigger):
            days = DaysOfBirth(observedIn: dates, trigger)
            kind = .anniversary
        case .schedule(let trigger):
            let next = trigger.expression.nextDate(onOrAfter: dates.lowerBound)
            if let next, next <= dates.upperBound { kind = .schedule }
        case .event:
            break
        }
    }

    /// What falls due in the window in this zone; nil when that is not yet worked out.
    func known(in zone: Zone) -> [LocalOccasion]? { byZone[ObjectIdentifier(zone)]?.occasions }

    /// Works out what falls due in the window in this zone.
    mutating func occasions(_ trigger: Trigger, in zone: Zone) -> [LocalOccasion] {
        guard case .schedule(let trigger) = trigger, let window else { return [] }
        let occasions = trigger.occasions(in: window, zone: zone)
        byZone[ObjectIdentifier(zone)] = ZoneSchedule(zone: zone, occasions: occasions)
        return occasions
    }
}

/// Days of birth that have an anniversary in a window somewhere on earth: one bit for each day of the year.
struct DaysOfBirth {
    /// By month; element 0 is not used.
    private var months = SIMD16<UInt32>(repeating: 0)

    init() {}

    init(observedIn dates: ClosedRange<CivilDate>, _ trigger: AnniversaryTrigger) {
        guard dates.upperBound - dates.lowerBound < 366 else {
            months = SIMD16(repeating: .max)
            return
        }
        for offset in trigger.dayOffsets {
            var date = dates.lowerBound - offset
            while date <= dates.upperBound - offset {
                let (year, month, day) = date.components
                insert(month, day)
                let leapDay = BirthDate(year: nil, month: 2, day: 29)
                if leapDay?.observed(in: year, feb29: trigger.feb29) == date { insert(2, 29) }
                date = date + 1
            }
        }
    }

    private mutating func insert(_ month: Int, _ day: Int) { months[month] |= 1 << UInt32(day) }

    func contains(_ born: BirthDate) -> Bool { months[born.month] & (1 << UInt32(born.day)) != 0 }
}

// MARK: - Anniversaries

extension AnniversaryTrigger {
    /// Calls `body` for each occasion on one of these dates of the customer's calendar.
    func forEachOccasion(
        of born: BirthDate, in dates: ClosedRange<CivilDate>, zone: Zone, _ body: (LocalOccasion) -> Void
    ) {
        for offset in dayOffsets {
            let anniversary = Anniversary(feb29: feb29, daysAfter: offset)
            anniversary.forEach(of: born, in: dates.lowerBound..<(dates.upperBound + 1)) { found in
                body(
                    LocalOccasion(
                        id: name(found, offset), dueAt: zone.instant(found.date, at), zone: zone, date: found.date,
                        time: at))
            }
        }
    }

    /// The year observed names the occasion, so that a corrected birthday moves the card and never doubles it; the
    /// offset counts only where a rule lists several, so that a card moved from 7 to 14 days before is the same card.
    private func name(_ found: AnniversaryDate, _ offset: Int) -> String {
        dayOffsets.count == 1 ? found.occasion : "\(found.occasion)/\(offset > 0 ? "+" : "")\(offset)"
    }

    /// The occasion of that name; nil when the day has none.
    fileprivate func occasion(_ name: String, of born: BirthDate, zone: Zone) -> LocalOccasion? {
        guard let year = Int(name.prefix { $0.isNumber }), let first = CivilDate(year: year, month: 1, day: 1),
            let last = CivilDate(year: year, month: 12, day: 31), (0...9999).contains(year),
            let earliest = dayOffsets.min(), let latest = dayOffsets.max()
        else { return nil }
        var found: LocalOccasion?
        forEachOccasion(of: born, in: (first + earliest)...(last + latest), zone: zone) { if $0.id == name { found = $0 } }
        return found
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
    func occasion(_ name: String, of customer: Customer, zone: Zone) -> LocalOccasion? {
        switch self {
        case .anniversary(let trigger):
            customer.record.birthDate(trigger.column).flatMap { trigger.occasion(name, of: $0, zone: zone) }
        case .schedule(let trigger): trigger.occasion(name, zone: zone)
        case .event: nil
        }
    }
}
