import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@Suite struct RecordTests {
    @Test func slotsHoldWhatIsPutIn() {
        var record = Record(slotCount: 5)
        record.set(0, integer: -7)
        record.set(1, real: 2.5)
        record.set(2, text: "Zoë")
        record.set(3, text: "")
        #expect((0..<5).map(record.string) == ["-7", "2.5", "Zoë", "", nil])
        #expect((0..<5).map(record.isPresent) == [true, true, true, false, false])
        #expect((0..<5).map(record.number) == [-7, 2.5, nil, nil, nil])
    }

    @Test func aRecordIsUsedAgain() {
        var record = Record(slotCount: 2)
        record.set(0, text: "first")
        record.set(1, text: "second")
        record.clear()
        #expect((0..<2).map(record.string) == [nil, nil])
        record.set(1, text: "third")
        #expect(record.string(1) == "third")
        record.setNull(1)
        #expect(record.string(1) == nil)
        record.set(1, text: "fourth")
        record.set(1, text: "fifth")
        #expect(record.string(1) == "fifth")
    }

    @Test func aCopyIsItsOwn() {
        var record = Record(slotCount: 1)
        record.set(0, text: "first")
        let copy = record
        record.clear()
        record.set(0, text: "other")
        #expect(copy.string(0) == "first")
    }

    @Test(arguments: [
        (2.0, "2"), (-0.0, "0"), (0.1, "0.1"), (1e14, "100000000000000"), (1e15, "1000000000000000"), (1e16, "1e+16"), (-1234567.0, "-1234567"),
        (.infinity, "inf"), (.nan, "nan"),
    ])
    func realsAreShownShort(number: Double, text: String) {
        var record = Record(slotCount: 1)
        record.set(0, real: number)
        #expect(record.string(0) == text)
    }

    @Test(arguments: [
        ("12", 12.0), ("-0.5", -0.5), ("1e6", 1_000_000), ("+3", 3), (".5", 0.5), ("", nil), ("-", nil), ("1.2.3", nil), ("12 ", nil),
        ("nan", nil), ("inf", nil), ("-infinity", nil), ("0x10", nil), ("1_000", nil), ("１２", nil),
    ] as [(String, Double?)])
    func numbersInText(text: String, number: Double?) {
        var record = Record(slotCount: 1)
        record.set(0, text: text)
        #expect(record.number(0) == number)
    }

    @Test func illFormedTextIsRepairedWhenRead() {
        var record = Record(slotCount: 1)
        [UInt8](arrayLiteral: 0x61, 0xff, 0x62).withUnsafeBufferPointer { record.set(0, utf8: $0) }
        #expect(record.string(0) == "a\u{fffd}b")
    }

    @Test func textIsLentWithoutACopy() {
        var record = Record(slotCount: 3)
        record.set(0, text: "one")
        record.set(1, text: "two")
        record.set(2, integer: 2)
        #expect(record.withText(1) { $0.map(Array.init) } == Array("two".utf8))
        #expect(record.withText(2) { $0 == nil })
    }

    // MARK: Dates of birth

    @Test(arguments: [
        ("1980-02-29", 1980, 2, 29), ("1980-12-31 00:00:00", 1980, 12, 31), ("1980-12-31T23:59:59", 1980, 12, 31),
        ("1980-12-31T23:59:59Z", 1980, 12, 31), ("1980-12-31 23:59:59.123+02", 1980, 12, 31), ("--02-29", nil, 2, 29), ("02-29", nil, 2, 29),
        ("0000-02-29", nil, 2, 29), ("0001-01-01", 1, 1, 1), ("9999-12-31", 9999, 12, 31),
    ] as [(String, Int?, Int, Int)])
    func datesOfBirth(text: String, year: Int?, month: Int, day: Int) throws {
        var record = Record(slotCount: 1)
        record.set(0, text: text)
        let born = try #require(record.birthDate(0))
        #expect((born.year, born.month, born.day) == (year, month, day))
    }

    @Test(arguments: [
        "", "1980-02-30", "1900-02-29", "1980-13-01", "1980-00-10", "1980-1-1", "80-01-01", "1980/01/01", "1980-01-01x", "1980-01-01 25:00:00",
        "1980-01-01 12:60:00", "1980-01-01 12:00:61", "1980-01-01 12-00-00", "1980-01-01_12:00:00", "198a-01-01", "1980-01-0 ", "-1980-01-01",
        "１９８０-01-01", "1980-01-01 noon", "2-29",
    ])
    func noDatesOfBirth(text: String) {
        var record = Record(slotCount: 1)
        record.set(0, text: text)
        #expect(record.birthDate(0) == nil)
    }

    @Test func numbersAreNoDatesOfBirth() {
        var record = Record(slotCount: 3)
        record.set(0, integer: 19_800_229)
        record.set(1, real: 2_444_298.5)
        #expect((0..<3).allSatisfy { record.birthDate($0) == nil })
    }

    /// The quick reader and the general one agree on every text of their lengths.
    @Test func theQuickReaderSaysWhatTheGeneralOneSays() {
        var random = SeededGenerator()
        var record = Record(slotCount: 1)
        var count = 0
        for _ in 0..<50_000 {
            var text = Array("\(Int.random(in: 1900...2030, using: &random))-\(random.pick(["01", "02", "06", "12", "13", "00"]))-\(random.pick(["01", "28", "29", "30", "31", "32"]))".utf8)
            if Bool.random(using: &random) { text += Array(random.pick([" 00:00:00", "T23:59:59", " 24:00:00", "T12:60:00", " 12:00:60"]).utf8) }
            if Int.random(in: 0..<4, using: &random) == 0 {
                text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 32..<127, using: &random)
            }
            record.clear()
            text.withUnsafeBufferPointer { record.set(0, utf8: $0) }
            let quick = record.birthDate(0)
            #expect(quick == BirthDate(String(decoding: text, as: UTF8.self)), "\(String(decoding: text, as: UTF8.self))")
            count += quick == nil ? 0 : 1
        }
        #expect(count > 10_000)
    }

    // MARK: Schemas

    @Test func aSchemaKnowsWhatIsUsedAndWhereItWasNamed() {
        var schema = RecordSchema(known: ["id", "email"])
        let first = Place(file: "a.yaml", line: 3, column: 5)
        #expect(schema.use("email") == 1)
        #expect(schema.use("tags", at: first) == 2)
        #expect(schema.use("tags", at: Place(file: "b.yaml", line: 1, column: 1)) == 2)
        #expect(schema.use("email", at: first) == 1)
        #expect(schema.names == ["id", "email", "tags"])
        #expect(schema.isUsed == [false, true, true])
        #expect(schema.places == [nil, first, first])
        #expect(schema.slot("tags") == 2)
        #expect(schema.slot("Tags") == nil)
        #expect(schema.makeRecord().slots.count == 3)
    }

    @Test func theKnownColumnsHaveTheirSlots() {
        #expect(CustomerColumn.allCases.map(\.name) == CustomerColumn.names)
        #expect(Set(CustomerColumn.names).count == CustomerColumn.names.count)
        let schema = CustomerSchema().columns
        for column in CustomerColumn.allCases { #expect(schema.slot(column.name) == column.rawValue) }
        #expect(EventColumn.allCases.map(\.name) == EventColumn.names)
    }

    @Test func aCustomersNameAndId() throws {
        let house = try TestHouse()
        var customer = Customer(schema: house.schema)
        #expect(customer.id == "")
        #expect(customer.fullName == "")
        customer.record.set(CustomerColumn.id.rawValue, integer: 42)
        customer.record.set(CustomerColumn.familyName.rawValue, text: "Lovelace")
        #expect(customer.id == "42")
        #expect(customer.fullName == "Lovelace")
        customer.record.set(CustomerColumn.givenName.rawValue, text: "Ada")
        #expect(customer.fullName == "Ada Lovelace")
        customer.record.set(CustomerColumn.name.rawValue, text: "Countess of Lovelace")
        #expect(customer.fullName == "Countess of Lovelace")
        #expect(customer.text(.email) == nil)
        #expect(customer.text(.name) == "Countess of Lovelace")
    }
}
