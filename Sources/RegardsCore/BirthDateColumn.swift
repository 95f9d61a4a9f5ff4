package import RegardsCalendar

extension Record {
    /// The slot's text as a date of birth: `YYYY-MM-DD` (a time of day behind it is not looked at), or without a year
    /// `--MM-DD` or `MM-DD`; nil for an empty slot, another form, and a day that does not exist.
    package func birthDate(_ slot: Int) -> BirthDate? {
        withText(slot) { bytes in
            guard let bytes else { return nil }
            let space = UInt8(ascii: " ")
            let letterT = UInt8(ascii: "T")
            guard bytes.count > 10 else { return BirthDate(String(decoding: bytes, as: UTF8.self)) }
            guard bytes[10] == space || bytes[10] == letterT else { return nil }
            return BirthDate(String(decoding: bytes.prefix(10), as: UTF8.self))
        }
    }
}
