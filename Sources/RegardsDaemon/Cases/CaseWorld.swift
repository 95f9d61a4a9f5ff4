import Glibc
import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore
import Synchronization

/// A made-up database and a ledger in a folder of their own, and the very daemon between them under a virtual clock.
final class CaseWorld {
    private static let customers = "customers"

    private let assembly: Assembly
    private let testCase: Case
    private let folder: String
    private let database: ScratchDatabase
    private let hash = AddressHash(key: .random())
    private let channel = CapturingChannel()

    /// - Throws: `SimulationError`, `SourceError`.
    init(_ testCase: Case, _ assembly: Assembly) throws {
        self.testCase = testCase
        folder = try CaseWorld.makeFolder()
        let path = folder + "/world.sqlite"
        self.assembly = assembly.with(segments: testCase.segments).with(switchedOn: testCase.rules).with(mode: .live).reading(path)
        let book = self.assembly.book
        var tables = [CaseWorld.customers: book.customers.columns.names]
        for kind in book.eventKinds { tables[CaseWorld.table(kind)] = kind.columns.names }
        database = try ScratchDatabase(path: path, tables: tables)
        for row in testCase.customers { try set(.customers, row) }
    }

    deinit {
        guard let directory = opendir(folder) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { unlink(folder + "/" + name) }
        }
        closedir(directory)
        rmdir(folder)
    }

    /// Lives through the case.
    /// - Throws: `WorkshopError`, `SourceError`, `OutboxError`.
    func run() throws -> CaseOutcome {
        let source = try Workshop.source(assembly)
        let period = try period(source)
        // What is there at the first look was there before: what happens comes after it.
        let start = min(period.lowerBound, testCase.happens.first.map { $0.at - .hours(1) } ?? period.lowerBound)
        let clock = VirtualClock(start)
        let outbox = try SQLiteOutbox.openScratch(path: folder + "/state.sqlite", now: start)
        var channels: [ChannelName: any Channel] = [.mail: channel]
        for webhook in assembly.configuration.webhooks { channels[.webhook(webhook.name)] = channel }
        let daemon = try VirtualDaemon(
            assembly, outbox: outbox, channels: ChannelSet(channels, clock: clock), clock: clock, salt: Array("case".utf8),
            hash: hash)
        defer { daemon.stop() }
        try remember(outbox)
        try daemon.look()
        let forecast = try forecast(source, outbox, period, now: start)
        try pass(daemon, until: period.upperBound)
        return try outcome(outbox, forecast, period)
    }

    // MARK: Time

    /// From the first moment of the first day to the last of the last, wherever the customers live.
    private func period(_ source: any CustomerSource) throws -> Range<Instant> {
        var planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
        var zones = [assembly.book.house.business.zone]
        try source.forEachPage(size: 1000) { page in
            for customer in page { if let zone = planner.zone(of: customer) { zones.append(zone.zone) } }
        }
        let from =
            switch testCase.from {
            case .day(let day): zones.map { $0.startOfDay(day) }.min()!
            case .instant(let instant): instant
            }
        let to =
            switch testCase.to {
            case .day(let day): zones.map { $0.startOfDay(day + 1) }.max()!
            case .instant(let instant): instant
            }
        return from..<max(from, to)
    }

    /// Changes of the database are seen at once, and the customers are looked through every day.
    private func pass(_ daemon: VirtualDaemon, until end: Instant) throws {
        var changes = testCase.happens[...]
        var nextLook = daemon.clock.now() + .days(1)
        while true {
            let next = min(changes.first?.at ?? end, nextLook, end)
            try daemon.run(until: next)
            guard next < end else { return }
            while let change = changes.first, change.at <= next {
                changes.removeFirst()
                for one in change.changes { if let down = try apply(one) { daemon.clock.set(daemon.clock.now() + down) } }
            }
            // What happened while it was down is found when it is back.
            while let change = changes.first, change.at <= daemon.clock.now() {
                changes.removeFirst()
                for one in change.changes { _ = try apply(one) }
            }
            try daemon.look()
            nextLook = daemon.clock.now() + .days(1)
            // It was down to the end, or longer.
            if daemon.clock.now() >= end { return }
        }
    }

    /// - Returns: how long the daemon does not run.
    private func apply(_ change: CaseChange.Change) throws -> TimeSpan? {
        switch change {
        case .set(let table, let row): try set(table, row)
        case .remove(let table, let id): try database.remove(name(table), id: id)
        case .down(let span): return span
        }
        return nil
    }

    // MARK: The database

    private static func table(_ kind: EventKind) -> String { "event \(kind.name)" }

    private func name(_ table: CaseChange.Table) -> String {
        switch table {
        case .customers: CaseWorld.customers
        case .events(let kind): CaseWorld.table(assembly.book.eventKinds[kind])
        }
    }

    private func set(_ table: CaseChange.Table, _ row: CaseRow) throws {
        var values = row.columns.mapValues { ScratchDatabase.Value($0) }
        if case .customers = table, let members = row.segments {
            for segment in testCase.segments {
                values[assembly.book.segments[segment].memberColumn] = members.contains(segment) ? .integer(1) : .null
            }
        }
        let columns = Set(assembly.columns(of: table))
        try database.set(name(table), id: row.id, values.filter { columns.contains($0.key) })
    }

    // MARK: The ledger

    /// What was sent before the case begins, as a daemon of that time would have left it.
    private func remember(_ outbox: any Outbox) throws {
        for (number, past) in testCase.sent.enumerated() {
            guard let rule = assembly.book.rules.first(where: { $0.name == past.rule }), let day = past.day,
                let customer = past.customer ?? testCase.customers.first?.id
            else { continue }
            let zone = assembly.book.house.business.zone
            let time = past.times?.lowerBound ?? WallTime(hour: 9, minute: 0)!
            let at = zone.instant(day, time)
            let step = past.step ?? rule.steps[0].name
            let outreach = PlannedOutreach(
                key: OutreachKey(
                    customer: customer, rule: rule.name, occasion: "before-\(number + 1)", step: step, recipient: "customer/0"),
                dueAt: at, expiresAt: nil, zone: zone.name, localDate: day, localTime: time, channel: .mail, lane: .rest,
                ruleHash: rule.hash)
            try outbox.addOutreach([outreach], now: at)
            for row in try outbox.claim(limit: 1, now: at, channels: [.mail]) {
                try outbox.commit(GroupCommit(now: at, marks: [
                    SendMark(
                        id: row.id, card: past.card ?? rule.cards(rule.steps[0]).first, address: address(of: customer),
                        counts: rule.budget.counts)
                ]))
                try outbox.commit(GroupCommit(now: at, endings: [Ending(id: row.id, .sent, report: AttemptReport(.delivered))]))
            }
        }
    }

    private func address(of customer: String) -> String? {
        guard case .text(let text)? = testCase.customers.first(where: { $0.id == customer })?.columns["email"] else { return nil }
        do { return hash.of(try Address(text)) } catch { return nil }
    }

    /// Why what is expected to be skipped is: a condition that is false when it is planned leaves no row.
    private func forecast(
        _ source: any CustomerSource, _ outbox: any Outbox, _ period: Range<Instant>, now: Instant
    ) throws -> [Forecast.Line] {
        guard testCase.expected.contains(where: { $0.fate != .goes }) else { return [] }
        let forecast = Forecast(assembly: assembly, source: source, outbox: outbox, hash: hash)
        return try forecast.report(from: period.lowerBound, to: period.upperBound, now: now).lines
    }

    private func outcome(_ outbox: any Outbox, _ forecast: [Forecast.Line], _ period: Range<Instant>) throws -> CaseOutcome {
        var outcome = CaseOutcome(hasSeveralCustomers: testCase.customers.count > 1)
        var owners: [Int64: String] = [:]
        for item in try outbox.openListItems(now: period.upperBound) { owners[item.id] = item.owner }
        for row in try outbox.list(OutreachFilter(), limit: .max, after: 0) where isOfRules(row.key) {
            let zone = assembly.zones.zone(named: row.plan.zone) ?? assembly.book.house.business.zone
            let address = channel.address(of: row.id).map { hash.of($0) } ?? owners[row.id]
            var line = CaseOutcome.Line(row.plan, row.state, zone.local(at: row.endedAt ?? row.plan.dueAt))
            line.reason = try row.state == .failed ? detail(row, outbox) : row.reason
            line.card = row.card
            line.address = address
            line.addressText = channel.address(of: row.id)?.text
            line.hasOneStep = assembly.book.rules.first { $0.name == row.key.rule }?.steps.count == 1
            if isInside(line.at, row.endedAt ?? row.plan.dueAt) { outcome.lines.append(line) }
        }
        outcome.lines.sort { ($0.at, $0.key.rule, $0.key.customer, $0.key.step) < ($1.at, $1.key.rule, $1.key.customer, $1.key.step) }
        outcome.forecast = forecast.map { line in
            (line.outreach.key, line.verdict.reason, line.outreach.localDate)
        }
        outcome.keyOfAddress = { [hash] text in
            do { return hash.of(try Address(text)) } catch { return nil }
        }
        return outcome
    }

    /// Neither what the case itself put there, nor the morning mail, which follows from the items of the lists.
    private func isOfRules(_ key: OutreachKey) -> Bool {
        !key.occasion.hasPrefix("before-") && !key.customer.hasPrefix("staff:")
    }

    private func detail(_ row: Outreach, _ outbox: any Outbox) throws -> String {
        let detail = try outbox.show(row.id)?.attempts.last?.detail ?? ""
        return detail.isEmpty ? row.reason : "\(row.reason): \(detail)"
    }

    /// A day is the customer's own.
    private func isInside(_ local: LocalTime, _ instant: Instant) -> Bool {
        switch testCase.from {
        case .day(let day): if local.date < day { return false }
        case .instant(let from): if instant < from { return false }
        }
        switch testCase.to {
        case .day(let day): return local.date <= day
        case .instant(let to): return instant < to
        }
    }

    private static func makeFolder() throws -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((parent + "/regards-case-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw SimulationError(path: parent, code: errno) }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Takes every message at once, and remembers who it went to.
private final class CapturingChannel: Channel {
    let name = "case"
    let sessions = 16
    private let addresses = Mutex<[Int64: Address]>([:])
    private let handler = Mutex<(@Sendable (ChannelState) -> Void)?>(nil)

    func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) {
        self.handler.withLock { $0 = handler }
    }

    func open() { handler.withLock { $0 }?(.ready) }

    func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void) {
        if case .mailbox(let envelope) = outgoing.destination {
            addresses.withLock { $0[outgoing.outreach] = envelope.recipient }
        }
        ended(AttemptReport(.delivered))
    }

    func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) { done() }
    func address(of outreach: Int64) -> Address? { addresses.withLock { $0[outreach] } }
}

