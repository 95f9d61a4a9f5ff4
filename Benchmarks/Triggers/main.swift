// What a rule costs for a customer who is owed nothing: `swift run -c release TriggerBenchmarks [--check]`.
//
// A pass over a million customers asks each rule about each of them, and hardly any has an occasion. So the answer
// "nothing" is what planning costs. One row for each way in which a rule can hang on dates; with `--check` the program
// fails when a row allocates, or takes longer than its mark.

import CAllocationCount
import Glibc
import RegardsCalendar
import RegardsCore

let catalog = ZoneCatalog()
let countries = CountryZones()
func end(_ reason: String) -> Never {
    print(reason)
    exit(1)
}

guard let berlin = catalog.zone(named: "Europe/Berlin"), let nine = WallTime(hour: 9, minute: 0) else {
    end("no zone data in \(ZoneCatalog.systemDirectory)")
}

let birthday = CustomerColumn.birthday.rawValue
let calendarColumn = CustomerColumn.birthdayCalendar.rawValue
let (schema, feastColumn, leaseColumn) = {
    var schema = CustomerSchema()
    let feasts = schema.columns.use("feasts"), lease = schema.columns.use("lease_ends_at")
    return (schema, feasts, lease)
}()

/// The daemon's window: 26 hours, here around a day without any feast.
let start = Instant(seconds: Int64(CivilDate(year: 2027, month: 4, day: 14)!.dayNumber) * 86_400 + 36_000)
let window = PlanWindow(from: start, through: start + PlanWindow.ahead, plannedThrough: start)
/// Around mid-autumn, when everybody in China is owed a card and nobody in Germany.
let festive = Instant(seconds: Int64(CivilDate(year: 2027, month: 9, day: 14)!.dayNumber) * 86_400 + 36_000)
let festiveWindow = PlanWindow(from: festive, through: festive + PlanWindow.ahead, plannedThrough: festive)

struct Person {
    var birthday = "1980-11-05"
    var lastOrder = "2027-03-05 14:30:00"
    var leaseEnds = "2027-08-31"
    var calendar = ""
    var country = "DE"
    var feasts = ""
}

func customer(_ number: Int, _ person: Person) -> Customer {
    var customer = Customer(schema: schema)
    customer.record.set(CustomerColumn.id.rawValue, text: String(number))
    customer.record.set(CustomerColumn.timeZone.rawValue, text: "Europe/Berlin")
    for (slot, text) in [
        (birthday, person.birthday), (calendarColumn, person.calendar), (CustomerColumn.country.rawValue, person.country),
        (feastColumn, person.feasts), (CustomerColumn.lastOrderAt.rawValue, person.lastOrder), (leaseColumn, person.leaseEnds),
        (CustomerColumn.customerSince.rawValue, "2019-02-03"),
    ] where !text.isEmpty { customer.record.set(slot, text: text) }
    customer.record.set(CustomerColumn.orderCount.rawValue, integer: 30)
    return customer
}

struct Row {
    var name: String
    var trigger: Trigger
    var window: PlanWindow
    var person: Person
}

func anniversary(_ more: (inout AnniversaryTrigger) -> Void = { _ in }) -> Trigger {
    var trigger = AnniversaryTrigger(column: birthday, at: nine, calendarColumn: calendarColumn)
    more(&trigger)
    return .anniversary(trigger)
}

func feast(_ name: String) -> Trigger {
    guard let feast = FeastCatalog().feast(named: name) else { end("no feast \(name)") }
    return .feast(FeastTrigger(.named(feast), at: nine))
}

