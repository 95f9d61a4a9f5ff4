import RegardsCalendar

extension FeastTrigger {
    /// The names of all feasts that somebody may be greeted on.
    package var names: [String] {
        switch choice {
        case .named(let feast): [feast.name]
        case .byCountry(let catalog, _): catalog.greeted.map(\.name)
        }
    }

    /// Whether a feast, moved by one of the offsets, falls on one of these dates.
    func falls(_ feast: Feast, in dates: ClosedRange<CivilDate>) -> Bool {
        var isFound = false
        for offset in dayOffsets {
            feast.rule.forEach(in: dates.lowerBound..<(dates.upperBound + 1), daysAfter: offset) { _, _ in isFound = true }
        }
        return isFound
    }

    /// What falls on these dates for customers of the zone who keep these feasts.
    func occasions(of feasts: [Feast], in dates: ClosedRange<CivilDate>, zone: Zone) -> [LocalOccasion] {
        var found: [LocalOccasion] = []
        for feast in feasts {
            forEachOccasion(of: feast, in: dates.lowerBound..<(dates.upperBound + 1), zone) { found.append($0) }
        }
        return found
    }

    /// The occasion of that name; nil when none of these feasts has one.
    func occasion(_ name: String, of feasts: [Feast], zone: Zone) -> LocalOccasion? {
        guard let feast = FeastTrigger.feast(ofOccasion: name), let kept = feasts.first(where: { $0.name == feast.name }),
            let first = CivilDate(year: feast.year, month: 1, day: 1), let earliest = dayOffsets.min(),
            let latest = dayOffsets.max()
        else { return nil }
        var found: LocalOccasion?
        // Offsets, and lunar years that end in the next Gregorian one, lead out of the year: by two at most.
        forEachOccasion(of: kept, in: (first + earliest - 366)..<(first + latest + 3 * 366), zone) {
            if $0.id == name { found = $0 }
        }
        return found
    }

    private func forEachOccasion(
        of feast: Feast, in dates: Range<CivilDate>, _ zone: Zone, _ body: (LocalOccasion) -> Void
    ) {
        for offset in dayOffsets {
            feast.rule.forEach(in: dates, daysAfter: offset) { date, year in
                let id = "\(feast.name)-\(year)" + dayOffsets.suffix(offset)
                body(LocalOccasion(id: id, dueAt: zone.instant(date, at), zone: zone, date: date, time: at))
            }
        }
    }

    /// The feast that an occasion of this trigger names, `mid-autumn-2027` or `mid-autumn-2027/-7`, and its year; nil
    /// for other text.
    package static func feast(ofOccasion occasion: String) -> (name: String, year: Int)? {
        let name = occasion.prefix { $0 != "/" }
        guard let hyphen = name.lastIndex(of: "-"), hyphen != name.startIndex,
            let year = Int(name[name.index(after: hyphen)...]), (0...9999).contains(year)
        else { return nil }
        return (String(name[..<hyphen]), year)
    }
}

// MARK: - By customer

extension FeastTrigger {
    /// The feasts that a customer is greeted on; nil when the column of feasts names something that is not known.
    ///
    /// The column holds names of feasts divided by spaces or commas, a country as the column `country` does, or `none`.
    func feasts(of customer: Customer, _ countries: CountryZones) -> [Feast]? {
        switch choice {
        case .named(let feast): return [feast]
        case .byCountry(let catalog, let column):
            if let column, let text = customer.record.string(column), !text.isEmpty {
                return FeastTrigger.feasts(named: text, catalog, countries)
            }
            return FeastTrigger.feasts(country: customer.text(.country) ?? "", catalog, countries)
        }
    }

    fileprivate static func feasts(named text: String, _ catalog: FeastCatalog, _ countries: CountryZones) -> [Feast]? {
        if text == "none" { return [] }
        let names = text.split { $0 == " " || $0 == "," }.map(String.init)
        let found = names.compactMap { name in catalog.greeted.first { $0.name == name.lowercased() } }
        if found.count == names.count, !names.isEmpty { return found }
        return countries.code(of: text).map { catalog.feasts(country: $0) }
    }

