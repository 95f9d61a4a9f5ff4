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

extension BirthDate {
    /// Reads exactly `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS` (also with a `T`); nil for all else.
    fileprivate init?(timestamp bytes: UnsafeBufferPointer<UInt8>) {
        func number(at start: Int, _ count: Int) -> Int {
            var value = 0
            for index in start..<(start + count) {
                let digit = bytes[index] &- UInt8(ascii: "0")
                guard digit < 10 else { return -1 }
                value = value &* 10 &+ Int(digit)
            }
            return value
        }
        func isByte(_ index: Int, _ byte: Unicode.Scalar) -> Bool { bytes[index] == UInt8(ascii: byte) }

        guard bytes.count == 10 || bytes.count == 19, isByte(4, "-"), isByte(7, "-") else { return nil }
        if bytes.count == 19 {
            guard isByte(10, " ") || isByte(10, "T"), isByte(13, ":"), isByte(16, ":"),
                (0..<24).contains(number(at: 11, 2)), (0..<60).contains(number(at: 14, 2)),
                (0..<60).contains(number(at: 17, 2))
            else { return nil }
        }
        let year = number(at: 0, 4)
        // The year 0000 means an unknown one, which the general reader knows.
        guard year > 0 else { return nil }
        self.init(year: year, month: number(at: 5, 2), day: number(at: 8, 2))
    }
}
