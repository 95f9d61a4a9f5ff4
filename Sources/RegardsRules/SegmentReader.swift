import RegardsCalendar
import RegardsCore

/// Reads `segments:`, groups of customers that rules can name.
struct SegmentReader {
    let draft: Draft

    private static let ways = ["top", "classes", "where"]
    /// Words that mean something where a segment's name could stand.
    private static let reserved: Set<String> = [Draft.others, "not", "present", "absent"]

    /// In the order of the file, which is the order in which they may name each other.
    func segments(_ item: Item) -> [Segment] {
        guard let entries = item.entries() else { return [] }
        // All names first: one with a mistake is known to the rules all the same.
        draft.segments = entries.map { Draft.KnownSegment(name: $0.name) }
        return entries.enumerated().compactMap { index, entry in
            guard Name.isRule(entry.name) else {
                return item.refuse(.expected(Name.ruleForm, got: entry.name), at: entry.place)
            }
            guard !SegmentReader.reserved.contains(entry.name) else {
                return item.refuse(.reserved("segment", entry.name), at: entry.place)
            }
            let definition = definition(entry.item, index)
            let hash = hash(entry.item, definition)
            draft.segments[index].hash = hash
            return definition.map { Segment(name: entry.name, definition: $0, place: entry.place, hash: hash) }
        }
    }

    private func definition(_ item: Item, _ index: Int) -> Segment.Definition? {
        guard let form = item.form(.segment) else { return nil }
        if form["classes"] != nil { draft.segments[index].classes = .unknown }
        guard let way = form.exactlyOne(of: SegmentReader.ways), let value = form[way] else { return nil }
        if way == "where" {
            if form["by"] != nil { item.fail(.onlyWith("by", "top and classes"), at: form.place(of: "by")) }
            let reader = ConditionReader(draft: draft, scope: .segment(index))
            return reader.condition(value).map { .matching($0) }
        }
        let by = form.required("by", "the column that ranks customers, such as total_spent")
        let column = by?.customerColumn()
        let share = way == "top" ? share(value) : nil
        let classes = way == "classes" ? value.integer(2...100) : nil
        if let classes { draft.segments[index].classes = .count(classes) }
        guard let column else { return nil }
        let slot = draft.customers.columns.use(column, at: by?.place)
        return share.map { .top($0, by: slot) } ?? classes.map { .classes($0, by: slot) }
    }

    /// `20%`, or how many.
    private func share(_ item: Item) -> Segment.Share? {
        if item.scalar?.last == "%" { return item.share().map { .part($0) } }
        let form = "a share such as 20%, or a number of customers such as 100"
        return item.parsed(form) { Int($0).flatMap { (1...100_000_000).contains($0) ? .count($0) : nil } }
    }

    /// Of what is written here and in the segments that are named here.
    private func hash(_ item: Item, _ definition: Segment.Definition?) -> UInt64 {
        var hash = StableHash()
        item.value.add(to: &hash)
        if case .matching(let condition)? = definition {
            for index in condition.segments.sorted() { hash.add(String(draft.segments[index].hash)) }
        }
        return hash.value()
    }
}
