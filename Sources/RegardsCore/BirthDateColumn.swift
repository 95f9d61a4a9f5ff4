package import RegardsCalendar

extension Record {
    /// The slot's text as a date of birth: `YYYY-MM-DD` (a time of day behind it is left aside), or without a year
    /// `--MM-DD` or `MM-DD`; nil for an empty slot, another form, and a day that does not exist.
    package func birthDate(_ slot: Int) -> BirthDate? {
        withText(slot) { bytes in
            guard let bytes else { return nil }
            // A pass over a million customers asks for this for each: the usual forms are read where they lie.
            return BirthDate(timestamp: bytes) ?? BirthDate(String(decoding: bytes, as: UTF8.self))
        }
    }
}

extension Record {
    /// Month and day of the slot's date of birth, where it is written in the usual form; nil for all else, which
    /// `birthDate` reads. All that a pass asks of most customers.
    func usualDayOfBirth(_ slot: Int) -> (month: Int, day: Int)? {
        withText(slot) { bytes in
            guard let bytes, let found = UsualDate(bytes), found.exists else { return nil }
            return (found.month, found.day)
        }
    }

    /// The slot's date as `PackedDate`, where it is written in the usual form; nil for all else.
    func usualDate(_ slot: Int) -> PackedDate? {
        withText(slot) { bytes in
            guard let bytes, let found = UsualDate(bytes), found.exists else { return nil }
            return PackedDate(year: found.year, month: found.month, day: found.day)
        }
    }
}

extension BirthDate {
    fileprivate init?(timestamp bytes: UnsafeBufferPointer<UInt8>) {
        guard let date = UsualDate(bytes) else { return nil }
        self.init(year: date.year, month: date.month, day: date.day)
    }
}

/// Exactly `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS` (also with a `T`), with a year; whether the day exists is not looked at.
private struct UsualDate {
    var year: Int
    var month: Int
    var day: Int

    var exists: Bool {
        (1...12).contains(month) && day >= 1 && (day <= 28 || day <= CivilDate.days(inMonth: month, year: year))
    }

    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == 10 || bytes.count == 19 else { return nil }
        func two(_ index: Int) -> Int {
            let (tens, ones) = (bytes[index] &- UInt8(ascii: "0"), bytes[index + 1] &- UInt8(ascii: "0"))
            return tens < 10 && ones < 10 ? Int(tens) &* 10 &+ Int(ones) : -10_000
        }
        func isByte(_ index: Int, _ byte: Unicode.Scalar) -> Bool { bytes[index] == UInt8(ascii: byte) }

        year = two(0) &* 100 &+ two(2)
        month = two(5)
        day = two(8)
        // The year 0000 means an unknown one, which the general reader knows.
        guard year > 0, month >= 0, day >= 0, isByte(4, "-"), isByte(7, "-") else { return nil }
        guard bytes.count == 19 else { return }
        guard isByte(10, " ") || isByte(10, "T"), isByte(13, ":"), isByte(16, ":"), (0..<24).contains(two(11)),
            (0..<60).contains(two(14)), (0..<60).contains(two(17))
        else { return nil }
    }
}
