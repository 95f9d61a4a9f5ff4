package import RegardsCalendar

/// One message to a customer among others that want the same day, or the same room in a budget.
package struct Claim: Hashable, Sendable {
    package var key: OutreachKey
    package var purpose: Purpose
    package var part: BudgetPart
    package var rank: Rank
    /// Names of rules that take its place (`instead_of`), in the order of the book.
    package var replacers: [String]
    package var dueAt: Instant
    /// The first instant at which it can still go: the later of its due time and now.
    package var from: Instant
    /// From this instant on it is too late; nil: never.
    package var expiresAt: Instant?
    /// The local date of the occasion.
    package var localDate: CivilDate
    package var obeysQuiet: Bool
    /// It is owed by what has been received so far.
    package var isOwed = true
    /// Rules whose messages, once received, may change that.
    package var awaited: [String]

    package init(
        _ candidate: Candidate, _ rule: Rule, rank: Rank, replacers: [String] = [], awaited: [String] = [], now: Instant
    ) {
        key = candidate.outreach.key
        purpose = rule.purpose
        part = rule.budget
        self.rank = rank
        self.replacers = replacers
        dueAt = candidate.outreach.dueAt
        from = max(dueAt, now)
        expiresAt = candidate.outreach.expiresAt
        localDate = candidate.outreach.localDate
        obeysQuiet = rule.obeysQuiet
        self.awaited = awaited
    }

    /// Whether it is served before the other: by rank, then what is due first. Names settle what is left, so that no two
    /// claims are equal.
    package func precedes(_ other: Claim) -> Bool {
        if rank != other.rank { return rank < other.rank }
        if dueAt != other.dueAt { return dueAt < other.dueAt }
        let (mine, others) = (key, other.key)
        return (mine.rule, mine.step, mine.occasion, mine.recipient) < (others.rule, others.step, others.occasion, others.recipient)
    }
}

/// Which rules are served before others: the lesser rank.
package struct Rank: Hashable, Comparable, Sendable {
    /// What does not ask comes first: it goes whatever becomes of the others. Then what asks and uses up room; then what
    /// uses none, because nobody makes way for it, with what does not ask and has its place taken by another rule.
    package enum Tier: Int, Hashable, Sendable {
        case unasking, asking, unused
    }

    package var tier: Tier
    /// Its rule's priority, and no higher than that of a rule that takes its place: for that one's place must be known
    /// first.
    package var priority: Int
    /// Behind those of one priority that take its place.
    package var depth: Int

    package static func < (left: Rank, right: Rank) -> Bool {
        if left.tier != right.tier { return left.tier.rawValue < right.tier.rawValue }
        return left.priority != right.priority ? left.priority > right.priority : left.depth < right.depth
    }

    /// Of each rule, in the order of the rules.
    package static func of(_ rules: [Rule]) -> [Rank] {
        let replaced = Set(rules.flatMap(\.insteadOf))
        var ranks = rules.map { rule in
            let isFree = !rule.budget.obeys && (rule.budget.counts || !replaced.contains(rule.name))
            let tier = isFree ? Tier.unasking : rule.budget.counts ? .asking : .unused
            return Rank(tier: tier, priority: tier == .asking ? rule.priority : 0, depth: 0)
        }
        let places = Dictionary(grouping: rules.indices) { rules[$0].name }
        var links: Set<Link> = []
        for (replacer, rule) in rules.enumerated() {
            for place in rule.insteadOf.flatMap({ places[$0] ?? [] }) where place != replacer {
                links.insert(Link(rule: place, replacer: replacer))
            }
        }
        let ordered = links.sorted { ($0.rule, $0.replacer) < ($1.rule, $1.replacer) }
        // Once for each link of the longest chain; a circle of rules ends here too.
        for _ in rules {
            let before = ranks
            for link in ordered { ranks[link.rule].stand(behind: ranks[link.replacer], atMost: rules.count) }
            if ranks == before { break }
        }
        return ranks
    }

    /// A rule, and one that takes its place, by their numbers.
    private struct Link: Hashable {
        var rule: Int
        var replacer: Int
    }

    private mutating func stand(behind other: Rank, atMost: Int) {
        guard tier == other.tier, priority >= other.priority else { return }
        depth = priority == other.priority ? max(depth, min(other.depth + 1, atMost)) : other.depth + 1
        priority = other.priority
    }
}

