import RegardsCalendar
import RegardsCore

/// What makes a customer's row unusable for some rule.
package enum CustomerProblem: String, CaseIterable, Hashable, Sendable {
    case unknownZone = "unknown-zone"
    case badAddress = "bad-address"
    case badDate = "bad-date"
    case unknownCalendar = "unknown-calendar"
    case lunarWithoutYear = "lunar-without-year"
    case outsideLunarCalendar = "outside-lunar-calendar"
    case unknownFeast = "unknown-feast"
    case withoutID = "without-id"
    case repeatedID = "repeated-id"
    /// An id that the ledger's key uses for other things: `event:…`, `staff:…`, or with a NUL.
    case badID = "bad-id"

    init?(_ problem: DateProblem?) {
        switch problem {
        case nil: return nil
        case .badDate: self = .badDate
        case .unknownCalendar: self = .unknownCalendar
        case .lunarWithoutYear: self = .lunarWithoutYear
        case .outsideLunarCalendar: self = .outsideLunarCalendar
        case .unknownFeast: self = .unknownFeast
        }
    }
}

extension CustomerProblem {
    /// `2 customers have a date that is none; expected YYYY-MM-DD: 8, 13`.
    package func sentence(_ customers: UnusableCustomers) -> String {
        let (count, ids) = (customers.count, customers.firstIDs)
        let names = ids.isEmpty ? "" : ": " + ids.joined(separator: ", ") + (count > ids.count ? ", …" : "")
        return Words.count(count, "customer has a", "customers have a") + " \(words)\(names)"
    }

    private var words: String {
        switch self {
        case .unknownZone: "time_zone that is no zone of tzdata, such as Europe/Berlin"
        case .badDate: "date that is none; expected YYYY-MM-DD"
        case .unknownCalendar: "birthday_calendar that is neither lunar nor gregorian"
        case .lunarWithoutYear: "lunar birthday without a year, from which its lunar day cannot be told"
        case .outsideLunarCalendar:
            "lunar birthday outside \(LunarDate.firstDate) to \(LunarDate.lastDate), where the Chinese calendar is known"
        case .unknownFeast: "feast that nobody is greeted on; expected names of feasts, a country or none"
        case .badAddress: "mail address that cannot be used"
        case .withoutID: "row without an id"
        case .repeatedID: "id that another row has too"
        case .badID: "id that begins with event: or staff:, or holds a NUL"
        }
    }
}

/// How many, and who the first were.
package struct UnusableCustomers: Hashable, Sendable {
    package private(set) var count = 0
    package private(set) var firstIDs: [String] = []
    private var lastID: String?

    mutating func add(_ id: String) {
        // One customer is looked at by several rules, one after the other.
        guard lastID != id else { return }
        lastID = id
        count += 1
        if firstIDs.count < 10 { firstIDs.append(id) }
    }

    /// Counted elsewhere, each once.
    mutating func add(count: Int, ids: [String]) {
        self.count += count
        firstIDs += ids.prefix(10 - firstIDs.count)
    }
}

extension Rule {
    package var isAboutEvents: Bool {
        if case .event = trigger { true } else { false }
    }
}
