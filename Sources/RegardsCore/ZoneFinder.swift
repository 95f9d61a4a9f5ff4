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
            let zones = zones
            let zone = customer.record.withText(column) { bytes in
                bytes.flatMap { byZone.value(for: $0) { zones.zone(named: $0) } }
            }
            return zone.map { CustomerZone(zone: $0, source: .column) }
        }
        let (zones, countries) = (zones, countries)
        let zone = customer.record.withText(CustomerColumn.country.rawValue) { bytes in
            bytes.flatMap { byCountry.value(for: $0) { countries.onlyZone(of: $0, in: zones) } }
        }
        return zone.map { CustomerZone(zone: $0, source: .country) } ?? house
    }
}

/// A dictionary from short byte strings, looked up without making a `String`.
struct ByteCache<Value> {
    private var buckets: [UInt64: [(key: [UInt8], value: Value)]] = [:]
    private var count = 0
    /// More than there are zones and countries; hostile data cannot grow it without end.
    private static var limit: Int { 4096 }

    mutating func value(for bytes: UnsafeBufferPointer<UInt8>, otherwise make: (String) -> Value) -> Value {
        if let known = self[bytes] { return known }
        let value = make(String(decoding: bytes, as: UTF8.self))
        remember(bytes, value)
        return value
    }

    subscript(bytes: UnsafeBufferPointer<UInt8>) -> Value? {
        guard let bucket = buckets[ByteCache.hash(bytes)] else { return nil }
        for entry in bucket where ByteCache.equal(entry.key, bytes) { return entry.value }
        return nil
    }

    private static func equal(_ key: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.count == bytes.count else { return false }
        for index in key.indices where key[index] != bytes[index] { return false }
        return true
    }

    /// Keeps the value of a key that is not known yet, while there is room.
    mutating func remember(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Value) {
        guard count < Self.limit else { return }
        buckets[ByteCache.hash(bytes), default: []].append((Array(bytes), value))
        count += 1
    }

    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}
