import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules

struct CalendarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calendar",
        abstract: "Show when a calendar expression elapses, and when feasts fall.",
        discussion: """
            A rule's `schedule` is a calendar expression as systemd.time(7) has it; a rule's `feast` is one of those \
            listed by `regards calendar feasts`.

            EXAMPLES
              regards calendar 'Mon..Fri 09:00'
              regards calendar '*-*~01 18:00' --zone Asia/Shanghai --count 12
              regards calendar feasts --year 2027 --country CN
            """,
        subcommands: [CalendarNext.self, CalendarFeasts.self], defaultSubcommand: CalendarNext.self)
}

// MARK: - Expressions

struct CalendarNext: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "The normal form of a calendar expression, and when it elapses next.",
        usage: "regards calendar next <expression> [--zone <name>] [<options>]",
        discussion: """
            Times are shown in the zone and in UTC. A time that a change of the clocks skips does not elapse that day; \
            one that comes twice elapses at its first pass. Exits with 64 and points at the character where the \
            expression is wrong.

            EXAMPLES
              regards calendar 'Mon..Fri 09:00'
              regards calendar '*-*~01 18:00 Europe/Berlin' --count 3
              regards calendar quarterly --from 2027-01-01 --json
            """)

    @Argument(help: ArgumentHelp("A calendar expression, as in a rule's schedule.", valueName: "expression"))
    var expression: String

    @Option(help: ArgumentHelp("The time zone. Default: the machine's.", valueName: "name"))
    var zone: String?

    @Option(help: ArgumentHelp("First day, or instant with offset. Default: now.", valueName: "date"))
    var from: DayOrInstant?

    @Option(help: ArgumentHelp("How many times.", valueName: "number"))
    var count = 5

    @Flag(help: "One JSON object.")
    var json = false

    func validate() throws {
        guard (1...10_000).contains(count) else { throw ValidationError("--count must be 1 to 10000") }
    }

    func run() throws {
        try carryOut {
            let zones = ZoneCatalog()
            let calendar = try parse(zones)
            let zone = try calendar.zone ?? chosenZone(zones)
            let elapses = elapses(of: calendar, in: zone)
            json ? printJSON(calendar, zone, elapses) : printTable(calendar, zone, elapses)
        }
    }

    private func parse(_ zones: ZoneCatalog) throws -> OnCalendar {
        do {
            return try OnCalendar(expression, zones: zones)
        } catch {
            let shown = Caret(expression, character: error.offset)
            throw Failure(.usage, "\(error.message)\n  \(shown.text)\n  \(shown.pointer)")
        }
    }

    private func chosenZone(_ zones: ZoneCatalog) throws -> Zone {
        guard let name = zone else { return zones.systemZone() ?? .utc }
        guard let found = zones.zone(named: name) else {
            throw Failure(.usage, "unknown time zone \(name); expected a name such as Europe/Berlin")
        }
        return found
    }

    /// What elapses at `from` itself counts.
    private func elapses(of calendar: OnCalendar, in zone: Zone) -> [Instant] {
        var found: [Instant] = []
        var after = (from?.instant(in: zone) ?? SystemClock().now()) - TimeSpan(microseconds: 1)
        while found.count < count, let next = calendar.next(after: after, in: zone) {
            found.append(next)
            after = next
        }
        return found
    }

    private func printTable(_ calendar: OnCalendar, _ zone: Zone, _ elapses: [Instant]) {
        Terminal.write("Normal form: \(calendar)")
        guard !elapses.isEmpty else { return Terminal.write("It does not elapse any more until the year 2199.") }
        var table = Table(["LOCAL (\(zone.name))", "UTC"])
        for instant in elapses {
            let weekday = zone.local(at: instant).date.weekday
            table.add(["\(weekday) \(Moment.text(instant, zone))", Moment.utc(instant)])
        }
        table.print()
    }

    private func printJSON(_ calendar: OnCalendar, _ zone: Zone, _ elapses: [Instant]) {
        let next = elapses.map { JSON.object(["local": .text(Moment.text($0, zone)), "utc": .text(Moment.utc($0))]) }
        Terminal.write(
            JSON.object([
                "expression": .text(expression), "normal_form": .text(calendar.description), "zone": .text(zone.name),
                "next": .list(next),
            ]).description)
    }
}

/// One line of somebody's text, and a caret under one of its characters.
struct Caret {
    let text: String
    let pointer: String

