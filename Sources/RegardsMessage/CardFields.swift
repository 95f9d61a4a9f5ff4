package import RegardsCalendar
package import RegardsCore

/// What one card may name for one outreach: named values, groups of such one level deep, and one list of items.
///
/// Customer columns stand under their bare names (`given_name`); everything else in groups, written with a dot
/// (`business.name`, `complaint.subject`). Dates and spans are kept as values and written out in the language of the
/// card that is chosen, so whoever fills the fields need not know it.
package struct CardFields: Sendable {
    package indirect enum Value: Hashable, Sendable {
        case text(String)
        case null
        case date(CivilDate)
        /// A point in time, shown to the minute as the zone's clocks read it.
        case moment(Instant, Zone)
        case span(TimeSpan)
        /// 1 to 12, shown as the month's name.
        case month(Int)
        /// 0 (Rat) to 11 (Pig), shown as the animal's name.
        case zodiac(Int)
        case group([String: Value])
        /// Shown once for each of its items, by a section of the list's name. An item's values stand under the names of
        /// `itemMembers`; what it leaves out is NULL.
        case list([[String: Value]])
    }

    /// The groups that rendering itself fills, and their members: no one else needs to. `items` is empty unless set.
    package static let ownGroups = [
        "card": ["subject", "preheader", "locale", "picture", "alt"], "unsubscribe": ["url", "address"], itemsName: [],
    ]

    /// The list's name: `{{#items}}…{{/items}}`.
    package static let itemsName = "items"

    /// What `{{#items}}` gives names to, in place of what they mean outside: its number from 1, the list it is of, whom
    /// it is about, why, and since when.
    package static let itemMembers = [
        "number", "list", "customer.id", "customer.name", "customer.email", "customer.phone", "why", "since",
    ]

    package private(set) var values: [String: Value] = [:]

    package init() { values.reserveCapacity(32) }

    /// Text that is empty or only white space counts as NULL: a card must not greet nobody.
    package static func value(_ text: String?) -> Value {
        guard let text, text.utf8.contains(where: { $0 > 0x20 }) else { return .null }
        return .text(text)
    }

    package mutating func set(_ name: String, _ text: String?) { values[name] = CardFields.value(text) }
    package mutating func set(_ name: String, _ value: Value) { values[name] = value }
}

// MARK: - The usual groups

extension CardFields {
    /// Every used column of a customer's row, by its bare name.
    package mutating func add(_ record: Record, columns: RecordSchema) {
        for (slot, name) in columns.names.enumerated() where columns.isUsed[slot] {
            set(name, CardFields.column(record.string(slot)))
        }
    }

    /// A column's value. Databases write dates as `2027-05-12`; a card writes them in its own language.
    private static func column(_ text: String?) -> Value {
        guard let text, text.utf8.count == 10, let date = CivilDate(text) else { return value(text) }
        return .date(date)
    }

    /// `business.name`, `.email`, `.phone`, `.postal_address`.
    package mutating func add(_ business: Business) {
        set(
            "business",
            .group([
                "name": CardFields.value(business.name), "email": .text(business.email.text),
                "phone": CardFields.value(business.phone),
                "postal_address": CardFields.value(business.postalAddress),
            ]))
    }

    /// A person under a group's name, such as `from`, `to` or `manager`: `.name`, `.email`, `.phone`. With nil every
    /// member is NULL.
    package mutating func add(_ person: Contact?, as group: String) {
        set(
            group,
            .group([
                "name": CardFields.value(person?.name), "email": CardFields.value(person?.address.text),
                "phone": CardFields.value(person?.phone),
            ]))
    }

    /// `occasion.date`, `.year`, `.month` (a name), `.zodiac` (an animal), `.name` (the rule's).
    package mutating func addOccasion(on date: CivilDate, name: String) {
        set(
            "occasion",
            .group([
                "date": .date(date), "year": .text(String(date.year)), "month": .month(date.month),
                "zodiac": CardFields.zodiac(on: date), "name": CardFields.value(name),
            ]))
    }

    /// The animal of the Chinese year; in its last month already the coming year's, because a card of those days is
    /// about that. NULL outside the table of the Chinese calendar.
    private static func zodiac(on date: CivilDate) -> Value {
        guard let lunar = try? LunarDate(date) else { return .null }
        let year = lunar.month == 12 ? lunar.year + 1 : lunar.year
        // 1900, where the table begins, was a year of the Rat.
        return .zodiac((year - 1900) % 12)
    }

    /// The lines of a list, numbered from 1. Names are those of `itemMembers`.
    package mutating func add(items: [[String: Value]]) {
        let numbered = items.enumerated().map { index, item in
            item.merging(["number": .text(String(index + 1))]) { given, _ in given }
        }
        set(CardFields.itemsName, .list(numbered))
    }

    /// `promise.limit` in local time, and `promise.answer_within`. With nil both are NULL.
    package mutating func addPromise(limit: Instant?, zone: Zone, answerWithin: TimeSpan?) {
        set(
            "promise",
            .group([
                "limit": limit.map { .moment($0, zone) } ?? .null,
                "answer_within": answerWithin.map { .span($0) } ?? .null,
            ]))
    }

    /// An event's row under its kind's name: its used columns (`complaint.subject`), and `.at` as local time of `zone`.
    package mutating func addEvent(kind: String, _ record: Record, columns: RecordSchema, at: Instant, zone: Zone) {
        var members: [String: Value] = [:]
        for (slot, name) in columns.names.enumerated() where columns.isUsed[slot] {
            members[name] = CardFields.column(record.string(slot))
        }
        members["at"] = .moment(at, zone)
        set(kind, .group(members))
    }
}