/// Who goes where the budgets have no room for all, and where one rule's message takes another's place. Pure: the same
/// claims give the same answer, whoever asks.
///
/// What was sent has its room. Everything else is served by rank. A claim falls away where a rule that takes its place has
/// a message for the same local date, or goes on the day on which the claim is due. Else it takes the first instant, from
/// its own time until it is too late, that is not quiet, at which all budgets have room, and on whose day no rule goes that
/// takes its place.
///
/// What is served counts as received: a claim whose conditions speak of it is asked about again, and falls away, or comes
/// up, as it will when its time comes. So a survey that goes once in half a year stands in nobody's way a month after it.
///
/// So a message loses only to what was sent, to what does not ask, and to what is served before it; and as long as the
/// facts stay as they are, time passes without changing any answer, because what was foreseen is what then was sent. One
/// thing is taken for granted and not worked out: what is served later and takes the place of what is served before it
/// goes when it is due. And what is served later is not known to be received before it is sent.
package struct Arbitration {
    package enum Answer: Hashable, Sendable {
        case now
        /// At this later instant, and what is in the way at its own time.
        case later(Instant, Reason)
        /// Not before it is too late.
        case never(Reason)
        case replaced(by: BudgetRoom.Use)
    }

    package enum Reason: Hashable, Sendable {
        case quiet
        case budget(BudgetRoom.Obstacle)
        /// A rule that takes its place goes on that day.
        case taken(BudgetRoom.Use)
    }

    /// The first instant, not before a given one, at which a message may go for other reasons than budgets.
    package typealias Allowed = (Claim, Instant) -> Instant

    /// Whether a claim is owed at an instant at which more was received than is known so far: by rule, when last.
    package typealias Owed = (Claim, Instant, [String: Instant]) -> Bool

    private let claims: [Claim]
    private let history: [PastContact]
    private let zone: Zone
    private let empty: BudgetRoom
    private var room: BudgetRoom
    /// Who was served, and when they go.
    private var served: [String: [(claim: Claim, at: Instant)]] = [:]

    /// - Parameters:
    ///   - claims: all that is owed to the customer and not sent yet, as far ahead as it can matter.
    ///   - history: what went to the customer's address.
    ///   - zone: the customer's, whose days count.
    package init(_ claims: [Claim], history: [PastContact], budgets: [Budget], zone: Zone) {
        self.claims = claims.sorted { $0.precedes($1) }
        self.history = history
        self.zone = zone
        empty = BudgetRoom(budgets)
        room = empty
    }

    /// - Parameter claim: may be among the claims; an earlier attempt of its own in the history is left aside.
    package mutating func settle(_ claim: Claim, allowed: Allowed, owed: Owed) -> Answer {
        served = [:]
        room = empty
        for contact in history where contact.counts && !contact.isAbout(claim.key) { room.take(BudgetRoom.Use(contact)) }
        for rival in claims {
            guard rival.precedes(claim) else { break }
            serve(rival, allowed, owed)
        }
        return place(claim, allowed)
    }

    private mutating func serve(_ claim: Claim, _ allowed: Allowed, _ owed: Owed) {
        let instant: Instant
        switch place(claim, allowed) {
        case .now: instant = claim.from
        case .later(let later, _): instant = later
        case .never, .replaced: return
        }
        guard isOwed(claim, at: instant, owed) else { return }
        served[claim.key.rule, default: []].append((claim, instant))
        if claim.part.counts { room.take(BudgetRoom.Use(claim, at: instant)) }
    }

    private func place(_ claim: Claim, _ allowed: Allowed) -> Answer {
        if let winner = replacer(of: claim, on: nil) ?? replacer(of: claim, on: day(claim.dueAt)) {
            return .replaced(by: winner)
        }
        let obstacle = claim.part.obeys ? room.obstacle(claim.purpose, at: claim.from) : nil
        let room = claim.part.obeys ? room : empty
        let first = room.firstRoom(for: claim.purpose, from: claim.from, before: claim.expiresAt) { instant in
            let open = allowed(claim, instant)
            guard open == instant, replacer(of: claim, on: day(instant)) != nil else { return open }
            return zone.instant(day(instant) + 1, .midnight)
        }
        if first == claim.from { return .now }
        let taken = replacer(of: claim, on: day(claim.from)).map { Reason.taken($0) }
        let reason = obstacle.map { .budget($0) } ?? taken ?? .quiet
        return first.map { .later($0, reason) } ?? .never(reason)
    }

    private func isOwed(_ claim: Claim, at instant: Instant, _ owed: Owed) -> Bool {
        var received: [String: Instant] = [:]
        for rule in claim.awaited {
            let going = history.filter { $0.rule == rule && $0.customer == claim.key.customer && !$0.hasEnded }.map(\.at)
            received[rule] = (going + (served[rule]?.map(\.at) ?? [])).filter { $0 <= instant }.max()
        }
        return received.isEmpty ? claim.isOwed : owed(claim, instant, received)
    }

    private func day(_ instant: Instant) -> CivilDate { zone.local(at: instant).date }

    // MARK: Instead of

    /// The message that takes a claim's place, if it goes on this day; where that is nil, by the date of its occasion.
    private func replacer(of claim: Claim, on day: CivilDate?, asked: [String] = []) -> BudgetRoom.Use? {
        func meets(_ date: CivilDate, _ instant: Instant) -> Bool {
            day.map { self.day(instant) == $0 } ?? (date == claim.localDate)
        }
        for name in claim.replacers where !asked.contains(name) {
            let sent = history.first { $0.rule == name && $0.customer == claim.key.customer && meets($0.localDate, $0.at) }
            if let sent { return BudgetRoom.Use(sent) }
            if let (other, at) = served[name]?.first(where: { meets($0.claim.localDate, $0.at) }) {
                return BudgetRoom.Use(other, at: at)
            }
            // What is served later is taken to go when it is due, unless it is replaced itself.
            let later = claims.first { other in
                other.key.rule == name && other.isOwed && !other.isServed(before: claim) && meets(other.localDate, other.dueAt)
                    && replacer(of: other, on: nil, asked: asked + [claim.key.rule]) == nil
            }
            if let later { return BudgetRoom.Use(later, at: later.from) }
        }
        return nil
    }
}

extension Claim {
    /// Whether its rule's place in the order is before the other's.
    fileprivate func isServed(before other: Claim) -> Bool { rank < other.rank }
}

extension PastContact {
    /// Whether it is this message itself.
    package func isAbout(_ key: OutreachKey) -> Bool {
        customer == key.customer && rule == key.rule && occasion == key.occasion && step == key.step
    }
}

extension BudgetRoom.Use {
    fileprivate init(_ contact: PastContact) {
        self.init(
            at: contact.at, purpose: contact.purpose, rule: contact.rule, localDate: contact.localDate, isSent: true)
    }

    fileprivate init(_ claim: Claim, at instant: Instant) {
        self.init(
            at: instant, purpose: claim.purpose, rule: claim.key.rule, localDate: claim.localDate, isSent: false)
    }
}
