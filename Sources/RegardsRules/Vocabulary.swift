/// Every key of the language, by where it stands. The readers take their keys from here, and a test holds the manual
/// against it.
package enum Vocabulary {
    /// Keys of rule files.
    package static var rules: [String] {
        all([.rule, .step, .send, .junction, .promise, .budget, .active, .lateness, .belated, .list] + Keys.triggers.values)
    }

    /// Keys of regards.yaml, but for the ways out.
    package static var house: [String] {
        all([
            .house, .business, .redirect, .customers, .event, .segment, .columnPerson, .contact, .absence, .limits, .quiet,
            .silent, .guards, .lists,
        ])
    }

    /// Words that a condition begins with where it is not about a column.
    package static let subjects = ["segment", "class", "received"]

    private static func all(_ keys: [Keys]) -> [String] { Set(keys.flatMap(\.known)).sorted() }
}

// MARK: - Rules

extension Keys {
    static let rule = Keys(
        "about", "purpose", "when", "where", "send", "tell", "webhook", "list", "card", "for", "why", "steps", "from",
        "promise", "ends_when", "if_late", "unreachable", "priority", "instead_of", "budget", "quiet", "same_address",
        "sample", "active", "enabled", "backfill", "if_in_doubt", "formerly",
        elsewhere: [
            "at": "when: {…, at: 09:00}", "days_before": "when: {…, days_before: 7}", "days_after": "when: {…, days_after: 7}",
            "spread": "when: {…, spread: 6h}", "after": "when: {event: …, after: 3d}", "every": "when or a step",
            "at_most": "when or a step", "no_repeat": "send: {card: …, no_repeat: …}", "cards": "send: {cards: […]}",
            "grace": "if_late: {grace: 10h}", "answer_within": "promise: {answer_within: 24h}",
            "counts": "budget: {counts: no}", "obeys": "budget: {obeys: no}",
        ])

    static let step = Keys(
        "at", "send", "tell", "webhook", "list", "card", "for", "why", "where", "name", "every", "at_most",
        elsewhere: [
            "no_repeat": "send: {card: …, no_repeat: …}", "cards": "send: {cards: […]}", "after": "at: 2d after start",
            "purpose": "the rule", "quiet": "the rule", "if_late": "the rule", "from": "the rule",
        ])

    static let send = Keys("card", "cards", "no_repeat")
    static let list = Keys("list", "for", "why")
    static let promise = Keys("answer_within", "clock")
    static let budget = Keys("counts", "obeys")
    static let active = Keys("from", "to")
    static let lateness = Keys("grace", "then")
    static let belated = Keys("card", "within")
    static let junction = Keys("any", "not")

    // MARK: when

    static let triggers: [String: Keys] = [
        "anniversary": Keys(
            "anniversary", "at", "days_before", "days_after", "feb_29", "every", "years", "leap_month", "day_30",
            "calendar_column", "spread"),
        "schedule": Keys("schedule", "at", "spread"),
        "feast": Keys("feast", "at", "days_before", "days_after", "feast_column", "spread"),
        "date": Keys("date", "at", "days_before", "days_after", "spread"),
        "on": Keys("on", "at", "days_before", "days_after", "spread"),
        "event": Keys("event", "after", "at", elsewhere: spreadDays),
        "idle": Keys("idle", "for", "at_least", "usual", "every", "at_most", "at", elsewhere: spreadDays),
        "becomes": Keys("becomes", "after", "at", elsewhere: spreadDays),
        "leaves": Keys("leaves", "after", "at", elsewhere: spreadDays),
    ]

    private static let spreadDays = ["spread": "triggers by the calendar: anniversary, schedule, feast, date, on"]
}

// MARK: - regards.yaml

extension Keys {
    static let house = Keys(
        "business", "customers", "segments", "events", "people", "limits", "silent", "lists", "guard", "mode", "if_in_doubt",
        "state", "retention", "keep_copies", "smtp", "maildir", "webhooks", "rules", "cards", "feasts", later: ["web"])

    static let business = Keys("name", "email", "time_zone", "postal_address", "phone", "hours", "holidays", later: ["logo"])
    static let redirect = Keys("redirect")
    static let customers = Keys("database", "query", "lookup", "refresh")
    static let event = Keys("query", "done", "vanished", "pauses", "horizon", later: ["intake", "database"])
    static let segment = Keys("top", "by", "classes", "where")
    static let columnPerson = Keys("column", "name_column", "phone_column", "else")
    static let contact = Keys("name", "email", "phone")
    static let absence = Keys("email", "from", "to", "substitute")
    static let limits = Keys("budgets", "quiet", "same_address", "rate", "rate_per_domain")
    static let quiet = Keys("hours", "days")
    static let silent = Keys("on", "feast", "countries")
    static let guards = Keys("new_rule", "day")
    static let lists = Keys("mail_at", "days", "card", "done_when")
}
