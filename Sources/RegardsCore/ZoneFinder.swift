package import RegardsCalendar

/// The zone a customer lives in, and how it is known.
package struct CustomerZone: Hashable, Sendable {
    package enum Source: String, Hashable, Sendable {
        case column, country, business
    }

    package var zone: Zone
    package var source: Source
}

/// Finds customers' zones, without an allocation for a zone or country that was seen before.
package struct ZoneFinder {
    private let zones: ZoneCatalog
    private let countries: CountryZones
    private let house: CustomerZone
    private var byZone = ByteCache<Zone?>()
    private var byCountry = ByteCache<Zone?>()

    package init(zones: ZoneCatalog, countries: CountryZones, business: Zone) {
        self.zones = zones
        self.countries = countries
        house = CustomerZone(zone: business, source: .business)
    }

    /// The zone of `time_zone`; where that is empty, the country's where it has only one time, else the business's.
    /// nil when `time_zone` names no zone: such a customer is unusable, because a guess would greet at night.
    package mutating func zone(of customer: Customer) -> CustomerZone? {
        let column = CustomerColumn.timeZone.rawValue
        if customer.record.isPresent(column) {
            return zone(named: column, of: customer).map { CustomerZone(zone: $0, source: .column) }
        }
        guard let zone = zone(ofCountryOf: customer) else { return house }
        return CustomerZone(zone: zone, source: .country)
    }

    private mutating func zone(named column: Int, of customer: Customer) -> Zone? {
        customer.record.withText(column) { bytes in
            guard let bytes else { return nil }
            if let known = byZone[bytes] { return known }
            let zone = zones.zone(named: String(decoding: bytes, as: UTF8.self))
            byZone.remember(bytes, zone)
            return zone
        }
    }

    private mutating func zone(ofCountryOf customer: Customer) -> Zone? {
        customer.record.withText(CustomerColumn.country.rawValue) { bytes in
            guard let bytes else { return nil }
            if let known = byCountry[bytes] { return known }
            let zone = countries.onlyZone(of: String(decoding: bytes, as: UTF8.self), in: zones)
            byCountry.remember(bytes, zone)
            return zone
        }
    }
}

/// A dictionary from short byte strings, looked up without making a `String`: every customer of a pass asks.
struct ByteCache<Value> {
    private struct Entry {
        var hash: UInt64
        var key: [UInt8]
        var value: Value
    }

    private var entries: [Entry] = []
    /// Where entries stand, by the low bits of their hash; -1 is free. A power of two, and never more than half full.
    private var table: [Int16] = [-1, -1]
    /// More than there are zones and countries; hostile data cannot grow it without end.
    private static var limit: Int { 4096 }

    subscript(bytes: UnsafeBufferPointer<UInt8>) -> Value? {
        let hash = ByteCache.hash(bytes)
        var place = first(hash)
        while table[place] >= 0 {
            let index = Int(table[place])
            if entries[index].hash == hash, ByteCache.equal(entries[index].key, bytes) { return entries[index].value }
            place = next(place)
        }
        return nil
    }

    /// Keeps the value of a key that is not known yet, while there is room.
    mutating func remember(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Value) {
        guard entries.count < Self.limit else { return }
        entries.append(Entry(hash: ByteCache.hash(bytes), key: Array(bytes), value: value))
        if entries.count * 2 > table.count {
            table = Array(repeating: -1, count: table.count * 2)
            for index in entries.indices { enter(index) }
        } else {
            enter(entries.count - 1)
        }
    }

    private mutating func enter(_ index: Int) {
        var place = first(entries[index].hash)
        while table[place] >= 0 { place = next(place) }
        table[place] = Int16(index)
    }

    private func first(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (table.count - 1) }
    private func next(_ place: Int) -> Int { (place + 1) & (table.count - 1) }

    /// FNV-1a, which is quick for names of a few bytes.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }

    private static func equal(_ key: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.count == bytes.count else { return false }
        for index in 0..<key.count where key[index] != bytes[index] { return false }
        return true
    }
}
