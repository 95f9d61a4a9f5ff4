package import RegardsCalendar
package import RegardsStore

/// A shop that never was: 250 customers all over the world, with orders and advisors, and birthdays crowded around
/// one day so that a demo has something to show.
///
/// The same seed and day give the same shop, byte for byte.
package struct DemoShop: Sendable {
    package static let customerCount = 250
    /// Out of `customerCount`: those whose birthday is `today` by the calendar. Enough that at every hour of the day
    /// somewhere it is between nine in the morning and seven in the evening of a birthday.
    static let birthdaysToday = 44

    package let seed: UInt64
    package let today: CivilDate
    package private(set) var batch = BusinessDatabase.Batch()

    /// - Parameter today: the UTC date that birthdays crowd around.
    package init(seed: UInt64, today: CivilDate) {
        self.seed = seed
        self.today = today
        var random = DemoRandom(seed: seed)
        batch.staff = DemoShop.staff
        for number in 0..<DemoShop.customerCount { addCustomer(number, &random) }
        addOldInteractions(&random)
    }

    /// Makes the shop's database at a path that is free.
    package func create(at path: String) throws -> BusinessDatabase {
        let database = try BusinessDatabase.create(at: path)
        try database.insert(batch)
        return database
    }

    /// What happens while the demo runs: a customer whose birthday is today complains, so that the complaint is
    /// acknowledged, the advisor is told, and a card that is still to come waits.
    /// - Returns: the row that was added.
    @discardableResult
    package func complain(in database: BusinessDatabase, at instant: Instant) throws -> BusinessDatabase.InteractionRow {
        let complaint = BusinessDatabase.InteractionRow(
            id: Int64(batch.interactions.count + 1), customer: complainant, kind: .complaint,
            subject: "The teapot arrived without its lid", openedAt: instant)
        var addition = BusinessDatabase.Batch()
        addition.interactions = [complaint]
        try database.insert(addition)
        return complaint
    }

    /// A customer in the westernmost zone with a birthday today: there the morning comes last.
    package var complainant: Int64 {
        let suffix = DemoShop.monthAndDay(today)
        let celebrating = batch.customers.filter { $0.birthday?.hasSuffix(suffix) == true }
        return (celebrating.first { $0.timeZone == "Pacific/Honolulu" } ?? celebrating.first)?.id ?? 1
    }
}

// MARK: - Making it up

extension DemoShop {
    private static let domains = ["example.com", "example.org", "example.net"]

    private static let staff = [
        BusinessDatabase.StaffRow(
            id: 1, name: "Ingrid Sørensen", email: "ingrid@example.org", phone: "+45 00 00 00 01"),
        BusinessDatabase.StaffRow(id: 2, name: "Kofi Mensah", email: "kofi@example.org", phone: "+233 00 000 0002"),
        BusinessDatabase.StaffRow(id: 3, name: "陈美玲", email: "meiling@example.org", phone: "+86 000 0000 0003"),
        BusinessDatabase.StaffRow(id: 4, name: "Camila Rojas", email: "camila@example.org", phone: "+56 0 0000 0004"),
        BusinessDatabase.StaffRow(id: 5, name: "Maria Manager", email: "manager@example.org", role: .manager),
        BusinessDatabase.StaffRow(id: 6, name: "Dora Director", email: "director@example.org", role: .director),
    ]

    private mutating func addCustomer(_ number: Int, _ random: inout DemoRandom) {
        // Places and their zones take turns, so that each has its share of every kind of birthday.
        let place = DemoPlace.all[number % DemoPlace.all.count]
        let given = random.pick(place.given)
        let family = random.pick(place.family)
        var row = BusinessDatabase.CustomerRow(
            id: Int64(number + 1), name: place.fullName(given: given, family: family))
        row.givenName = given.written
        row.familyName = family.written
        // One in forty has no address, as in every real shop.
        if number % 40 != 39 {
            row.email = "\(given.latin).\(family.latin)\(number + 1)@\(random.pick(DemoShop.domains))"
        }
        row.phone = "+\(place.dialling) 00 \(random.between(1000, 9999)) \(random.between(100, 999))"
        row.locale = place.locale
        row.timeZone = place.zones[number / DemoPlace.all.count % place.zones.count]
        row.country = place.country
        row.birthday = birthday(number, &random)
        row.customerSince = today - random.between(30, 3000)
        row.advisor = Int64(random.between(1, 4))
        row.tags = random.below(12) == 0 ? "vip" : nil
        row.doNotContact = number % 90 == 60
        batch.customers.append(row)
        addOrders(of: row, &random)
    }

    /// The first `birthdaysToday` have theirs today; each day of the week around it has eight more; one in thirty of
    /// the rest is not known, one in thirty has no year, and the others lie anywhere in the year.
    private func birthday(_ number: Int, _ random: inout DemoRandom) -> String? {
        let year = today.year - random.between(19, 84)
        let near = number - DemoShop.birthdaysToday
        let day: CivilDate =
            if near < 0 { today } else if near < 56 { today + (near % 7 - 3) } else { today + random.between(4, 361) }
        let kind = near < 56 ? 2 : random.below(30)
        if kind == 0 { return nil }
        if kind == 1 { return "--" + DemoShop.monthAndDay(day) }
        // 29 February stands only in leap years; who is not born in one was born the day before.
        let (_, month, dayOfMonth) = day.components
        let birth = CivilDate(year: year, month: month, day: dayOfMonth) ?? CivilDate(year: year, month: 2, day: 28)
        return birth?.description
    }

    static func monthAndDay(_ date: CivilDate) -> String { String(date.description.suffix(5)) }

    private mutating func addOrders(of customer: BusinessDatabase.CustomerRow, _ random: inout DemoRandom) {
        let noon = Instant(seconds: Int64(today.dayNumber) * 86_400 + 43_200)
        for _ in 0..<random.below(6) {
            let at = noon - .hours(Int64(random.between(24, 24 * 400)))
            batch.orders.append(
                BusinessDatabase.OrderRow(
                    id: Int64(batch.orders.count + 1), customer: customer.id, at: at,
                    cents: Int64(random.between(400, 25_000))))
        }
    }

    /// Finished business of the past weeks: it must not stir when the demo starts.
    private mutating func addOldInteractions(_ random: inout DemoRandom) {
        let subjects: [(BusinessDatabase.InteractionKind, String)] = [
            (.inquiry, "Does the blue one come in green?"), (.return, "Wrong size"),
            (.complaint, "The parcel came a week late"), (.request, "An invoice with our address, please"),
            (.complaint, "A cup was broken"),
        ]
        let noon = Instant(seconds: Int64(today.dayNumber) * 86_400 + 43_200)
        for number in 0..<24 {
            let (kind, subject) = subjects[number % subjects.count]
            let opened = noon - .hours(Int64(random.between(24 * 8, 24 * 60)))
            let answered = opened + .hours(Int64(random.between(1, 20)))
            let id = Int64(number + 1)
            batch.interactions.append(
                BusinessDatabase.InteractionRow(
                    id: id, customer: Int64(random.between(1, DemoShop.customerCount)), kind: kind, subject: subject,
                    openedAt: opened, solvedAt: answered + .hours(Int64(random.between(1, 48)))))
            batch.responses.append(
                BusinessDatabase.ResponseRow(
                    interaction: id, staff: Int64(random.between(1, 4)), at: answered, text: "Thank you for telling us."))
        }
    }
}
