/// Why a text is no calendar expression.
package struct OnCalendarError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in words for the person who wrote it.
    package var message: String
    /// Where: the number of characters before the one to look at.
    package var offset: Int

    package var description: String { "character \(offset + 1): \(message)" }
}

/// Recursive descent over the grammar of systemd.time(7); what it accepts was compared with systemd 252.
struct OnCalendarParser {
    private var cursor: TextCursor
    private var fields = OnCalendar.Fields()
    /// Where the expression ends and the zone begins.
    private var end: Int

    init(_ text: String) {
        cursor = TextCursor(text)
        end = cursor.bytes.count
    }

    mutating func parse(zones: ZoneCatalog) throws(OnCalendarError) -> OnCalendar {
        let (zone, unknownZone) = takeZone(zones)
        guard cursor.bytes[..<end].contains(where: { $0 != UInt8(ascii: " ") }) else {
            throw error("the expression is empty", at: 0)
        }
        do {
            if let shortcut = OnCalendarParser.shortcut(cursor.bytes[..<end]) {
                return OnCalendar(fields: shortcut.fields, zone: zone, hasTime: shortcut.hasTime)
            }
            try parseWeekdays()
            if cursor.position < end, peek == UInt8(ascii: "@") {
                try parseEpoch()
                return OnCalendar(fields: fields, zone: .utc, hasTime: true)
            }
            var hasTime = isTime
            if !hasTime, cursor.position < end {
                try parseDate()
                hasTime = cursor.position < end
            }
            if hasTime { try parseTime() }
            return OnCalendar(fields: fields, zone: zone, hasTime: hasTime)
        } catch {
            guard let unknownZone, error.offset >= characters(before: unknownZone - 1) else { throw error }
            let name = String(decoding: cursor.bytes[unknownZone...], as: UTF8.self)
            throw self.error("unknown time zone \"\(name)\"", at: unknownZone)
        }
    }

    private var peek: UInt8? { cursor.position < end ? cursor.bytes[cursor.position] : nil }

    private func error(_ message: String, at position: Int? = nil) -> OnCalendarError {
        OnCalendarError(message: message, offset: characters(before: position ?? cursor.position))
    }

    private func characters(before position: Int) -> Int {
        String(decoding: cursor.bytes[..<position], as: UTF8.self).count
    }

    /// The text at the cursor for an error message: `"x"`, or `the end`.
    private var found: String {
        let rest = String(decoding: cursor.bytes[cursor.position..<end], as: UTF8.self)
        guard let first = rest.first else { return "the end" }
        let isControl = first.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        return isControl ? "a control character" : "\"\(first)\""
    }
}

extension OnCalendarParser {
    /// The word at the cursor, for an error message.
    private var foundWord: String {
        let rest = cursor.bytes[cursor.position..<end].drop { $0 == UInt8(ascii: " ") }
        let word = rest.prefix { $0 > UInt8(ascii: " ") && $0 != 0x7F }.prefix(40)
        return word.isEmpty ? found : "\"\(String(decoding: word, as: UTF8.self))\""
    }
}

// MARK: - Zone and shortcuts

extension OnCalendarParser {
    /// Cuts the zone off the end. A last word that might have been meant as one, but is unknown, is
    /// left in place and its position returned, for the error message.
    private mutating func takeZone(_ zones: ZoneCatalog) -> (Zone?, unknown: Int?) {
        guard let space = cursor.bytes.lastIndex(of: UInt8(ascii: " ")), space + 1 < cursor.bytes.count,
            cursor.bytes[space + 1].isLetter
        else { return (nil, nil) }
        let word = cursor.bytes[(space + 1)...]
        if word.count == 3, word.lazy.map(\.lowercased).elementsEqual("utc".utf8) {
            end = space
            return (.utc, nil)
        }
        guard let zone = zones.zone(named: String(decoding: word, as: UTF8.self)) else { return (nil, space + 1) }
        end = space
        return (zone, nil)
    }

