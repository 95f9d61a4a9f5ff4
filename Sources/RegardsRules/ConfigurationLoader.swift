package import RegardsCalendar
package import RegardsCore

/// What became of reading the operator's files.
package struct LoadResult: Sendable {
    /// nil exactly when `mistakes` holds an error.
    package var configuration: Configuration?
    /// What could be read where `configuration` is nil: to find further mistakes by, and never to be run. Its house is
    /// incomplete where regards.yaml has mistakes.
    package var partial: Configuration?
    /// Whether regards.yaml has no mistake but in rules that stand in it.
    package var isHouseSound = true
    /// Errors and warnings together, in the order of file, line and column.
    package var mistakes: [Mistake]
}

/// Reads `regards.yaml` and the rule files beside it; the one function behind `check`, start and reload.
package struct ConfigurationLoader: Sendable {
    private let environment: [String: String]
    private let zones: ZoneCatalog
    private let countries: CountryZones

    /// - Parameter environment: of the process; `STATE_DIRECTORY` is asked.
    package init(environment: [String: String], zones: ZoneCatalog, countries: CountryZones = CountryZones()) {
        self.environment = environment
        self.zones = zones
        self.countries = countries
    }

    /// Reads the file and every `*.yaml` and `*.yml` of its rules folder. Never throws: whatever is wrong,
    /// a file that is missing included, is among the mistakes.
    package func load(file: String) -> LoadResult {
        Loading(file: file, files: .disk, environment: environment, draft: draft).run()
    }

    /// The same for files that are held in memory: path to content.
    package func load(file: String, from files: [String: [UInt8]]) -> LoadResult {
        Loading(file: file, files: .memory(files), environment: environment, draft: draft).run()
    }

    private var draft: Draft { Draft(report: Report(), zones: zones, countries: countries) }
}

/// One load: first the house, then the rules that refer to it.
private struct Loading {
    private let file: String
    private let folder: String
    private let files: FileAccess
    private let environment: [String: String]
    private let draft: Draft

    init(file: String, files: FileAccess, environment: [String: String], draft: Draft) {
        self.file = file
        self.files = files
        self.environment = environment
        folder = FilePath.folder(of: file)
        self.draft = draft
    }

    func run() -> LoadResult {
        let form = houseForm()
        draft.knowsHouse = form != nil
        let settings = form.map(settings)
        let isHouseSound = !draft.report.hasError
        var shelf = RuleShelf(draft: draft, files: files, folder: FilePath.join(folder, "rules.d"))
        shelf.fill(form?["rules"], configurationFolder: folder)
        if shelf.isEmpty, !draft.report.hasError {
            draft.report.add(Flaw(.noRules(shelf.folder), at: Place(file: file, line: 0, column: 0)))
        }
        guard draft.report.hasError else {
            return LoadResult(configuration: settings?.configuration(draft, shelf), mistakes: draft.report.mistakes)
        }
        return LoadResult(
            partial: settings?.completed().configuration(draft, shelf), isHouseSound: isHouseSound,
            mistakes: draft.report.mistakes)
    }

    /// nil where the file gave no keys and values at all, which is reported then.
    private func houseForm() -> Form? {
        guard let bytes = files.contents(of: file, draft.report) else { return nil }
        let value = YAMLComposer.read(bytes, file: file, report: draft.report)
        guard let value = value ?? emptyHouse else { return nil }
        guard case .mapping(let pairs) = value.content else {
            let item = Item(value: value, path: "", report: draft.report)
            return item.form(.house)
        }
        let strays = pairs.filter { !Keys.house.known.contains($0.key) && $0.value.looksLikeRule }
        for stray in strays { draft.report.add(Flaw(.ruleOutsideRules(stray.key), at: stray.keyPlace)) }
        let rest = pairs.filter { pair in !strays.contains { $0.keyPlace == pair.keyPlace } }
        let house = YAMLValue(content: .mapping(rest), place: value.place)
        return Item(value: house, path: "", report: draft.report).form(.house)
    }

    /// An empty file lacks keys, and says which; an unreadable one has said what is wrong.
    private var emptyHouse: YAMLValue? {
        draft.report.hasError ? nil : YAMLValue(content: .mapping([]), place: Place(file: file, line: 1, column: 1))
    }

