package import RegardsCalendar

/// Dates and instants in columns, read from the record's bytes without an allocation: a million customers may have
/// some each.
extension Record {
    /// The date that the slot's text begins with: `YYYY-MM-DD`, alone or before a `T` or a space and a time of day,
    /// which is not looked at. nil for an empty slot, another form, and a day that does not exist.
    package func civilDate(_ slot: Int) -> CivilDate? {
        withText(slot) { bytes in
            guard let bytes else { return nil }
            var reader = ByteReader(bytes)
            guard let date = reader.date() else { return nil }
            return reader.isAtEnd || reader.skip("T") || reader.skip(" ") ? date : nil
        }
    }

    /// The slot's value as a point in time; nil for an empty slot and for what is none.
    ///
    /// - Text is `YYYY-MM-DD`, or that, a `T` or a space, and `HH:MM[:SS[.fraction]]` with `Z`, `+HH:MM`, `+HHMM`,
    ///   `+HH` or nothing behind it. Without an offset it is a reading of the wall clock in `zone`, as
    ///   `Zone.instant(_:_:)` has it; a bare date is the first instant of the day there.
    /// - A number is seconds since 1970, or milliseconds where its size is 10^11 or more (which as seconds would be the
    ///   year 5138, and as milliseconds is 1973). From 10^14 on it is nil.
    package func instant(_ slot: Int, zone: Zone) -> Instant? {
        switch slots[slot] {
        case .null: nil
        case .integer(let number): Instant(sinceEpoch: number)
        case .real(let number): Instant(sinceEpoch: number)
        case .text:
            withText(slot) { bytes in
                var reader = ByteReader(bytes!)
                return reader.instant(zone)
            }
        }
    }
}

extension Instant {
    private static let firstMilliseconds = 1e11
    private static let tooLarge = 1e14

    fileprivate init?(sinceEpoch number: Int64) {
        switch number.magnitude {
        case ..<UInt64(Instant.firstMilliseconds): self.init(microseconds: number * 1_000_000)
        case ..<UInt64(Instant.tooLarge): self.init(microseconds: number * 1000)
        default: return nil
        }
    }

    fileprivate init?(sinceEpoch number: Double) {
        let size = abs(number)
        // NaN fails here too.
        guard size < Instant.tooLarge else { return nil }
        self.init(microseconds: Int64((number * (size < Instant.firstMilliseconds ? 1e6 : 1e3)).rounded()))
    }
}

/// A reading position in bytes that somebody else keeps alive.
private struct ByteReader {
    private var bytes: UnsafeBufferPointer<UInt8>.SubSequence

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes[...] }

    var isAtEnd: Bool { bytes.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard bytes.first == UInt8(ascii: character) else { return false }
        bytes.removeFirst()
        return true
    }

    /// The next `count` bytes as a number, if they are digits.
    private mutating func digits(_ count: Int) -> Int? {
        guard bytes.count >= count else { return nil }
        var value = 0
        for byte in bytes.prefix(count) {
            guard byte.isDigit else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        bytes.removeFirst(count)
        return value
    }

    mutating func date() -> CivilDate? {
        guard let year = digits(4), skip("-"), let month = digits(2), skip("-"), let day = digits(2) else { return nil }
        return CivilDate(year: year, month: month, day: day)
    }

    mutating func instant(_ zone: Zone) -> Instant? {
        guard let date = date() else { return nil }
        if isAtEnd { return zone.startOfDay(date) }
        guard skip("T") || skip(" "), let time = time(), let fraction = fraction() else { return nil }
        if isAtEnd { return zone.instant(date, time) + fraction }
        guard let offset = offset(), isAtEnd else { return nil }
        let seconds = Int64(date.dayNumber) * 86_400 + Int64(time.secondOfDay) - Int64(offset)
        return Instant(seconds: seconds) + fraction
    }

    /// `HH:MM` or `HH:MM:SS`; the hour may have one digit.
    private mutating func time() -> WallTime? {
        guard let hour = digits(2) ?? digits(1), skip(":"), let minute = digits(2) else { return nil }
        guard skip(":") else { return WallTime(hour: hour, minute: minute) }
        return digits(2).flatMap { WallTime(hour: hour, minute: minute, second: $0) }
    }

    /// Cut off after microseconds.
    private mutating func fraction() -> TimeSpan? {
        guard skip(".") else { return .zero }
        guard bytes.first?.isDigit == true else { return nil }
        var value: Int64 = 0
        var scale: Int64 = 1_000_000
        while let byte = bytes.first, byte.isDigit {
            scale /= 10
            value += Int64(byte - 0x30) * scale
            bytes.removeFirst()
        }
        return TimeSpan(microseconds: value)
    }

    /// Seconds east of UTC, up to 23:59.
    private mutating func offset() -> Int? {
        if skip("Z") { return 0 }
        let isWest = skip("-")
        guard isWest || skip("+"), let hours = digits(2) else { return nil }
        var minutes = 0
        if !isAtEnd {
            _ = skip(":")
            guard let read = digits(2) else { return nil }
            minutes = read
        }
        guard hours < 24, minutes < 60 else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self >= 0x30 && self <= 0x39 }
}
