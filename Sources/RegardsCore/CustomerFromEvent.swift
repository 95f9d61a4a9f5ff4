extension Customer {
    /// Somebody whom only an event's row knows: an inquiry that brings a name and an address. The row's columns become
    /// the customer's of the same name; all others are NULL.
    /// - Parameters:
    ///   - columns: of the record.
    ///   - id: `Event.customerKey`.
    package init(fromEvent record: Record, columns: RecordSchema, schema: CustomerSchema, id: String) {
        self.init(schema: schema)
        // What is the event's own says nothing about the person.
        let own = Set(EventColumn.names)
        for (slot, name) in columns.names.enumerated() where !own.contains(name) && record.slots.indices.contains(slot) {
            guard let target = schema.columns.slot(name) else { continue }
            self.record.copy(slot, of: record, to: target)
        }
        self.record.set(CustomerColumn.id.rawValue, text: id)
    }
}

extension CustomerColumn {
    /// What an event's row may say of somebody who is no customer.
    package static let ofEvents: [CustomerColumn] = [
        .name, .givenName, .familyName, .email, .phone, .locale, .timeZone, .country,
    ]
}

extension Record {
    fileprivate mutating func copy(_ slot: Int, of other: Record, to target: Int) {
        switch other.slots[slot] {
        case .null: setNull(target)
        case .integer(let number): set(target, integer: number)
        case .real(let number): set(target, real: number)
        case .text:
            other.withText(slot) { bytes in
                if let bytes { set(target, utf8: bytes) }
            }
        }
    }
}
