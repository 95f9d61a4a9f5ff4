import RegardsCalendar
import RegardsCore
import Testing

/// Somebody whom only an event's row knows.
@Suite struct EventCustomerTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func columns(_ names: [String]) -> RecordSchema {
        var columns = RecordSchema(known: EventColumn.names)
        for name in names { _ = columns.use(name) }
        return columns
    }

    func record(_ columns: RecordSchema, _ values: [String: String]) -> Record {
        var record = columns.makeRecord()
        for (name, text) in values { if let slot = columns.slot(name) { record.set(slot, text: text) } }
        return record
    }

    @Test func theRowsColumnsBecomeTheCustomers() throws {
        let columns = columns(["email", "name", "locale", "time_zone", "country", "phone", "subject", "vip"])
        var row = record(
            columns, [
                "id": "9", "customer_id": "17", "at": "2027-05-05", "email": "ada@example.org", "name": "Ada", "locale": "fr",
                "time_zone": "Asia/Tokyo", "country": "JP", "phone": "", "subject": "A question",
            ])
        let vip = try #require(columns.slot("vip"))
        row.set(vip, integer: 1)
        let customer = Customer(fromEvent: row, columns: columns, schema: house.schema, id: "event:9")
        #expect(customer.id == "event:9")
        #expect(customer.text(.email) == "ada@example.org")
        #expect(customer.fullName == "Ada")
        #expect(customer.text(.locale) == "fr")
        #expect(customer.text(.phone) == nil)
        #expect(customer.text(.birthday) == nil)
        #expect(customer.record.number(house.vip) == 1)
        #expect(customer.record.slots.count == house.schema.columns.names.count)
        row.set(vip, real: 2.5)
        #expect(Customer(fromEvent: row, columns: columns, schema: house.schema, id: "x").record.number(house.vip) == 2.5)
        row.setNull(vip)
        #expect(!Customer(fromEvent: row, columns: columns, schema: house.schema, id: "x").record.isPresent(house.vip))
    }

    @Test func aRowThatBringsNobody() {
        let columns = columns(["subject"])
        let customer = Customer(fromEvent: record(columns, ["id": "9", "subject": "x"]), columns: columns, schema: house.schema, id: "event:9")
        #expect(customer.id == "event:9")
        #expect(Contact(customer: customer) == nil)
        // A row of fewer slots, from before a file named more columns.
        let short = Customer(fromEvent: Record(slotCount: 3), columns: columns, schema: house.schema, id: "event:9")
        #expect(short.id == "event:9")
    }

    @Test func anInquiryIsAnsweredWhereItsAuthorLives() throws {
        var house = house
        let columns = columns(["email", "name", "time_zone"])
        house.kind = EventKind(name: "inquiry", columns: columns)
        let rule = Rule(
            name: "inquiry", purpose: .care,
            trigger: .event(.init(kind: 0, start: .event(Delay(at: try time("09:00"))))), steps: [step()])
        let row = record(columns, ["email": "ada@example.org", "time_zone": "Asia/Tokyo"])
        let event = Event(kind: "inquiry", id: "9", customer: nil, at: try at("2027-05-05T07:00:00Z"))
        let facts = Facts(
            customer: Customer(fromEvent: row, columns: columns, schema: house.schema, id: event.customerKey), event: event,
            eventRecord: row)
        var planner = try house.planner(rule)
        let found = planner.candidates(ofEvent: facts, rule: 0)
        #expect(found.map(\.outreach.key.customer) == ["event:9"])
        #expect(found.map(\.outreach.dueAt) == [try at("2027-05-06T00:00:00Z")])
        #expect(found.map(\.outreach.zone) == ["Asia/Tokyo"])
        #expect(Decision.make(found[0], facts, planner.book, now: found[0].outreach.dueAt).verdict == .send)
        #expect(planner.derive(found[0].outreach.key, facts: facts)?.outreach == found[0].outreach)
    }
}