let byCountry = Trigger.feast(FeastTrigger(.byCountry(FeastCatalog(), column: feastColumn), at: nine))
let yearly = anniversary { $0.calendarColumn = nil }
let lease = Trigger.date(DateTrigger(column: leaseColumn, at: nine, dayOffsets: [-60]))
func idle(_ length: IdleTrigger.Length) -> Trigger {
    .idle(IdleTrigger(
        column: CustomerColumn.lastOrderAt.rawValue, length: length, every: CalendarSpan(days: 90), atMost: 3, at: nine))
}
let average = IdleTrigger.Rhythm.average(since: CustomerColumn.customerSince.rawValue, count: CustomerColumn.orderCount.rawValue)
let rows = [
    Row(name: "birthday", trigger: yearly, window: window, person: Person()),
    Row(name: "birthday, column of calendars empty", trigger: anniversary(), window: window, person: Person()),
    Row(name: "birthday, gregorian", trigger: anniversary(), window: window, person: Person(calendar: "gregorian")),
    Row(name: "birthday, lunar", trigger: anniversary(), window: window, person: Person(calendar: "lunar")),
    Row(name: "birthday in some years", trigger: anniversary { $0.years = [10, 50] }, window: window, person: Person()),
    Row(
        name: "every month", trigger: .anniversary(AnniversaryTrigger(column: birthday, at: nine, every: .month)), window: window,
        person: Person()),
    Row(
        name: "schedule, another day",
        trigger: .schedule(ScheduleTrigger(expression: try OnCalendar("*-*-01", zones: catalog), at: nine)), window: window,
        person: Person()),
    Row(name: "feast, another day", trigger: feast("mid-autumn"), window: window, person: Person()),
    Row(name: "feasts by country", trigger: byCountry, window: window, person: Person()),
    Row(name: "feasts by country, a feast elsewhere", trigger: byCountry, window: festiveWindow, person: Person()),
    Row(name: "feasts by country's name, elsewhere", trigger: byCountry, window: festiveWindow, person: Person(country: "Germany")),
    Row(name: "date, another day", trigger: lease, window: window, person: Person()),
    Row(name: "date, column empty", trigger: lease, window: window, person: Person(leaseEnds: "")),
    Row(name: "date, with its time and offset", trigger: lease, window: window, person: Person(leaseEnds: "2027-08-31T09:00:00+02:00")),
    Row(
        name: "one day, another one", trigger: .on(DayTrigger(day: CivilDate(year: 2027, month: 6, day: 12)!, at: nine)), window: window,
        person: Person()),
    Row(name: "idle, bought lately", trigger: idle(.fixed(CalendarSpan(days: 180))), window: window, person: Person()),
    Row(name: "idle in months, between repetitions", trigger: idle(.fixed(CalendarSpan(months: 6))), window: window, person: Person(lastOrder: "2026-09-01")),
    Row(name: "idle by one's own rhythm", trigger: idle(.usual(times: 3, average, floor: 30)), window: window, person: Person(lastOrder: "2026-09-01")),
    Row(name: "feasts by column, elsewhere", trigger: byCountry, window: festiveWindow, person: Person(feasts: "easter, christmas")),
]

let night = QuietHours(hours: (WallTime(hour: 21, minute: 0)!, WallTime(hour: 8, minute: 0)!))
let house = House(
    business: Business(name: "The Shop", email: try Address("shop@shop.example"), zone: berlin), limits: Limits(quiet: Quiet(hours: night)))
let customerCount = 1000
let rounds = 200
/// Nanoseconds for a customer and a rule.
let mark = 300.0
var isMet = true

func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

print("A customer and a rule without an occasion, \(customerCount * rounds) of each; best of five.")
print(padded("ns", 46) + padded("allocations", 14))
for row in rows {
    let customers = (0..<customerCount).map { customer($0, row.person) }
    let rule = Rule(
        name: "rule", purpose: .greeting, trigger: row.trigger, steps: [Step(name: "send", action: .send(CardPattern("card")))])
    var planner = Planner(
        book: RuleBook(rules: [rule], customers: schema, house: house), zones: catalog, countries: countries)
    guard let zone = planner.zone(of: customers[0]) else { end("no zone of the customer") }
    var found = 0
    func pass() {
        for customer in customers {
            planner.candidates(of: customer, zone: zone, rule: 0, in: row.window) { _ in found += 1 }
        }
    }
    pass()
    var best = Double.infinity
    var allocations = 0
    for _ in 0..<5 {
        let before = allocation_count()
        let begin = ContinuousClock.now
        for _ in 0..<rounds { pass() }
        let time = ContinuousClock.now - begin
        allocations = allocation_count() - before
        best = min(best, Double(time.components.seconds) * 1e9 + Double(time.components.attoseconds) / 1e9)
    }
    let nanoseconds = best / Double(customerCount * rounds)
    let tenths = Int((nanoseconds * 10).rounded())
    let isGood = allocations == 0 && nanoseconds <= mark && found == 0
    isMet = isMet && isGood
    print(
        row.name + padded("\(tenths / 10).\(tenths % 10)", 46 - row.name.count) + padded(String(allocations), 14)
            + (isGood ? "" : "  missed") + (found == 0 ? "" : "  \(found) occasions"))
}

if CommandLine.arguments.contains("--check"), !isMet { end("a mark was missed") }
