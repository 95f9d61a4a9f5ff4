import RegardsCalendar
import RegardsCore

/// The rows of a case while it is read: which customers and events there are, and what their columns are called.
struct CaseRows {
    let book: RuleBook
    private(set) var customers: [CaseRow] = []
    private(set) var segments: Set<Int> = []
    /// Who is there, or will have been.
    private var customerIDs: Set<String> = []
    /// Ids of events by kind, in the order in which they happen.
    private var events: [Int: [String]] = [:]

    init(book: RuleBook) { self.book = book }

    func isKnown(_ customer: String) -> Bool {
        customerIDs.contains(customer) || customer.hasPrefix("event:")
    }

    /// The keys of an entry of `happens`, beside `at`.
    var kindsOfChange: [String] { book.eventKinds.map(\.name) + ["customer", "remove", "down"] }

    // MARK: Customers

    /// `customer: {…}`, or `customers: {ID: {…}, …}`.
    mutating func readCustomers(_ form: Form) {
        if let item = form["customer"] {
            if form["customers"] != nil { item.fail(.twoOf(["customer", "customers"]), at: form.place(of: "customers")) }
            add(item, id: nil)
        }
        for entry in form["customers"]?.entries("customers, each under an id") ?? [] { add(entry.item, id: entry.name) }
    }

    private mutating func add(_ item: Item, id: String?) {
        guard var row = customer(item, now: nil) else { return }
        row.id = id ?? (row.id.isEmpty ? "customer" : row.id)
        customerIDs.insert(row.id)
        customers.append(CaseRows.completed(row))
    }

    /// Nobody writes a name and an address for each case.
    private static func completed(_ row: CaseRow) -> CaseRow {
        var row = row
        if row.columns["email"] == nil { row.columns["email"] = .text("\(row.id)@example.com") }
        if !["name", "given_name", "family_name"].contains(where: { row.columns[$0] != nil }) {
            row.columns["name"] = .text(row.id)
        }
        return row
    }

    /// A row with an empty id where the entry has none.
    private mutating func customer(_ item: Item, now: Instant?) -> CaseRow? {
        guard let entries = item.entries("columns of the customer") else { return nil }
        let columns = book.customers.columns
        var row = CaseRow(id: "", columns: [:])
        for entry in entries {
            if entry.name == "segment" {
                row.segments = memberships(entry.item)
            } else if entry.name == "id" {
                row.id = entry.item.text("an id") ?? ""
            } else if isColumn(entry.name, columns, known: CustomerColumn.names) {
                row.columns[entry.name] = value(entry.item, now: now)
            } else {
                let known = columns.names.indices.filter { columns.isUsed[$0] }.map { columns.names[$0] }
                item.fail(.unasked(entry.name, of: "customer", known: known + ["segment"]), at: entry.place)
            }
        }
        return row
    }

    private func isColumn(_ name: String, _ columns: RecordSchema, known: [String]) -> Bool {
        columns.slot(name).map { columns.isUsed[$0] } == true || known.contains(name)
    }

    private mutating func memberships(_ item: Item) -> Set<Int>? {
        if item.scalar.map(CaseRows.isNothing) == true { return [] }
        let known = book.segments.map(\.name)
        let found = item.oneOrMore().compactMap { entry -> Int? in
            guard let name = entry.text("a segment") else { return nil }
            guard let index = known.firstIndex(of: name) else {
                return entry.refuse(.unknown("segment", name, known: known, section: "segments"))
            }
            if case .classes = book.segments[index].definition { return entry.refuse(.segmentOfClasses(name)) }
            return index
        }
        segments.formUnion(found)
        return Set(found)
    }

    // MARK: Values

    private static func isNothing(_ text: String) -> Bool { text.isEmpty || text == "NULL" }

