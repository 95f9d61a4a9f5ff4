import RegardsCalendar
import RegardsCore
import RegardsStore

/// What the rows of a customer query look like, in one pass: what is empty, what is filled with something else, and what
/// stands in two rows. Memory is eight bytes for each address, whatever else the rows hold.
struct RowSurvey {
    private(set) var customers = 0
    /// Customers with a value, by slot.
    private(set) var filled: [Int]
    private(set) var withoutAddress = 0
    /// They live by the business's clock, because nothing says where they live.
    private(set) var withoutPlace = 0
    /// Ids that are numbers, and texts that look like numbers.
    private(set) var numberIDs = 0
    private(set) var numberTexts: [String] = []
    private(set) var numberTextCount = 0
    private var addresses: [UInt64] = []
    private var birthDates: [BirthDate: Int] = [:]

    private let used: [Int]
    private var zones: ZoneFinder

    init(_ assembly: Assembly) {
        let columns = assembly.book.customers.columns
        used = columns.names.indices.filter { columns.isUsed[$0] }
        filled = Array(repeating: 0, count: columns.names.count)
        zones = ZoneFinder(zones: assembly.zones, countries: assembly.countries, business: assembly.book.house.business.zone)
    }

    mutating func add(_ page: CustomerPage) {
        for customer in page { add(customer) }
    }

    private mutating func add(_ customer: Customer) {
        customers += 1
        let record = customer.record
        for slot in used where record.isPresent(slot) { filled[slot] += 1 }
        switch record.slots[CustomerColumn.id.rawValue] {
        case .integer: numberIDs += 1
        case .text where Int64(customer.id) != nil:
            numberTextCount += 1
            if numberTexts.count < RowSurvey.named { numberTexts.append(customer.id) }
        case .text, .real, .null: break
        }
        if let hash = RowSurvey.hash(ofAddressOf: customer) { addresses.append(hash) } else { withoutAddress += 1 }
        if zones.zone(of: customer)?.source == .business { withoutPlace += 1 }
        if let date = record.birthDate(CustomerColumn.birthday.rawValue) { birthDates[date, default: 0] += 1 }
    }

    static let named = 3

    /// Letters compare without case, as most mail systems have it.
    static func hash(ofAddressOf customer: Customer) -> UInt64? {
        guard customer.record.isPresent(CustomerColumn.email.rawValue), let text = customer.text(.email) else { return nil }
        return StableHash.of(text.lowercased())
    }
}

extension RowSurvey {
    /// Addresses that several customers have, and how many these are.
    var shared: (addresses: Set<UInt64>, customers: Int) {
        let sorted = addresses.sorted()
        var found: Set<UInt64> = []
        var count = 0
        for index in sorted.indices.dropFirst() where sorted[index] == sorted[index - 1] {
            count += found.insert(sorted[index]).inserted ? 2 : 1
        }
        return (found, count)
    }

    /// A date of birth that too many have: what a program writes where nobody knew.
    struct Placeholder: Hashable {
        var date: BirthDate
        var customers: Int
    }

    /// Dates with a year, the most frequent first.
    var placeholders: [Placeholder] {
        let all = birthDates.values.reduce(0, +)
        return birthDates.filter { date, count in
            guard let year = date.year else { return false }
            // Nobody alive was born then; and hardly two in a shop on the first second of Unix.
            if year < 1905 { return true }
            if date == RowSurvey.unixBegins { return count >= 2 }
            return count >= 10 && count * 100 >= all
        }.map { Placeholder(date: $0.key, customers: $0.value) }
            .sorted { ($0.customers, $0.date.description) > ($1.customers, $1.date.description) }
    }

    private static let unixBegins = BirthDate(year: 1970, month: 1, day: 1)!

    /// How many are said to be born on 1 January, where that is far more than on other days; placeholders not counted.
    var newYearsChildren: Int? {
        let suspects = Set(placeholders.map(\.date))
        let rest = birthDates.filter { !suspects.contains($0.key) }
        let all = rest.values.reduce(0, +)
        let count = rest.filter { $0.key.month == 1 && $0.key.day == 1 }.values.reduce(0, +)
        // Among few it may be chance.
        return all >= 300 && count * 365 > 5 * all ? count : nil
    }
}