    private static func shortcut(_ text: ArraySlice<UInt8>) -> (fields: OnCalendar.Fields, hasTime: Bool)? {
        guard let first = text.first, first.isLetter, text.count <= 13 else { return nil }
        typealias Component = OnCalendar.Component
        var fields = OnCalendar.Fields()
        let first1 = [Component(start: 1)]
        switch String(decoding: text.lazy.map(\.lowercased), as: UTF8.self) {
        case "minutely":
            (fields.hours, fields.minutes) = ([], [])
            return (fields, true)
        case "hourly":
            fields.hours = []
            return (fields, true)
        case "daily": break
        case "weekly": fields.weekdays = 1
        case "monthly": fields.days = first1
        case "quarterly": (fields.months, fields.days) = ([1, 4, 7, 10].map { Component(start: $0) }, first1)
        case "semiannually", "semi-annually", "biannually", "bi-annually":
            (fields.months, fields.days) = ([1, 7].map { Component(start: $0) }, first1)
        // systemd keeps its old misspelling "anually" alive.
        case "yearly", "annually", "anually": (fields.months, fields.days) = (first1, first1)
        default: return nil
        }
        return (fields, false)
    }
}

// MARK: - Weekdays

extension OnCalendarParser {
    private mutating func parseWeekdays() throws(OnCalendarError) {
        var set: UInt8 = 0
        var rangeStart: Int?
        while true {
            let position = cursor.position
            guard let day = takeWeekday() else {
                if set == 0, rangeStart == nil, position == 0 { return }
                throw error("expected a weekday such as Mon, found \(found)")
            }
            if let start = rangeStart {
                guard start <= day else {
                    throw error("a range of weekdays cannot go over the end of the week: write two parts", at: position)
                }
                for between in start...day { set |= 1 << between }
            }
            set |= 1 << day
            rangeStart = try takeSeparator(after: day, isInRange: rangeStart != nil)
            if peek == nil || peek == UInt8(ascii: " ") {
                guard rangeStart == nil else { throw error("the range of weekdays has no end") }
                break
            }
        }
        fields.weekdays = set
        skipSpaces()
    }

    /// Consumes `,`, `..` or its old form `-`; returns the day where a range began.
    private mutating func takeSeparator(after day: Int, isInRange: Bool) throws(OnCalendarError) -> Int? {
        guard let byte = peek, byte != UInt8(ascii: " ") else { return nil }
        if cursor.skip(UInt8(ascii: ",")) { return nil }
        guard !isInRange else { throw error("a range of weekdays has two ends, found \(found) after the second") }
        if cursor.skip(UInt8(ascii: "-")) { return day }
        cursor.position += 1
        guard cursor.skip(UInt8(ascii: ".")) else { throw error("expected \"..\" between two weekdays") }
        return day
    }

    private mutating func takeWeekday() -> Int? {
        let start = cursor.position
        while let byte = peek, byte.isLetter { cursor.position += 1 }
        if cursor.position > start, [nil, "-", ".", ",", " "].contains(peek.map { Character(UnicodeScalar($0)) }),
            let day = Weekday(String(decoding: cursor.bytes[start..<cursor.position], as: UTF8.self))
        {
            return day.rawValue
        }
        cursor.position = start
        return nil
    }

    private mutating func skipSpaces() {
        while peek == UInt8(ascii: " ") { cursor.position += 1 }
    }
}

// MARK: - Date and time

extension OnCalendarParser {
    /// Whether the next word is a time of day: its first separator is a colon.
    private var isTime: Bool {
        let word = cursor.bytes[cursor.position..<end].prefix { $0 != UInt8(ascii: " ") }
        return word.first { ":-~".utf8.contains($0) } == UInt8(ascii: ":")
    }

