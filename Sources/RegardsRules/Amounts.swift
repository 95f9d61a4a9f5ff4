import RegardsCalendar
import RegardsCore

/// Readers of days, spans of the calendar, shares and factors.
extension Item {
    func date() -> CivilDate? {
        let expected = "a date such as 2027-05-01"
        guard let text = text(expected) else { return nil }
        if let date = CivilDate(text) { return date }
        let isWritten = text.count == 10 && text.split(separator: "-").map(\.count) == [4, 2, 2] && text.allSatisfy { $0.isNumber || $0 == "-" }
        return refuse(isWritten ? .noSuchDay(text) : .expected(expected, got: text))
    }

    static let daysForm = "whole days or months such as 30d, 2 weeks or 6 months"

    /// A span that moves a date: whole days and months, 1 day to 10 years.
    func days() -> CalendarSpan? {
        guard let text = text(Item.daysForm) else { return nil }
        guard let span = CalendarSpan.parse(text), span.seconds == 0 else { return refuse(.expected(Item.daysForm, got: text)) }
        guard span.isAtMostTenYears, span != CalendarSpan() else { return refuse(.outside("a span from 1d to 10y", got: text)) }
        return span
    }

    /// How long after something: 1 minute to 10 years.
    func delay() -> CalendarSpan? {
        let form = "a span such as 3d, 6h or 1 month"
        guard let text = text(form) else { return nil }
        guard let span = CalendarSpan.parse(text) else { return refuse(.expected(form, got: text)) }
        guard span.isAtMostTenYears, span.months > 0 || span.days > 0 || span.seconds >= 60 else {
            return refuse(.outside("a span from 1min to 10y", got: text))
        }
        return span
    }

    /// A whole number of days, 1 to 3,660.
    func dayCount() -> Int? {
        guard let span = days() else { return nil }
        return span.months == 0 ? span.days : refuse(.expected("days such as 30d", got: scalar ?? ""))
    }

    static let shareForm = "a share such as 10%"

    /// `10%`: above 0 to 1.
    func share() -> Double? {
        guard let text = text(Item.shareForm) else { return nil }
        guard text.last == "%", let percent = Decimal.read(text.dropLast().trimmed) else {
            return refuse(.expected(Item.shareForm, got: text))
        }
        guard percent > 0, percent <= 100 else { return refuse(.outside("a share above 0% and at most 100%", got: text)) }
        return percent / 100
    }

    /// `3 x WORD`: the number, above 1 to 100.
    func factor(of word: String, _ expected: String) -> Double? {
        guard let text = text(expected) else { return nil }
        let rest = text.hasSuffix(word) ? text.dropLast(word.count).trimmed : ""
        guard rest.last == "x" || rest.last == "×", let number = Decimal.read(rest.dropLast().trimmed) else {
            return refuse(.expected(expected, got: text))
        }
        guard number > 1, number <= 100 else { return refuse(.outside("a number above 1 and at most 100", got: text)) }
        return number
    }

    static let weekdayForm = "days such as sun, sat-sun or [mon, wed]"

    func weekdays() -> Set<Weekday> {
        oneOrMore().reduce(into: []) { days, item in
            days.formUnion(item.parsed(Item.weekdayForm) { Weekday.named($0) } ?? [])
        }
    }
}

extension Weekday {
    /// `mon-fri`, `sat`, `mon,wed`.
    static func named(_ text: String) -> Set<Weekday>? { set(text.split(separator: "-").joined(separator: "..")) }
}

extension CalendarSpan {
    fileprivate var isAtMostTenYears: Bool {
        months <= 120 && days <= 3_660 && seconds <= 316_224_000 && months * 30 + days <= 3_660
    }
}

/// Numbers as files have them: digits with at most one point.
enum Decimal {
    static func read(_ text: some StringProtocol) -> Double? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isDecimal =
            parts.count <= 2
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            }
        return isDecimal && text.count <= 18 ? Double(String(text)) : nil
    }
}
