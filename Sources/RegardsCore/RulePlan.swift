import RegardsCalendar

/// What is known of a rule's messages before any customer is looked at.
struct RulePlan {
    let name: String
    let hash: UInt64
    let lane: Lane
    let active: ActivePeriod?
    let patience: Patience
    let isEnabled: Bool
    /// Seconds; 0 for none.
    let spread: UInt64
    let steps: [StepPlan]
    /// Steps that occasions of the same days can make due.
    let groups: [StepGroup]

    init(_ rule: Rule, quiet: QuietCalendar) {
        name = rule.name
        hash = rule.hash
        lane = rule.purpose == .care ? .care : .rest
        active = rule.active
        patience = Patience(rule)
        isEnabled = rule.isEnabled
        let spread = rule.trigger.hasSpread ? max(0, rule.spread?.seconds ?? 0) : 0
        self.spread = UInt64(spread)
        steps = StepPlan.all(rule, quiet: quiet)
        var groups: [StepGroup] = []
        for (number, step) in steps.enumerated() {
            guard var days = step.move.days else { continue }
            // To a spread of 24 hours a day that is shorter adds another date.
            let isSpread = spread > 0 && !step.isList
            if isSpread { days = days.lowerBound...(days.upperBound + Int(spread / 86_400) + 2) }
            let isExact = step.move == .none && !isSpread && !step.obeysQuiet
            let group = StepGroup(days: days, obeysQuiet: step.obeysQuiet, isExact: isExact, steps: [number])
            if let known = groups.firstIndex(where: group.isDueAs) {
                groups[known].steps.append(number)
            } else {
                groups.append(group)
            }
        }
        self.groups = groups
    }

    /// Each customer's own part of the rule's spread.
    func spread(for customer: Customer) -> TimeSpan {
        spread == 0 ? .zero : .seconds(Int64(StableHash.of(name, customer.id) % spread))
    }

    /// - Parameter day: the occasion's own, whatever becomes of its messages.
    func isActive(on day: CivilDate) -> Bool { active?.contains(day) ?? true }
}

/// Steps that are due as far from their occasion.
struct StepGroup {
    /// On which days from the occasion's a message can be due, quiet days left aside.
    var days: ClosedRange<Int>
    var obeysQuiet: Bool
    /// The message is due when the occasion is, for everybody.
    var isExact: Bool
    var steps: [Int]

    func isDueAs(_ other: StepGroup) -> Bool {
        days == other.days && obeysQuiet == other.obeysQuiet && isExact == other.isExact
    }

    /// The dates of all occasions that can make a message due on one of these.
    func occasions(due dates: ClosedRange<CivilDate>, _ quiet: inout QuietCalendar) -> ClosedRange<CivilDate> {
        let earliest = obeysQuiet ? quiet.earliest(reaching: dates.lowerBound) : dates.lowerBound
        return (earliest - days.upperBound)...(dates.upperBound - days.lowerBound)
    }
}

/// What is known of one step.
struct StepPlan {
    /// From an occasion on a date to the step.
    enum Move: Hashable {
        case none
        /// So many days later, negative for before, at that time of day.
        case days(Int, at: WallTime)
        /// The first such time that is not before the span has passed.
        case first(WallTime, after: TimeSpan)
        case elapsed(TimeSpan)
        /// The step hangs on something that only events have.
        case never
    }

    /// The item of a list that stands in for a message.
    struct Fallback {
        var name: String
        var recipient: String
        var channel: ChannelName
    }

    let name: String
    let role: Role
    /// For the first who holds the role.
    let recipient: String
    let channel: ChannelName
    let isTell: Bool
    let isSend: Bool
    /// Items of a list are gathered for one mail a morning: to divide them over hours would only leave some to the next.
    let isList: Bool
    let obeysQuiet: Bool
    let move: Move
    let fallback: Fallback?

    private init(_ step: Step, obeysQuiet: Bool, fallback: Fallback?) {
        name = step.name
        role = step.action.recipientRole
        recipient = "\(role)/0"
        channel = step.action.channel
        isTell = if case .tell = step.action { true } else { false }
        isSend = step.action.isSend
        isList = if case .list = step.action { true } else { false }
        self.obeysQuiet = obeysQuiet
        move = Move(step)
        self.fallback = fallback
    }

    static func all(_ rule: Rule, quiet: QuietCalendar) -> [StepPlan] {
        var isFirst = true
        return rule.steps.map { step in
            let isSend = step.action.isSend
            var fallback: Fallback?
            if isSend, let target = rule.unreachable {
                let name = isFirst ? "unreachable" : "unreachable-\(step.name)"
                fallback = Fallback(name: name, recipient: "\(target.role)/0", channel: .list(target.name))
                isFirst = false
            }
            return StepPlan(step, obeysQuiet: isSend && rule.obeysQuiet && !quiet.isEmpty, fallback: fallback)
        }
    }

    /// Whether a row of the ledger with this step can be this one's.
    func mayBe(_ step: String) -> Bool { step == name || step == fallback?.name }

    /// Where the step stands for an occasion on a date, before spread and quiet hours; nil where it cannot.
    func moment(of occasion: LocalOccasion) -> LocalMoment? {
        switch move {
        case .none: return LocalMoment(dueAt: occasion.dueAt, date: occasion.date, time: occasion.time)
        case .days(let days, let at):
            let date = occasion.date + days
            return LocalMoment(dueAt: occasion.zone.instant(date, at), date: date, time: at)
        case .first(let at, let span):
            let due = occasion.zone.first(at, notBefore: occasion.dueAt + span)
            return LocalMoment(dueAt: due, date: occasion.zone.local(at: due).date, time: at)
        case .elapsed(let span): return LocalMoment(occasion.dueAt + span, in: occasion.zone)
        case .never: return nil
        }
    }
}

/// When a message is meant to go.
struct LocalMoment {
    var dueAt: Instant
    var date: CivilDate
    var time: WallTime

    init(dueAt: Instant, date: CivilDate, time: WallTime) {
        self.dueAt = dueAt
        self.date = date
        self.time = time
    }

    init(_ dueAt: Instant, in zone: Zone) {
        let local = zone.local(at: dueAt)
        self.init(dueAt: dueAt, date: local.date, time: local.time)
    }
}

extension StepPlan.Move {
    /// As for events: a day has 24 hours unless a time of day is given.
    init(_ step: Step) {
        let span: TimeSpan
        switch step.time {
        case .occasion: span = .zero
        case .start(let given): span = given
        case .limit, .column:
            self = .never
            return
        }
        guard let at = step.at else {
            self = span == .zero ? .none : .elapsed(span)
            return
        }
        self = span.wholeDays.map { .days($0, at: at) } ?? .first(at, after: span)
    }

    /// Days from the occasion's to the step's; nil for never. A change of clocks, and a time of day that is waited for,
    /// may take the step to another date.
    fileprivate var days: ClosedRange<Int>? {
        switch self {
        case .none: 0...0
        case .days(let days, _): days...days
        case .first(_, let span): (span.days.lowerBound - 1)...(span.days.upperBound + 2)
        case .elapsed(let span): (span.days.lowerBound - 1)...(span.days.upperBound + 1)
        case .never: nil
        }
    }
}

extension Trigger {
    /// Days that come for many at once, and so can be spread.
    fileprivate var hasSpread: Bool {
        switch self {
        case .anniversary, .schedule, .feast, .date, .on: true
        case .idle, .segment, .event: false
        }
    }
}

extension Step.Action {
    fileprivate var isSend: Bool { if case .send = self { true } else { false } }
}