    /// `@` and seconds since 1970, always in UTC.
    private mutating func parseEpoch() throws(OnCalendarError) {
        cursor.position += 1
        let start = cursor.position
        var seconds: Int64 = 0
        while let byte = peek, byte.isDigit {
            seconds = min(seconds * 10 + Int64(byte - UInt8(ascii: "0")), 1 << 40)
            cursor.position += 1
        }
        guard cursor.position > start, peek == nil else {
            throw error("expected whole seconds since 1970 after \"@\", found \(found)")
        }
        let moment = LocalTime(secondsSinceEpoch: seconds)
        let (year, month, day) = moment.date.components
        guard year < 2200 else { throw error("the time lies after the year 2199", at: start) }
        fields.years = [.init(start: Int32(year))]
        fields.months = [.init(start: Int32(month))]
        fields.days = [.init(start: Int32(day))]
        fields.hours = [.init(start: Int32(moment.time.hour))]
        fields.minutes = [.init(start: Int32(moment.time.minute))]
        fields.microseconds = [.init(start: Int32(moment.time.second) * 1_000_000)]
    }

    /// `[year-]month-day`, with `~` before the day to count from the month's end.
    private mutating func parseDate() throws(OnCalendarError) {
        let word = cursor.bytes[cursor.position..<end].prefix { $0 != UInt8(ascii: " ") }
        let separators = word.lazy.filter { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "~") }.count
        guard separators > 0 else {
            let isCron = cursor.bytes[..<end].split(separator: UInt8(ascii: " ")).count == 5
            throw error(
                isCron
                    ? "this looks like a line of cron; write for example Mon..Fri *-*-* 09:00"
                    : "expected a weekday, a date such as *-*-01, a time such as 09:00 or a word such as monthly, "
                        + "found \(foundWord)")
        }
        if separators > 1 {
            fields.years = try chain(.year)
            guard cursor.skip(UInt8(ascii: "-")) else { throw error("expected \"-\" and the month, found \(found)") }
        }
        fields.months = try chain(.month)
        fields.isFromMonthEnd = cursor.skip(UInt8(ascii: "~"))
        guard fields.isFromMonthEnd || cursor.skip(UInt8(ascii: "-")) else {
            throw error("expected \"-\" or \"~\" and the day, found \(found)")
        }
        fields.days = try chain(fields.isFromMonthEnd ? .dayFromEnd : .day)
        if fields.days.isEmpty { fields.isFromMonthEnd = false }
        guard peek == nil || peek == UInt8(ascii: " ") else {
            throw error("expected a space after the date, found \(found)")
        }
        skipSpaces()
    }

    /// `hour:minute[:second]`.
    private mutating func parseTime() throws(OnCalendarError) {
        fields.hours = try chain(.hour)
        guard cursor.skip(UInt8(ascii: ":")) else { throw error("expected \":\" and the minute, found \(found)") }
        fields.minutes = try chain(.minute)
        if peek != nil {
            guard cursor.skip(UInt8(ascii: ":")) else {
                throw error("expected \":\" and the second, a time zone or the end, found \(foundWord)")
            }
            fields.microseconds = try chain(.second)
        }
        guard peek == nil else { throw error("expected a time zone or the end, found \(foundWord)") }
    }
}

// MARK: - Lists of numbers

extension OnCalendarParser {
    private enum Field: String {
        case year, month, day, hour, minute, second
        case dayFromEnd = "day from the end"

        var unit: Int { self == .second ? 1_000_000 : 1 }

        var range: Range<Int> {
            switch self {
            case .year: 1970..<2200
            case .month: 1..<13
            case .day: 1..<32
            // Every month has 28 days.
            case .dayFromEnd: 1..<29
            case .hour: 0..<24
            case .minute: 0..<60
            case .second: 0..<60_000_000
            }
        }
    }

    private typealias Component = OnCalendar.Component

    /// The limit systemd sets itself.
    private static let longestList = 240