    /// Nothing, or `NULL`, is an empty column; digits are a number, but for those with a zero in front; `now` is the time
    /// of the entry.
    private func value(_ item: Item, now: Instant?) -> CaseValue {
        guard let text = item.scalar else {
            item.fail(.expectedShape("one value", got: item.shape))
            return .null
        }
        if CaseRows.isNothing(text) { return .null }
        if text == "now", let now { return .text(now.description) }
        let isPadded = text.count > 1 && text.hasPrefix("0") && !text.hasPrefix("0.")
        if !isPadded, text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text) {
            return .integer(number)
        }
        if !isPadded, let number = Decimal.read(text) { return .real(number) }
        return .text(text)
    }

    // MARK: Changes

    /// What one key of an entry of `happens` says.
    mutating func changes(_ key: String, _ place: Place, _ item: Item, at now: Instant) -> [CaseChange.Change] {
        switch key {
        case "customer": return customerChange(item, now).map { [$0] } ?? []
        case "remove": return item.oneOrMore().compactMap(removal)
        case "down":
            let span = item.span(.minutes(1)...(.days(366)), named: "1min to 366d")
            return span.map { [.down($0)] } ?? []
        default:
            guard let kind = book.eventKinds.firstIndex(where: { $0.name == key }) else {
                item.fail(.unknownKey(key, known: ["at"] + kindsOfChange), at: place)
                return []
            }
            return event(item, kind, now).map { [$0] } ?? []
        }
    }

    private mutating func customerChange(_ item: Item, _ now: Instant) -> CaseChange.Change? {
        guard var row = customer(item, now: now) else { return nil }
        if row.id.isEmpty {
            guard customerIDs.count <= 1 else { return item.refuse(.whoseEvent("id")) }
            row.id = customerIDs.first ?? "customer"
        }
        let isNew = customerIDs.insert(row.id).inserted
        return .set(.customers, isNew ? CaseRows.completed(row) : row)
    }

    /// The event that is there; where there is none of the kind yet, or the id is new, one that happens now.
    private mutating func event(_ item: Item, _ kind: Int, _ now: Instant) -> CaseChange.Change? {
        guard let entries = item.entries("columns of the event") else { return nil }
        let columns = book.eventKinds[kind].columns
        var row = CaseRow(id: "", columns: [:])
        for entry in entries {
            let name = entry.name == "customer" && columns.slot("customer") == nil ? EventColumn.customerID.name : entry.name
            if name == "id" {
                row.id = entry.item.text("an id") ?? ""
            } else if isColumn(name, columns, known: EventColumn.names) {
                row.columns[name] = value(entry.item, now: now)
            } else {
                let known = columns.names.indices.filter { columns.isUsed[$0] }.map { columns.names[$0] } + ["customer"]
                item.fail(.unasked(name, of: book.eventKinds[kind].name, known: known), at: entry.place)
            }
        }
        let known = events[kind] ?? []
        if row.id.isEmpty {
            guard known.count <= 1 else { return item.refuse(.whoseEvent("id")) }
            row.id = known.first ?? "1"
        }
        guard !known.contains(row.id) else { return .set(.events(kind), row) }
        events[kind, default: []].append(row.id)
        if row.columns["at"] == nil { row.columns["at"] = .text(now.description) }
        if row.columns["customer_id"] == nil {
            guard customerIDs.count <= 1 else { return item.refuse(.whoseEvent("customer")) }
            row.columns["customer_id"] = customerIDs.first.map { .text($0) } ?? .null
        }
        return .set(.events(kind), row)
    }

    /// `customer`, `complaint`, or either with an id.
    private func removal(_ item: Item) -> CaseChange.Change? {
        guard let words = item.text("customer, or a kind of event")?.split(separator: " ").map(String.init) else { return nil }
        let kind = book.eventKinds.firstIndex { $0.name == words[0] }
        guard words[0] == "customer" || kind != nil, words.count <= 2 else {
            return item.refuse(.expectedWord(words[0], among: ["customer"] + book.eventKinds.map(\.name)))
        }
        let known = kind.map { events[$0] ?? [] } ?? customerIDs.sorted()
        guard words.count == 2 || known.count == 1 else { return item.refuse(.whoseEvent("its id")) }
        let id = words.count == 2 ? words[1] : known[0]
        guard known.contains(id) else { return item.refuse(.expected("the id of a \(words[0]) that is there", got: id)) }
        return .remove(kind.map { .events($0) } ?? .customers, id: id)
    }
}
