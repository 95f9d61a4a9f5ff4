import RegardsCalendar
import RegardsCore

/// Reads where customers and events come from.
struct SourceReader {
    let draft: Draft
    /// The folder of regards.yaml, which relative paths start from.
    let folder: String

    func customers(_ item: Item) -> CustomerSettings? {
        guard let form = item.form(.customers) else { return nil }
        let databaseItem = form.required("database", "sqlite:PATH")
        let database = databaseItem?.database(in: folder)
        let query = form.required("query", "a SELECT with a column id").flatMap(query)
        let lookup = form["lookup"].flatMap(lookup)
        let refresh = form["refresh"]?.span(.seconds(1)...(.days(31)), named: "1s to 31d")
        guard let databaseItem, let database, case .sqlite(let path) = database, let query else { return nil }
        return CustomerSettings(
            database: .sqlite(path: path), databasePlace: databaseItem.place, query: query, lookup: lookup,
            refresh: refresh ?? .minutes(15))
    }

    /// Fills `draft.kinds`, and gives the settings in the same order.
    func events(_ item: Item) -> [EventSettings] {
        guard let entries = item.entries() else { return [] }
        // All names first: a kind with a mistake is known to the rules all the same.
        draft.kinds = entries.map { EventKind(name: $0.name) }
        return entries.enumerated().compactMap { index, entry in
            guard Name.isKind(entry.name) else {
                return item.refuse(.expected(Name.kindForm, got: entry.name), at: entry.place)
            }
            return event(entry.item, kind: index)
        }
    }

    private func event(_ item: Item, kind: Int) -> EventSettings? {
        guard let form = item.form(.event) else { return nil }
        let query = form.required("query", "a SELECT with the columns id, customer_id and at").flatMap(query)
        for column in EventColumn.allCases { _ = draft.kinds[kind].columns.use(column.name, at: query?.place) }
        draft.kinds[kind].done = form["done"].flatMap(ConditionReader(draft: draft, scope: .event(kind: kind)).condition)
        draft.kinds[kind].vanished = form["vanished"]?.word() ?? .stillOpen
        if let pauses = form["pauses"] {
            draft.kinds[kind].pauses = Set(pauses.oneOrMore().compactMap(pausedPurpose))
            if form["done"] == nil { pauses.fail(.pausesWithoutDone, at: form.place(of: "pauses")) }
        }
        let horizon = form["horizon"]?.span(.hours(1)...(.days(3_660)), named: "1h to 3660d")
        guard let query else { return nil }
        return EventSettings(
            name: draft.kinds[kind].name, place: item.place, query: query, horizon: horizon ?? .days(31))
    }

    private func pausedPurpose(_ item: Item) -> Purpose? {
        guard let purpose = item.word(Purpose.self) else { return nil }
        return purpose == .care ? item.refuse(.pausesCare) : purpose
    }

    /// A final semicolon would end the statement inside the one that wraps it.
    private func query(_ item: Item) -> Query? {
        guard var text = item.paragraph("a SELECT")?[...] else { return nil }
        while text.last == ";" { text = text.dropLast().trimmed }
        guard !text.isEmpty else { return item.refuse(.empty("a SELECT")) }
        return Query(text: String(text), place: item.place)
    }

    private func lookup(_ item: Item) -> Query? {
        guard let query = query(item) else { return nil }
        return query.text.contains(":ids") ? query : item.refuse(.lookupWithoutIDs)
    }
}

extension Item {
    /// `sqlite:PATH`; a relative path starts from the folder.
    func database(in folder: String) -> DatabaseLocation? {
        let expected = "sqlite:PATH, such as sqlite:/srv/shop/shop.sqlite"
        guard let text = text(expected) else { return nil }
        for later in ["postgresql:", "postgres:", "csv:", "mysql:"] where text.hasPrefix(later) {
            return refuse(.later(later))
        }
        // sqlite://host/path, as other programs have it, means nothing here.
        guard text.hasPrefix("sqlite:"), !text.hasPrefix("sqlite://"), text.utf8.count > 7 else {
            return refuse(.expected(expected, got: text))
        }
        return .sqlite(path: FilePath.join(folder, String(text.dropFirst(7))))
    }

    /// A path; a relative one starts from the folder.
    func filePath(in folder: String) -> String? { text("a path").map { FilePath.join(folder, $0) } }
}