    private func settings(_ form: Form) -> Settings {
        let house = HouseReader(draft: draft)
        let channels = ChannelReader(draft: draft, folder: folder)
        let sources = SourceReader(draft: draft, folder: folder)
        var settings = Settings(file: file, folder: folder)
        // Before the business, whose holidays may be feasts.
        draft.feasts = form["feasts"].map(FeastReader(draft: draft).feasts) ?? FeastCatalog()
        settings.business = form.required("business", "{name: …, email: …, time_zone: …}").flatMap(house.business)
        if let item = form["people"] { (settings.people, settings.absences) = PeopleReader(draft: draft).people(item) }
        settings.segments = form["segments"].map(SegmentReader(draft: draft).segments) ?? []
        settings.limits = limits(form)
        settings.guards = form["guard"].map(house.guards) ?? Guards()
        settings.lists = form["lists"].map(house.lists) ?? ListSettings()
        settings.mode = form["mode"].flatMap(house.mode) ?? .rehearse
        settings.ifInDoubt = form["if_in_doubt"]?.word() ?? .resend
        settings.source = form.required("customers", "{database: sqlite:PATH, query: SELECT …}").flatMap(sources.customers)
        settings.events = form["events"].map(sources.events) ?? []
        settings.state =
            form["state"].flatMap(channels.state) ?? ChannelReader.defaultState(environment: environment, folder: folder)
        if let item = form["retention"] { settings.retention = channels.retention(item) }
        settings.keepCopies = form["keep_copies"].flatMap(channels.keepCopies)
        settings.smtp = form["smtp"].map(channels.smtp) ?? []
        settings.pace = PaceReader().limits(form["limits"], relays: settings.smtp)
        settings.maildir = form["maildir"]?.filePath(in: folder)
        if let maildir = form["maildir"], form["smtp"] != nil { maildir.fail(.mailTwice, at: form.place(of: "maildir")) }
        settings.webhooks = form["webhooks"].map(channels.webhooks) ?? []
        settings.cards = form["cards"]?.filePath(in: folder)
        settings.cardsPlace = form["cards"]?.place
        return settings
    }

    private func limits(_ form: Form) -> Limits {
        let reader = LimitsReader(draft: draft)
        var limits = form["limits"].map(reader.limits) ?? Limits()
        limits.quiet.silent = form["silent"].map(reader.silent) ?? []
        return limits
    }
}

/// What regards.yaml gave, before it is known to be complete.
private struct Settings {
    let file: String
    let folder: String
    var business: Business?
    var people: [Role: Person] = [:]
    var absences: [Absence] = []
    var segments: [Segment] = []
    var limits = Limits()
    var guards = Guards()
    var lists = ListSettings()
    var mode = Mode.rehearse
    var ifInDoubt = InDoubtPolicy.resend
    var source: CustomerSettings?
    var events: [EventSettings] = []
    var state: StateSettings?
    var retention: TimeSpan? = .days(1100)
    var keepCopies: TimeSpan?
    var smtp: [SMTPConfiguration] = []
    var pace = PaceLimits()
    var maildir: String?
    var webhooks: [WebhookConfiguration] = []
    var cards: String?
    var cardsPlace: Place?

    init(file: String, folder: String) {
        self.file = file
        self.folder = folder
    }

    /// With something in place of what has a mistake.
    func completed() -> Settings {
        var settings = self
        let nowhere = Place(file: file, line: 0, column: 0)
        if business == nil, let nobody = try? Address("nobody@invalid.example") {
            settings.business = Business(name: "", email: nobody, zone: .utc)
        }
        settings.source = source ?? CustomerSettings(
            database: .sqlite(path: ""), databasePlace: nowhere, query: Query(text: "", place: nowhere), lookup: nil,
            refresh: .minutes(15))
        settings.state = state ?? .sqlite(path: FilePath.join(folder, "state/regards.sqlite"))
        return settings
    }

    func configuration(_ draft: Draft, _ shelf: RuleShelf) -> Configuration? {
        guard let business, let source, case .sqlite(let statePath)? = state else { return nil }
        let house = House(
            business: business, people: people, absences: absences, mode: mode, ifInDoubt: ifInDoubt, feasts: draft.feasts,
            limits: limits, guards: guards, lists: lists)
        let besideState = FilePath.join(FilePath.folder(of: statePath), "maildir")
        return Configuration(
            file: file,
            ruleBook: RuleBook(
                rules: shelf.rules, eventKinds: draft.kinds, segments: segments, customers: draft.customers, house: house,
                countries: draft.countries),
            state: .sqlite(path: statePath), retention: retention, keepCopies: keepCopies, source: source, events: events,
            smtp: smtp, pace: pace, maildir: smtp.isEmpty ? maildir ?? besideState : nil, webhooks: webhooks, rulesFolder: shelf.folder,
            cardsFolder: cards ?? FilePath.join(folder, "cards"), cardsPlace: cardsPlace, ruleFiles: shelf.files)
    }
}

extension YAMLValue {
    /// A rule that somebody wrote one level too high.
    fileprivate var looksLikeRule: Bool {
        guard case .mapping(let pairs) = content else { return false }
        return pairs.contains { $0.key == "when" } && pairs.contains { $0.key == "purpose" }
    }
}
