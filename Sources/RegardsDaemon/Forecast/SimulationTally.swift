import RegardsCalendar
import RegardsCore
import RegardsStore

/// Counts what a simulated period brings, on one core. One at a time asks it, which is what makes it Sendable.
final class SimulationTally: @unchecked Sendable {
    var report = Simulation.Report()
    private let assembly: Assembly
    private let book: RuleBook
    private let period: Range<Instant>
    private let writer: SimulatedMail?
    private var items: [SimulatedItem] = []
    /// Who has items of lists without an end, from when on: all that is needed of them where nothing is written.
    private var owners: [String: Instant] = [:]

    init(_ assembly: Assembly, _ period: Range<Instant>, _ writer: SimulatedMail?) {
        self.assembly = assembly
        self.period = period
        self.writer = writer
        book = assembly.book
    }

    /// What became of one household.
    func take(_ sights: [Forecast.Sight], _ members: [ForecastWalk.Member]) {
        for sight in sights where sight.at < period.upperBound {
            if let winner = sight.decision.collision(with: book.rules[sight.candidate.rule].name) {
                report.collisions[winner, default: 0] += 1
            }
            if let line = sight.line { take(sight, line, members) }
        }
    }

    private func take(_ sight: Forecast.Sight, _ line: Forecast.Line, _ members: [ForecastWalk.Member]) {
        let rule = book.rules[sight.candidate.rule]
        switch sight.decision.verdict {
        case .send:
            if let list = rule.list(of: sight.candidate) { return take(sight, list, rule, members) }
            report.add(rule.name, on: line.outreach.localDate)
            writer?.write(sight, line)
        case .skip(let reason): report.others["skipped(\(reason))", default: 0] += 1
        case .hold(let reason): report.others["held(\(reason))", default: 0] += 1
        case .move, .cancel: break
        }
    }

    func add(_ other: SimulationTally) {
        report.add(other.report)
        items += other.items
        owners.merge(other.owners) { min($0, $1) }
    }

    // MARK: Lists

    private func take(_ sight: Forecast.Sight, _ list: ListTarget, _ rule: Rule, _ members: [ForecastWalk.Member]) {
        report.listed[list.name, default: 0] += 1
        let item = SimulatedItem(sight, list, rule)
        // Who is away today is back later, and what is done is on no list: those are followed from day to day.
        if writer == nil, book.house.absences.isEmpty, book.house.lists.doneWhen[list.name] == nil {
            guard let holder = item.holder(in: book.house, on: book.house.day(of: sight.at)) else { return }
            owners[holder.address.folded] = min(owners[holder.address.folded] ?? sight.at, sight.at)
        } else {
            let history = members.first { $0.id == sight.candidate.outreach.key.customer }?.facts.history
            items.append(item.known(history ?? sight.facts.history))
        }
    }

    /// One mail a morning to each employee with open items.
    func mailLists() {
        let lists = book.house.lists
        let zone = book.house.business.zone
        var day = zone.local(at: period.lowerBound).date
        while case let morning = zone.instant(day, lists.mailAt), morning < period.upperBound {
            defer { day = day + 1 }
            guard morning >= period.lowerBound, lists.days.contains(day.weekday) else { continue }
            items.removeAll { $0.isDone(at: morning, book, assembly) }
            let open = items.filter { $0.since < morning }
            var byOwner = Dictionary(grouping: open) { $0.holder(in: book.house, on: day)?.address.folded ?? "" }
            byOwner[""] = nil
            for (owner, since) in owners where since < morning && byOwner[owner] == nil { byOwner[owner] = [] }
            for (_, items) in byOwner.sorted(by: { $0.key < $1.key }) {
                report.add(DayList.rule, on: day)
                writer?.write(items, on: day, at: morning)
            }
        }
    }
}

/// An item of a list in a simulation.
struct SimulatedItem {
    let candidate: Candidate
    var facts: Facts
    let since: Instant
    let list: ListTarget
    let why: String

    init(_ sight: Forecast.Sight, _ list: ListTarget, _ rule: Rule) {
        candidate = sight.candidate
        facts = sight.facts
        since = sight.at
        self.list = list
        why = list.why.isEmpty ? (rule.about.isEmpty ? rule.name : rule.about) : list.why
    }

    /// With all that the customer got in the whole period.
    func known(_ history: History) -> SimulatedItem {
        var item = self
        item.facts.history = history
        return item
    }

    func holder(in house: House, on day: CivilDate) -> Contact? {
        let holders = house.contacts(list.role, for: facts.customer, on: day)
        return holders.indices.contains(candidate.position) ? holders[candidate.position] : nil
    }

    /// Whether `lists.done_when` holds, by what the customer had got by then.
    func isDone(at now: Instant, _ book: RuleBook, _ assembly: Assembly) -> Bool {
        guard since < now, let condition = book.house.lists.doneWhen[list.name], facts.customer != nil else { return false }
        var known = facts
        known.history.lastReceived = [:]
        for contact in facts.history.toAddress where contact.at <= now && contact.customer == candidate.outreach.key.customer {
            known.history.lastReceived[contact.rule] = max(known.history.lastReceived[contact.rule] ?? contact.at, contact.at)
        }
        return condition.holds(book.conditionFacts(known, Standing(), now: now))
    }
}

extension Simulation.Report {
    fileprivate mutating func add(_ rule: String, on day: CivilDate) {
        sentByRule[rule, default: 0] += 1
        sentByDay[day, default: 0] += 1
        sentByDayAndRule[Simulation.DayAndRule(day: day, rule: rule), default: 0] += 1
    }

    fileprivate mutating func add(_ other: Simulation.Report) {
        sentByRule.merge(other.sentByRule, uniquingKeysWith: +)
        sentByDay.merge(other.sentByDay, uniquingKeysWith: +)
        sentByDayAndRule.merge(other.sentByDayAndRule, uniquingKeysWith: +)
        others.merge(other.others, uniquingKeysWith: +)
        collisions.merge(other.collisions, uniquingKeysWith: +)
        listed.merge(other.listed, uniquingKeysWith: +)
    }
}

extension Decision {
    /// Whose message took the room in a budget, or the place on a day, and how it ended.
    fileprivate func collision(with rule: String) -> Simulation.Collision? {
        guard let winner else { return nil }
        switch verdict {
        case .move: return Simulation.Collision(rule: rule, winner: winner, end: .putOff)
        case .skip(.budget): return Simulation.Collision(rule: rule, winner: winner, end: .lost)
        case .skip(.replaced): return Simulation.Collision(rule: rule, winner: winner, end: .replaced)
        case .send, .hold, .skip, .cancel: return nil
        }
    }
}
