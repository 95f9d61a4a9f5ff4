import RegardsCalendar

/// What in a customer's columns keeps a rule from knowing its days.
/// `Planner.problemColumn` names the column.
package enum DateProblem: String, CaseIterable, Error, Hashable, Sendable {
    /// The rule's column holds something that is no date.
    case badDate = "bad-date"
    /// The column of the calendar holds a word that names none.
    case unknownCalendar = "unknown-calendar"
    /// A lunar birthday cannot be told from a Gregorian date without a year.
    case lunarWithoutYear = "lunar-without-year"
    /// A lunar birthday that lies outside 1900-01-31 to 2101-01-28.
    case outsideLunarCalendar = "outside-lunar-calendar"
    /// The column of feasts names one that nobody knows.
    case unknownFeast = "unknown-feast"
}

extension AnniversaryTrigger {
    /// The customer's day in the calendar by which it is kept; nil where the column is empty.
    func born(_ customer: Customer) -> Result<Born?, DateProblem> {
        guard let date = customer.record.birthDate(column) else {
            return customer.record.isPresent(column) ? .failure(.badDate) : .success(nil)
        }
        guard let calendarColumn, customer.record.isPresent(calendarColumn) else { return .success(.gregorian(date)) }
        return Born.of(date, calendar: calendarColumn, customer).map { $0 }
    }
}

extension AnniversaryTrigger.Born {
    /// - Parameter calendar: slot of the column that says by which calendar the day is kept; not empty.
    static func of(_ date: BirthDate, calendar: Int, _ customer: Customer) -> Result<Self, DateProblem> {
        switch customer.record.birthCalendar(calendar) {
        case nil: return .failure(.unknownCalendar)
        case .gregorian: return .success(.gregorian(date))
        case .lunar:
            guard let day = date.date else { return .failure(.lunarWithoutYear) }
            guard let lunar = try? LunarBirthDate(day) else { return .failure(.outsideLunarCalendar) }
            return .success(.lunar(lunar))
        }
    }
}

extension Record {
    /// `lunar` or `gregorian`, in any case; nil for all else.
    fileprivate func birthCalendar(_ slot: Int) -> BirthCalendar? {
        withText(slot) { bytes in
            guard let bytes else { return nil }
            return BirthCalendar.allCases.first { calendar in
                let name = calendar.name
                guard bytes.count == name.utf8CodeUnitCount else { return false }
                return bytes.indices.allSatisfy { bytes[$0] | 0x20 == name.utf8Start[$0] }
            }
        }
    }
}

extension BirthCalendar {
    /// In small letters, where a comparison costs no allocation.
    fileprivate var name: StaticString {
        switch self {
        case .gregorian: "gregorian"
        case .lunar: "lunar"
        }
    }
}