extension ScratchDatabase.Value {
    fileprivate init(_ value: CaseValue) {
        switch value {
        case .null: self = .null
        case .integer(let number): self = .integer(number)
        case .real(let number): self = .real(number)
        case .text(let text): self = .text(text)
        }
    }
}

extension Segment {
    /// The column of a case's database that says who belongs; no query has one of this name.
    fileprivate var memberColumn: String { "segment \(name)" }
}

extension Assembly {
    fileprivate func columns(of table: CaseChange.Table) -> [String] {
        switch table {
        case .customers: book.customers.columns.names
        case .events(let kind): book.eventKinds[kind].columns.names
        }
    }

    /// With members of these segments as the case says.
    fileprivate func with(segments: Set<Int>) -> Assembly {
        var book = book
        for index in segments.sorted() {
            let slot = book.customers.columns.use(book.segments[index].memberColumn)
            book.segments[index].definition = .matching(
                .test(
                    Condition.Test(
                        text: "segment is \(book.segments[index].name)", operand: .customer(slot: slot), predicate: .isPresent)))
        }
        return Assembly(configuration: configuration, book: book, cards: cards, zones: zones, countries: countries)
    }

    /// With these rules on, whatever the files say: a rule is tried before it is switched on.
    fileprivate func with(switchedOn rules: [String]) -> Assembly {
        var book = book
        for index in book.rules.indices where rules.contains(book.rules[index].name) { book.rules[index].isEnabled = true }
        return Assembly(configuration: configuration, book: book, cards: cards, zones: zones, countries: countries)
    }

    /// With the database of a case in place of the business's.
    fileprivate func reading(_ path: String) -> Assembly {
        var configuration = configuration
        configuration.source.database = .sqlite(path: path)
        configuration.source.query.text = "SELECT * FROM customers"
        configuration.source.lookup = nil
        for index in configuration.events.indices {
            let table = ScratchDatabase.quoted("event \(configuration.events[index].name)")
            configuration.events[index].query.text = "SELECT * FROM \(table)"
        }
        return Assembly(configuration: configuration, book: book, cards: cards, zones: zones, countries: countries)
    }
}
