/// One row of a customer or event query, in slots that are reused for the next row.
///
/// A schema fixes which column lives in which slot before the first row is read, and holds only the columns
/// that conditions, cards and the planner use. Text is kept as bytes in one buffer, so that a million rows
/// pass without an allocation each.
package struct Record: Hashable, Sendable {
    package enum Slot: Hashable, Sendable {
        case null
        case integer(Int64)
        case real(Double)
        /// A range of the record's byte buffer.
        case text(start: Int32, count: Int32)
    }

    package private(set) var slots: [Slot]
    private var bytes: [UInt8] = []

    package init(slotCount: Int) {
        slots = Array(repeating: .null, count: slotCount)
        bytes.reserveCapacity(256)
    }

    /// Makes every slot null and keeps the storage.
    package mutating func clear() {
        for index in slots.indices { slots[index] = .null }
        bytes.removeAll(keepingCapacity: true)
    }

    package mutating func setNull(_ slot: Int) { slots[slot] = .null }
    package mutating func set(_ slot: Int, integer: Int64) { slots[slot] = .integer(integer) }
    package mutating func set(_ slot: Int, real: Double) { slots[slot] = .real(real) }

    /// Copies UTF-8 into the buffer. Ill-formed UTF-8 is kept as it is and repaired when read as a `String`. Text that
    /// would take a row over 2 GiB counts as NULL: no card or condition means it.
    package mutating func set(_ slot: Int, utf8: UnsafeBufferPointer<UInt8>) {
        guard utf8.count <= Int(Int32.max) - bytes.count else { return setNull(slot) }
        slots[slot] = .text(start: Int32(bytes.count), count: Int32(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    package mutating func set(_ slot: Int, text: String) {
        var text = text
        text.withUTF8 { set(slot, utf8: $0) }
    }

    /// True for a value that is neither NULL nor an empty text.
    package func isPresent(_ slot: Int) -> Bool {
        switch slots[slot] {
        case .null: false
        case .text(_, let count): count > 0
        case .integer, .real: true
        }
    }

    /// The value as text: numbers in their shortest decimal form; nil for NULL.
    package func string(_ slot: Int) -> String? {
        switch slots[slot] {
        case .null: nil
        case .integer(let number): String(number)
        case .real(let number): number == number.rounded() && abs(number) < 1e16 ? String(Int64(number)) : String(number)
        case .text(let start, let count): String(decoding: bytes[Int(start)..<Int(start + count)], as: UTF8.self)
        }
    }

    /// The value as a number; nil for NULL and for text that is no number in decimal digits (`12`, `-0.5`, `1e6`).
    package func number(_ slot: Int) -> Double? {
        switch slots[slot] {
        case .null: nil
        case .integer(let number): Double(number)
        case .real(let number): number
        case .text(let start, let count): Record.decimal(bytes[Int(start)..<Int(start + count)])
        }
    }

    /// Leaves out what `Double` reads besides: `nan`, `inf` and hexadecimal are no amounts anybody wrote.
    private static func decimal(_ text: ArraySlice<UInt8>) -> Double? {
        let isDecimal = text.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
        return isDecimal ? Double(String(decoding: text, as: UTF8.self)) : nil
    }

    /// Calls `body` with the text's bytes without copying them; with nil when the slot holds no text.
    package func withText<Result>(_ slot: Int, _ body: (UnsafeBufferPointer<UInt8>?) -> Result) -> Result {
        guard case .text(let start, let count) = slots[slot] else { return body(nil) }
        return bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[Int(start)..<Int(start + count)])) }
    }
}

/// Column names to slots. The first slots belong to the known columns of its kind, used or not.
package struct RecordSchema: Sendable {
    package private(set) var names: [String]
    /// For each slot: is it read by the planner, a condition or a card?
    package private(set) var isUsed: [Bool]
    /// Where a file first named the column; nil where only Regards itself needs it.
    package private(set) var places: [Place?]

    package init(known: [String]) {
        names = known
        isUsed = Array(repeating: false, count: known.count)
        places = Array(repeating: nil, count: known.count)
    }

    package func slot(_ name: String) -> Int? { names.firstIndex(of: name) }

    /// The slot of a column, which is used from now on; a new slot where the name is new.
    package mutating func use(_ name: String, at place: Place? = nil) -> Int {
        if let slot = slot(name) {
            isUsed[slot] = true
            if places[slot] == nil { places[slot] = place }
            return slot
        }
        names.append(name)
        isUsed.append(true)
        places.append(place)
        return names.count - 1
    }

    /// Forgets the places that were noted since an earlier state: nobody has to have a column for what is switched off.
    package mutating func forgetPlaces(since earlier: RecordSchema) {
        for slot in places.indices { places[slot] = slot < earlier.places.count ? earlier.places[slot] : nil }
    }

    package func makeRecord() -> Record { Record(slotCount: names.count) }
}