    fileprivate static func feasts(country: String, _ catalog: FeastCatalog, _ countries: CountryZones) -> [Feast] {
        catalog.feasts(country: countries.code(of: country) ?? "")
    }
}

/// The feasts of each customer, found without an allocation for a country that was seen before.
///
/// Customers share few sets of feasts, so each set gets a number, and whether it falls due in the window is worked out
/// once for each.
struct CustomerFeasts {
    private let catalog: FeastCatalog
    private let column: Int?
    private var trigger: FeastTrigger
    private var dates: [ClosedRange<CivilDate>] = []
    /// False when nobody's feasts can be due in the window, and no column has to be read to know it.
    private(set) var mayFall = true
    private var sets: [[Feast]] = []
    private var dueSets: [Bool] = []
    private var byColumn = ByteCache<Int?>()
    private var byCountry = ByteCache<Int>()
    /// Sets of countries that are given by a code, AA to ZZ; -1 for one that was not asked for yet.
    private var byCode = [Int](repeating: -1, count: 26 * 26)

    /// nil for a trigger whose feast is the same for everybody.
    init?(_ trigger: FeastTrigger) {
        guard case .byCountry(let catalog, let column) = trigger.choice else { return nil }
        self.catalog = catalog
        self.column = column
        self.trigger = trigger
    }

    mutating func prepare(_ trigger: FeastTrigger, for dates: [ClosedRange<CivilDate>]) {
        self.trigger = trigger
        self.dates = dates
        mayFall = column != nil || isDue(catalog.greeted)
        for index in sets.indices { dueSets[index] = isDue(sets[index]) }
    }

    func set(_ number: Int) -> [Feast] { sets[number] }

    private func isDue(_ feasts: [Feast]) -> Bool {
        feasts.contains { feast in dates.contains { trigger.falls(feast, in: $0) } }
    }

    /// The number of the customer's set, and whether one of its feasts may fall due in the window; nil when the column of
    /// feasts names something that is not known.
    mutating func find(for customer: Customer, _ countries: CountryZones) -> (set: Int, isDue: Bool)? {
        number(for: customer, countries).map { ($0, dueSets[$0]) }
    }

    private mutating func number(for customer: Customer, _ countries: CountryZones) -> Int? {
        if let column, customer.record.isPresent(column) { return find(column, of: customer, countries) }
        return customer.record.withText(CustomerColumn.country.rawValue) { bytes in
            if let bytes, let place = CustomerFeasts.place(ofCode: bytes) {
                if byCode[place] < 0 { byCode[place] = number(ofCountry: String(decoding: bytes, as: UTF8.self), countries) }
                return byCode[place]
            }
            let country = bytes ?? UnsafeBufferPointer(start: nil, count: 0)
            if let known = byCountry[country] { return known }
            let found = number(ofCountry: String(decoding: country, as: UTF8.self), countries)
            byCountry.remember(country, found)
            return found
        }
    }

    private mutating func find(_ column: Int, of customer: Customer, _ countries: CountryZones) -> Int? {
        customer.record.withText(column) { bytes in
            // A number names no feast.
            guard let bytes else { return nil }
            if let known = byColumn[bytes] { return known }
            let text = String(decoding: bytes, as: UTF8.self)
            let found = FeastTrigger.feasts(named: text, catalog, countries).map { number(of: $0) }
            byColumn.remember(bytes, found)
            return found
        }
    }

    private mutating func number(ofCountry country: String, _ countries: CountryZones) -> Int {
        number(of: FeastTrigger.feasts(country: country, catalog, countries))
    }

    private mutating func number(of feasts: [Feast]) -> Int {
        if let known = sets.firstIndex(of: feasts) { return known }
        sets.append(feasts)
        dueSets.append(isDue(feasts))
        return sets.count - 1
    }

    /// Where two letters stand in `byCode`.
    private static func place(ofCode bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard bytes.count == 2 else { return nil }
        let (first, second) = (bytes[0] | 0x20, bytes[1] | 0x20)
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        guard letters.contains(first), letters.contains(second) else { return nil }
        return Int(first - letters.lowerBound) * 26 + Int(second - letters.lowerBound)
    }
}
