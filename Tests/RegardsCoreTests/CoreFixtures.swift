import Foundation
import RegardsCalendar
import RegardsCore
import Testing

let zones = ZoneCatalog()
let countries = CountryZones()

func zone(_ name: String) throws -> Zone { try #require(zones.zone(named: name), "no zone \(name)") }
func date(_ text: String) throws -> CivilDate { try #require(CivilDate(text), "no date \(text)") }
func time(_ text: String) throws -> WallTime { try #require(WallTime(text), "no time \(text)") }
/// `2027-05-05T07:00:00Z`; without an offset the time is UTC's.
func at(_ text: String) throws -> Instant { try #require(Instant(text, in: .utc), "no instant \(text)") }
func calendar(_ text: String) throws -> OnCalendar { try OnCalendar(text, zones: zones) }

extension Instant {
    static func + (instant: Instant, microseconds: Int64) -> Instant { instant + TimeSpan(microseconds: microseconds) }
    static func - (instant: Instant, microseconds: Int64) -> Instant { instant - TimeSpan(microseconds: microseconds) }
}

/// A business in Berlin with three people, one kind of event and whatever rules a test gives it.
struct TestHouse {
    var schema = CustomerSchema()
    var kind: EventKind
    let vip: Int
    let opened: Int
    let answered: Int
    let solved: Int
    let subject: Int
    var people: [Role: Person]
    var businessZone: Zone

    static let advisor = Role("advisor")
    static let manager = Role("manager")
    static let director = Role("director")

    init(businessZone: String = "Europe/Berlin") throws {
        vip = schema.columns.use("vip")
        _ = schema.columns.use("birthday")
        _ = schema.columns.use("total_spent")
        _ = schema.columns.use("customer_since")
        var columns = RecordSchema(known: EventColumn.names)
        opened = columns.use("opened_at")
        answered = columns.use("answered_at")
        solved = columns.use("solved_at")
        subject = columns.use("subject")
        let isSolved = Condition.test(
            .init(text: "complaint.solved_at is present", operand: .event(slot: solved), predicate: .isPresent))
        kind = EventKind(name: "complaint", columns: columns, done: isSolved, pauses: [.greeting, .marketing])
        people = [
            Self.advisor: Person(
                .column(email: CustomerColumn.advisorEmail.rawValue, name: CustomerColumn.advisorName.rawValue),
                otherwise: Self.manager),
            Self.manager: Person(.fixed([try Self.contact("Maria", "maria@shop.example"), try Self.contact("Mats", "mats@shop.example")])),
            Self.director: Person(.fixed([try Self.contact("Dora", "dora@shop.example")])),
        ]
        self.businessZone = try zone(businessZone)
    }

    static func contact(_ name: String, _ address: String) throws -> Contact { Contact(name: name, address: try Address(address)) }

    func book(_ rules: [Rule]) throws -> RuleBook {
        let business = Business(name: "The Shop", email: try Address("hello@shop.example"), zone: businessZone)
        return RuleBook(rules: rules, eventKinds: [kind], customers: schema, house: House(business: business, people: people), countries: countries)
    }

    func planner(_ rules: Rule...) throws -> Planner { try planner(rules) }
    func planner(_ rules: [Rule]) throws -> Planner { Planner(book: try book(rules), zones: zones, countries: countries) }

    func customer(_ id: String = "17", birthday: String? = nil, zone: String? = nil, more: [CustomerColumn: String] = [:]) -> Customer {
        var customer = Customer(schema: schema)
        var columns: [CustomerColumn: String] = [.id: id, .name: "Ada", .email: "ada@example.org"]
        columns[.birthday] = birthday
        columns[.timeZone] = zone
        for (column, text) in columns.merging(more, uniquingKeysWith: { $1 }) where !text.isEmpty {
            customer.record.set(column.rawValue, text: text)
        }
        return customer
    }

    func record(_ values: [Int: String]) -> Record {
        var record = kind.columns.makeRecord()
        for (slot, text) in values { record.set(slot, text: text) }
        return record
    }
}

extension Planner {
    /// What a customer is owed by the first rule in a window, in order of due time.
    mutating func owed(_ customer: Customer, from: Instant, through: Instant, rule: Int = 0) throws -> [Candidate] {
        let place = zone(of: customer)
        let zone = try #require(place)
        var found: [Candidate] = []
        candidates(of: customer, zone: zone, rule: rule, in: PlanWindow(from: from, through: through, plannedThrough: from)) {
            found.append($0)
        }
        return found.sorted { $0.outreach.dueAt < $1.outreach.dueAt }
    }

    mutating func owed(_ customer: Customer, in year: Int, rule: Int = 0) throws -> [Candidate] {
        try owed(customer, from: at("\(year)-01-01"), through: at("\(year + 1)-01-01"), rule: rule)
    }
}

/// `2027 2027-05-05T07:00:00Z`.
func summary(_ candidates: [Candidate]) -> [String] {
    candidates.map { "\($0.outreach.key.occasion) \($0.outreach.dueAt)" }
}

func step(_ name: String = "send", _ action: Step.Action = .send(CardPattern("card")), at time: StepTime = .occasion) -> Step {
    Step(name: name, action: action, time: time)
}

func anniversaryRule(
    at time: WallTime, offsets: [Int] = [0], feb29: Feb29 = .feb28, purpose: Purpose = .greeting, lateness: Lateness? = nil
) -> Rule {
    Rule(
        name: "birthday-card", purpose: purpose,
        trigger: .anniversary(.init(column: CustomerColumn.birthday.rawValue, at: time, dayOffsets: offsets, feb29: feb29)),
        steps: [step()], lateness: lateness, hash: 7)
}

func scheduleRule(_ expression: String, at time: WallTime? = nil, purpose: Purpose = .greeting) throws -> Rule {
    Rule(
        name: "monthly-card", purpose: purpose,
        trigger: .schedule(.init(expression: try calendar(expression), at: time)), steps: [step()], hash: 8)
}
