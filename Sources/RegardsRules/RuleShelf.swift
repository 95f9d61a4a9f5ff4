import RegardsCore

/// Gathers the rules of regards.yaml and of all files in the rules folder, each name once.
struct RuleShelf {
    /// Under this name the ledger keeps the mails about lists.
    private static let reserved = "day-list"

    private let draft: Draft
    private let access: FileAccess
    private(set) var folder: String
    /// The files read, in the order of their names.
    private(set) var files: [String] = []
    private(set) var rules: [Rule] = []
    /// Every name that a rule claims, those with mistakes included, and where.
    private var names: [String: Place] = [:]
    /// False when a file could not be read: then nobody knows which rules there are.
    private var isComplete: Bool

    var isEmpty: Bool { names.isEmpty }

    init(draft: Draft, files: FileAccess, folder: String) {
        self.draft = draft
        access = files
        self.folder = folder
        isComplete = draft.knowsHouse
    }

    /// - Parameter item: the value of `rules:`, which is a mapping of rules or the path of the rules folder.
    mutating func fill(_ item: Item?, configurationFolder: String) {
        if let item, item.isMapping {
            add(item)
        } else if let item, let path = item.filePath(in: configurationFolder) {
            folder = path
        }
        let namesFolder = item.map { !$0.isMapping } ?? false
        for name in ruleFileNames(reportMissing: namesFolder ? item : nil) {
            let path = FilePath.join(folder, name)
            files.append(path)
            guard let value = value(of: path) else { continue }
            add(Item(value: value, path: "", report: draft.report))
        }
        checkFormerNames()
        RuleChecks(draft: draft, rules: rules, names: isComplete ? Set(names.keys) : nil).run()
    }

    /// nil for an empty file, and after a mistake.
    private mutating func value(of path: String) -> YAMLValue? {
        guard let bytes = access.contents(of: path, draft.report) else {
            isComplete = false
            return nil
        }
        // An empty file is no mistake; whatever else gives no value is.
        let mistakes = draft.report.count
        let value = YAMLComposer.read(bytes, file: path, report: draft.report)
        if value == nil, draft.report.count > mistakes { isComplete = false }
        return value
    }

    /// `*.yaml` and `*.yml`, not hidden. A folder that no file names may be missing.
    private func ruleFileNames(reportMissing item: Item?) -> [String] {
        switch access.names(folder) {
        case .success(let names):
            return names.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        case .failure(.missing):
            item?.fail(.unreadable("there is no such folder"))
        case .failure(.reason(let reason)):
            draft.report.add(
                Flaw(.unreadable(reason), at: item?.place ?? Place(file: folder, line: 0, column: 0)), path: item?.path ?? ""
            )
        }
        return []
    }

    private mutating func add(_ item: Item) {
        for entry in item.entries() ?? [] {
            guard !isMisplaced(entry.name, entry.item) else {
                item.fail(entry.name == "rules" ? .rulesInsideRules : .keyOutsideRule(entry.name), at: entry.place)
                continue
            }
            guard Name.isRule(entry.name) else {
                item.fail(.expected(Name.ruleForm, got: entry.name), at: entry.place)
                continue
            }
            guard entry.name != RuleShelf.reserved else {
                item.fail(.expected("another name: the morning's lists are mailed under this one", got: entry.name), at: entry.place)
                continue
            }
            if let first = names[entry.name] {
                item.fail(.repeated("rule", entry.name, first: first), at: entry.place)
            } else {
                names[entry.name] = entry.place
            }
            // A rule is written and moved as a whole, so key paths begin inside it.
            let body = Item(value: entry.item.value, path: "", report: draft.report)
            let (customers, kinds) = (draft.customers.columns, draft.kinds)
            let rule = RuleReader(draft: draft).rule(entry.name, at: entry.place, body)
            if let rule { rules.append(rule) }
            if rule.map({ !$0.isEnabled }) ?? saysOff(entry.item) { forgetPlaces(since: customers, kinds) }
        }
    }

    /// Of a rule that cannot be read for another mistake.
    private func saysOff(_ item: Item) -> Bool {
        guard case .mapping(let pairs) = item.value.content, let said = pairs.first(where: { $0.key == "enabled" }) else { return false }
        guard case .text(let word) = said.value.content else { return false }
        return ["no", "false"].contains(word)
    }

    /// Whether it is a key of rules, or of regards.yaml, and what stands there is no rule. In a file where the spaces in front
    /// were forgotten the name of the rule has nothing behind it.
    private func isMisplaced(_ name: String, _ item: Item) -> Bool {
        if name == "rules" { return item.isMapping }
        guard Keys.rule.known.contains(name) else { return false }
        guard case .mapping(let pairs) = item.value.content else { return true }
        return !pairs.contains { Keys.rule.known.contains($0.key) }
    }

    /// The columns of a rule that is off may be missing from the queries.
    private func forgetPlaces(since customers: RecordSchema, _ kinds: [EventKind]) {
        draft.customers.columns.forgetPlaces(since: customers)
        for (index, kind) in zip(draft.kinds.indices, kinds) { draft.kinds[index].columns.forgetPlaces(since: kind.columns) }
    }

    private func checkFormerNames() {
        var claimed: [String: Place] = [:]
        for (name, _, item) in draft.formerNames {
            if names[name] != nil {
                item.fail(.formerlyTaken(name))
            } else if let first = claimed.updateValue(item.place, forKey: name) {
                item.fail(.formerlyTwice(name, first: first))
            }
        }
    }
}

extension FileAccess {
    /// nil after a failure, which is in the report then.
    func contents(of path: String, _ report: Report) -> [UInt8]? {
        switch read(path) {
        case .success(let bytes): return bytes
        case .failure(let fault):
            let reason =
                switch fault {
                case .missing: "there is no such file"
                case .reason(let reason): reason
                }
            report.add(Flaw(.unreadable(reason), at: Place(file: path, line: 0, column: 0)))
            return nil
        }
    }
}