    /// `*` or a list of elements, sorted and without repetitions; empty for `*`.
    private mutating func chain(_ field: Field) throws(OnCalendarError) -> [OnCalendar.Component] {
        if cursor.position < end, cursor.skip(UInt8(ascii: "*")) {
            return field == .second ? [Component(start: 0, step: 1_000_000)] : []
        }
        var list: [Component] = []
        repeat {
            guard list.count <= OnCalendarParser.longestList else { throw error("the list has too many elements") }
            list.append(try component(field))
        } while cursor.position < end && cursor.skip(UInt8(ascii: ","))
        guard list.count > 1 else { return list }
        list.sort { ($0.start, $0.stop, $0.step) < ($1.start, $1.stop, $1.step) }
        var unique: [Component] = []
        for element in list where element != unique.last { unique.append(element) }
        return unique
    }

    private mutating func component(_ field: Field) throws(OnCalendarError) -> OnCalendar.Component {
        let position = cursor.position
        let start = try value(field)
        guard field.range.contains(start) else { throw outside(field, at: position) }
        var stop = -1
        var step = 0
        var stopPosition = position
        if peek == UInt8(ascii: "."), cursor.peek(ahead: 1) == UInt8(ascii: ".") {
            cursor.position += 2
            stopPosition = cursor.position
            stop = try value(field)
            step = field.unit
            guard start <= stop else { throw error("the range runs backwards", at: position) }
        }
        if cursor.position < end, cursor.skip(UInt8(ascii: "/")) {
            let stepPosition = cursor.position
            step = try value(field, isStep: true)
            guard step > 0 else { throw error("a repetition needs a step above 0", at: stepPosition) }
        } else if field == .second, stop >= 0, start + step > stop {
            // systemd takes such a range for other fields, and for seconds only with a step.
            throw error("the range is shorter than a second", at: position)
        }
        // A range ends where its last repetition falls; one that never repeats is a single value.
        if stop > start { stop -= (stop - start) % step }
        guard stop < field.range.upperBound else { throw outside(field, at: stopPosition) }
        if stop == start { (stop, step) = (-1, 0) }
        if stop < 0, step > 0 {
            let isTooLong =
                field == .dayFromEnd ? start - step < field.range.lowerBound : start + step >= field.range.upperBound
            guard !isTooLong else {
                throw error("the \(field.rawValue) would never repeat: the step is too long", at: position)
            }
        }
        return Component(start: Int32(start), stop: Int32(stop), step: Int32(step))
    }

    /// A number in the field's unit, at most `Int32.max`. A year of two digits means 1970 to 2069.
    private mutating func value(_ field: Field, isStep: Bool = false) throws(OnCalendarError) -> Int {
        let start = cursor.position
        var number = 0
        while let byte = peek, byte.isDigit {
            number = min(number * 10 + Int(byte - UInt8(ascii: "0")), 1 << 31)
            cursor.position += 1
        }
        guard cursor.position > start else {
            throw error("expected a number for the \(field.rawValue), found \(found)")
        }
        if field == .year, !isStep, number < 100 { number += number < 70 ? 2000 : 1900 }
        number *= field.unit
        if field == .second, peek == UInt8(ascii: "."), cursor.peek(ahead: 1) != UInt8(ascii: ".") {
            cursor.position += 1
            number += try microseconds()
        }
        guard number <= Int(Int32.max) else {
            throw isStep ? error("the step is too long", at: start) : outside(field, at: start)
        }
        return number
    }

    private func outside(_ field: Field, at position: Int) -> OnCalendarError {
        let last = (field.range.upperBound - 1) / field.unit
        return error("the \(field.rawValue) is outside \(field.range.lowerBound) to \(last)", at: position)
    }

    /// Decimals of a second, rounded to microseconds.
    private mutating func microseconds() throws(OnCalendarError) -> Int {
        var value = 0
        var count = 0
        while let byte = peek, byte.isDigit {
            let digit = Int(byte - UInt8(ascii: "0"))
            if count < 6 { value = value * 10 + digit } else if count == 6, digit >= 5 { value += 1 }
            count += 1
            cursor.position += 1
        }
        guard count > 0 else { throw error("expected digits after the decimal point, found \(found)") }
        for _ in min(count, 6)..<6 { value *= 10 }
        return value
    }
}