    /// - Parameter character: the number of characters before the one to point at.
    init(_ source: String, character: Int) {
        // What a terminal would obey or not show takes one cell here.
        let shown = source.map { $0.unicodeScalars.contains { $0.properties.generalCategory == .control } ? "?" : $0 }
        text = String(shown)
        pointer = String(repeating: " ", count: DisplayWidth.of(String(shown.prefix(character)))) + "^"
    }
}

// MARK: - Feasts

struct CalendarFeasts: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feasts",
        abstract: "On which days of a year the feasts fall that rules can name.",
        usage: "regards calendar feasts [--year <number>] [<options>]",
        discussion: """
            The built-in ones, and the house's own where there is a configuration. With --country those that \
            `feast: by_country` greets the customers of a country on.

            EXAMPLES
              regards calendar feasts
              regards calendar feasts --year 2027 --country CN
              regards calendar feasts --year 2027 --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("The year. Default: this one.", valueName: "number"))
    var year: Int?

    @Option(help: ArgumentHelp("A country, as a code of two letters or by its name.", valueName: "country"))
    var country: String?

    @Flag(help: "One JSON object a feast.")
    var json = false

    func validate() throws {
        guard (1583...9999).contains(year ?? 2000) else { throw ValidationError("--year must be 1583 to 9999") }
    }

    private struct Line {
        var feast: Feast
        var date: CivilDate
        var year: Int
    }

    func run() throws {
        try carryOut {
            let year = year ?? (ZoneCatalog().systemZone() ?? .utc).local(at: SystemClock().now()).date.year
            let lines = lines(of: try feasts(), in: year)
            for line in lines where json { printJSON(line) }
            if !json { printTable(lines) }
            if !LunarDate.years.contains(year) {
                let years = LunarDate.years
                Terminal.error(
                    "regards: feasts of the Chinese calendar are left out: they are known from \(years.lowerBound) to "
                        + "\(years.upperBound)")
            }
        }
    }

    /// A configuration that is not named and has mistakes is no reason not to answer.
    private func feasts() throws -> [Feast] {
        var catalog = FeastCatalog()
        if options.file != nil || access(options.path, R_OK) == 0 {
            let (assembly, mistakes) = Assembly.load(
                file: options.path, environment: Process.environment, zones: ZoneCatalog())
            if let assembly {
                catalog = assembly.book.house.feasts
            } else if options.file != nil {
                for mistake in mistakes where mistake.severity == .error { Terminal.error(mistake.description) }
                throw Failure(.config, "the feasts of \(options.path) cannot be listed before its mistakes are mended")
            } else {
                Terminal.error("regards: \(options.path) has mistakes (see regards check): its own feasts are left out")
            }
        }
        guard let country else { return catalog.all }
        guard let code = CountryZones().code(of: country) else {
            throw Failure(.usage, "unknown country \(country); expected a code such as DE, or a name such as Germany")
        }
        return catalog.feasts(country: code)
    }

    private func lines(of feasts: [Feast], in year: Int) -> [Line] {
        guard let first = CivilDate(year: year, month: 1, day: 1), let last = CivilDate(year: year, month: 12, day: 31)
        else { return [] }
        var lines: [Line] = []
        for feast in feasts {
            feast.rule.forEach(in: first..<(last + 1)) { lines.append(Line(feast: feast, date: $0, year: $1)) }
        }
        // Feasts of one day keep the order of the catalogue.
        return lines.enumerated().sorted { ($0.element.date, $0.offset) < ($1.element.date, $1.offset) }.map(\.element)
    }

    private func printTable(_ lines: [Line]) {
        let whole = table(lines, columns: 4)
        // The occasion is the feast and its year: the first to go where there is no room.
        guard let room = Terminal.width, whole.width > room else { return whole.print() }
        table(lines, columns: 3).print()
    }

    private func table(_ lines: [Line], columns: Int) -> Table {
        var table = Table(Array(["DAY", "FEAST", "FALLS ON", "OCCASION"].prefix(columns)))
        for line in lines {
            let cells = [
                "\(line.date.weekday) \(line.date)", line.feast.name, line.feast.rule.description,
                "\(line.feast.name)-\(line.year)",
            ]
            table.add(Array(cells.prefix(columns)))
        }
        return table
    }

    private func printJSON(_ line: Line) {
        Terminal.write(
            JSON.object([
                "feast": .text(line.feast.name), "date": .text(line.date.description),
                "rule": .text(line.feast.rule.description),
                "occasion": .text("\(line.feast.name)-\(line.year)"),
            ]).description)
    }
}
