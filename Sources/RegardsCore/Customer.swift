/// The columns of a customer query that Regards gives a meaning; the raw value is the column's slot.
package enum CustomerColumn: Int, CaseIterable, Sendable {
    case id, name, givenName, familyName, email, phone, locale, timeZone, country, birthday, birthdayCalendar
    case customerSince, lastOrderAt, orderCount, totalSpent, advisorEmail, advisorName, doNotContact
    case consentGreeting, consentMarketing, consentSurvey

    /// The name in the query's result.
    package var name: String { CustomerColumn.names[rawValue] }

    package static let names = [
        "id", "name", "given_name", "family_name", "email", "phone", "locale", "time_zone", "country", "birthday",
        "birthday_calendar", "customer_since", "last_order_at", "order_count", "total_spent", "advisor_email",
        "advisor_name", "do_not_contact", "consent_greeting", "consent_marketing", "consent_survey",
    ]
}

/// Which column of the customer query lives in which slot. Fixed when the rules are checked.
package struct CustomerSchema: Sendable {
    package var columns = RecordSchema(known: CustomerColumn.names)

    /// Uses what planning and deciding always need; conditions and cards add theirs.
    package init() {
        for column in [
            CustomerColumn.id, .name, .givenName, .familyName, .email, .phone, .locale, .timeZone, .country, .advisorEmail,
            .advisorName, .doNotContact, .consentGreeting, .consentMarketing, .consentSurvey,
        ] {
            _ = columns.use(column.name)
        }
    }
}

/// One customer as the business's database has it now, in slots that are reused.
package struct Customer: Hashable, Sendable {
    package var record: Record

    package init(schema: CustomerSchema) { record = schema.columns.makeRecord() }

    /// The id as text, whatever its type in the database.
    package var id: String { record.string(CustomerColumn.id.rawValue) ?? "" }
    package func text(_ column: CustomerColumn) -> String? {
        record.isPresent(column.rawValue) ? record.string(column.rawValue) : nil
    }
}

/// The columns of an event query that Regards gives a meaning; the raw value is the column's slot.
package enum EventColumn: Int, CaseIterable, Sendable {
    case id, customerID, at
    package var name: String { EventColumn.names[rawValue] }
    package static let names = ["id", "customer_id", "at"]
}

/// One kind of event, from `events:` in regards.yaml.
package struct EventKind: Sendable {
    /// What becomes of an event whose row leaves the query's result.
    package enum Vanished: String, CaseIterable, Sendable {
        case stillOpen = "still_open"
        case done
    }

    package var name: String
    package var columns: RecordSchema
    /// When the event is over; nil for events that are over as soon as they happened.
    package var done: Condition?
    package var vanished: Vanished
    /// Messages of these purposes wait for the customer while an event of this kind is open.
    package var pauses: Set<Purpose>

    package init(
        name: String, columns: RecordSchema = RecordSchema(known: EventColumn.names), done: Condition? = nil,
        vanished: Vanished = .stillOpen, pauses: Set<Purpose> = []
    ) {
        self.name = name
        self.columns = columns
        self.done = done
        self.vanished = vanished
        self.pauses = pauses
    }
}
