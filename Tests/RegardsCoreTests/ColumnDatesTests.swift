import RegardsCalendar
import RegardsCore
import Testing

@Suite struct ColumnDatesTests {
    private func record(_ text: String) -> Record {
        var record = Record(slotCount: 2)
        record.set(0, text: "something before it")
        record.set(1, text: text)
        return record
    }

    @Test(arguments: ["2027-05-04", "2027-05-04 00:00:00", "2027-05-04T10:11:12Z", "2027-05-04 and more"])
    func dates(_ text: String) {
        #expect(record(text).civilDate(1) == CivilDate(year: 2027, month: 5, day: 4))
    }

    @Test(arguments: [
        "", "2027", "2027-5-4", "2027-05-040", "2027-02-29", "2027-13-01", "2027-00-10", "04.05.2027", "2027/05/04",
        " 2027-05-04", "2027-05-04Z", "２０２７-05-04", "20270504",
    ])
    func noDates(_ text: String) {
        #expect(record(text).civilDate(1) == nil)
    }

    @Test func onlyTextIsADate() {
        var record = Record(slotCount: 3)
        record.set(1, integer: 20_270_504)
        record.set(2, real: 1.5)
        #expect(record.civilDate(0) == nil && record.civilDate(1) == nil && record.civilDate(2) == nil)
    }

    @Test(arguments: [
        ("2027-05-04", 1_809_388_800_000_000), ("2027-05-04 10:11", 1_809_425_460_000_000),
        ("2027-05-04 10:11:12", 1_809_425_472_000_000), ("2027-05-04 9:11:12", 1_809_421_872_000_000),
        ("2027-05-04T10:11:12Z", 1_809_425_472_000_000), ("2027-05-04 10:11:12.5", 1_809_425_472_500_000),
        ("2027-05-04 10:11:12.123456789Z", 1_809_425_472_123_456), ("2027-05-04T10:11:12+02:00", 1_809_418_272_000_000),
        ("2027-05-04T10:11:12+0200", 1_809_418_272_000_000), ("2027-05-04T10:11:12+02", 1_809_418_272_000_000),
        ("2027-05-04T10:11:12-05:30", 1_809_445_272_000_000), ("1969-12-31T23:59:59.25Z", -750_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
    ])
    func instants(_ text: String, _ microseconds: Int64) {
        #expect(record(text).instant(1, zone: .utc) == Instant(microseconds: microseconds))
        #expect(Instant(text, in: .utc) == Instant(microseconds: microseconds))
    }

    @Test(arguments: [
        "", "now", "2027-05-04x", "2027-05-04T", "2027-05-04 24:00", "2027-05-04 10", "2027-05-04 10:60",
        "2027-05-04 10:11:60", "2027-05-04 10:11:12.", "2027-05-04 10:11:12,5", "2027-05-04 10:11:12 Z",
        "2027-05-04T10:11:12+24:00", "2027-05-04T10:11:12+02:60", "2027-05-04T10:11:12+2", "2027-05-04T10:11:12ZZ",
        "2027-02-30 10:11:12", "1809425472",
    ])
    func noInstants(_ text: String) {
        #expect(record(text).instant(1, zone: .utc) == nil)
    }

    @Test func withoutAnOffsetTheZoneDecides() throws {
        let zone = try #require(ZoneCatalog().zone(named: "Europe/Berlin"))
        #expect(record("2027-05-04 10:11:12").instant(1, zone: zone) == Instant(seconds: 1_809_418_272))
        #expect(record("2027-05-04T10:11:12Z").instant(1, zone: zone) == Instant(seconds: 1_809_425_472))
        #expect(record("2027-05-04").instant(1, zone: zone) == Instant(seconds: 1_809_381_600))
    }

    @Test(arguments: [
        (Int64(1_809_425_472), Int64?(1_809_425_472_000_000)), (0, 0), (-1, -1_000_000),
        (99_999_999_999, 99_999_999_999_000_000), (100_000_000_000, 100_000_000_000_000),
        (1_809_425_472_123, 1_809_425_472_123_000), (-1_809_425_472_123, -1_809_425_472_123_000),
        (100_000_000_000_000, nil), (.max, nil), (.min, nil),
    ])
    func integers(_ number: Int64, _ microseconds: Int64?) {
        var record = Record(slotCount: 1)
        record.set(0, integer: number)
        #expect(record.instant(0, zone: .utc)?.microseconds == microseconds)
    }

    @Test(arguments: [
        (1_809_425_472.25, Int64?(1_809_425_472_250_000)), (1_809_425_472_123.5, 1_809_425_472_123_500),
        (-0.5, -500_000), (1e14, nil), (.nan, nil), (.infinity, nil), (-.infinity, nil),
    ])
    func reals(_ number: Double, _ microseconds: Int64?) {
        var record = Record(slotCount: 1)
        record.set(0, real: number)
        #expect(record.instant(0, zone: .utc)?.microseconds == microseconds)
    }

    @Test func nothingIsNoInstant() {
        #expect(Record(slotCount: 1).instant(0, zone: .utc) == nil)
    }
}
