package import RegardsCalendar

/// What a message is for. It decides consent, lateness and order of sending.
package enum Purpose: String, CaseIterable, Hashable, Sendable {
    case greeting, marketing, survey, care
}

/// One rule of `rules.d`: who hears from the business, when, and what.
package struct Rule: Sendable {
    package var name: String
    package var about: String
    package var purpose: Purpose
    package var trigger: Trigger
    /// All must hold, at planning and again at sending.
    package var condition: Condition
    package var steps: [Step]
    package var sender: Sender
    package var lateness: Lateness
    /// Another card for what is late, and how long it may go; nil: none.
    package var belated: Belated?
    /// Who wins where a budget has no room for all: the higher number. 0 to 1,000; see `standardPriority`.
    package var priority: Int
    /// Rules whose messages fall away on a local day on which this rule sends to the same customer.
    package var insteadOf: [String]
    package var budget: BudgetPart
    /// Whether quiet hours, quiet days and silent days put its messages off.
    package var obeysQuiet: Bool
    /// nil: the house's choice.
    package var sameAddress: SameAddress?
    /// The days on which it may fire; nil: always.
    package var active: ActivePeriod?
    /// False: the rule is known and keeps its ledger, and owes nothing.
    package var isEnabled: Bool
    /// Messages are put off by a part of this span that is each customer's own; nil: none.
    package var spread: TimeSpan?
    /// Which share of the occasions counts, above 0 to 1; nil: all.
    package var sample: Double?
    /// Where a customer ends up who cannot be reached by mail; nil: nowhere.
    package var unreachable: ListTarget?
    package var backfill: Backfill
    /// nil: the house's choice.
    package var ifInDoubt: InDoubtPolicy?
    /// Names this rule had before; its ledger goes on under the new one.
    package var formerly: [String]
    package var place: Place
    /// `StableHash` of the rule's meaning: the same for two files that differ only in layout and comments.
    package var hash: UInt64

    package init(
        name: String, about: String = "", purpose: Purpose, trigger: Trigger, condition: Condition = .always,
        steps: [Step], sender: Sender = .house, lateness: Lateness? = nil, belated: Belated? = nil,
        priority: Int? = nil, insteadOf: [String] = [], budget: BudgetPart? = nil, obeysQuiet: Bool? = nil,
        sameAddress: SameAddress? = nil, active: ActivePeriod? = nil, isEnabled: Bool = true,
        spread: TimeSpan? = nil, sample: Double? = nil, unreachable: ListTarget? = nil, backfill: Backfill = .none,
        ifInDoubt: InDoubtPolicy? = nil, formerly: [String] = [],
        place: Place = Place(file: "", line: 0, column: 0), hash: UInt64 = 0
    ) {
        self.name = name
        self.about = about
        self.purpose = purpose
        self.trigger = trigger
        self.condition = condition
        self.steps = steps
        self.sender = sender
        self.lateness = lateness ?? .standard(for: purpose)
        self.belated = belated
        self.priority = priority ?? purpose.standardPriority
        self.insteadOf = insteadOf
        self.budget = budget ?? .standard(for: purpose)
        self.obeysQuiet = obeysQuiet ?? (purpose != .care)
        self.sameAddress = sameAddress
        self.active = active
        self.isEnabled = isEnabled
        self.spread = spread
        self.sample = sample
        self.unreachable = unreachable
        self.backfill = backfill
        self.ifInDoubt = ifInDoubt
        self.formerly = formerly
        self.place = place
        self.hash = hash
    }
}

/// What makes a rule fire.
package enum Trigger: Sendable {
    case anniversary(AnniversaryTrigger)
    case schedule(ScheduleTrigger)
    case feast(FeastTrigger)
    case date(DateTrigger)
    case on(DayTrigger)
    case idle(IdleTrigger)
    case segment(SegmentTrigger)
    case event(EventTrigger)
}

/// `when: {anniversary: COLUMN, at: HH:MM, …}`: every year on the day and month of a date column, or every month on
/// its day.
package struct AnniversaryTrigger: Sendable {
    /// Slot of a customer column that holds a date, with or without a year.
    package var column: Int
    /// Wall time in the customer's zone; in a gap of the clock it moves forward by the gap's length.
    package var at: WallTime
    /// Days from the day itself: negative before, positive after; each once. Several give several occasions a year.
    package var dayOffsets: [Int]
    package var feb29: Feb29
    package var every: Anniversary.Every
    /// Which anniversaries count, such as the 50th; empty for all. A day without a year has none of them.
    package var years: [Int]
    /// Slot of the customer column that says by which calendar the day is kept (`BirthCalendar`); nil: always by the
    /// Gregorian one, as every monthly anniversary is.
    package var calendarColumn: Int?
    package var leapMonth: LeapMonth
    package var day30: Day30

    package init(
        column: Int, at: WallTime, dayOffsets: [Int] = [0], feb29: Feb29 = .feb28, every: Anniversary.Every = .year,
        years: [Int] = [], calendarColumn: Int? = nil, leapMonth: LeapMonth = .regular, day30: Day30 = .last
    ) {
        self.column = column
        self.at = at
        self.dayOffsets = dayOffsets
        self.feb29 = feb29
        self.every = every
        self.years = years
        self.calendarColumn = every == .month ? nil : calendarColumn
        self.leapMonth = leapMonth
        self.day30 = day30
    }
}

/// By which calendar a customer keeps a day: the text of the column `birthday_calendar`. The day itself stands in its
/// column as a Gregorian date either way.
package enum BirthCalendar: String, CaseIterable, Sendable {
    case gregorian, lunar
}

/// `when: {feast: NAME, at: HH:MM, …}`: every year on a feast.
package struct FeastTrigger: Sendable {
    package enum Choice: Sendable {
        case named(Feast)
        /// The feasts on which customers of a country are greeted. `column` is the slot of a customer column that names
        /// other feasts, or another country; where it is empty, `country` decides.
        case byCountry(FeastCatalog, column: Int?)
    }

    package var choice: Choice
    /// Wall time in the customer's zone; in a gap of the clock it moves forward by the gap's length.
    package var at: WallTime
    /// Days from the feast: negative before, positive after; each once.
    package var dayOffsets: [Int]

    package init(_ choice: Choice, at: WallTime, dayOffsets: [Int] = [0]) {
        self.choice = choice
        self.at = at
        self.dayOffsets = dayOffsets
    }
}

/// `when: {schedule: EXPR}`: a systemd calendar expression in the customer's zone.
package struct ScheduleTrigger: Sendable {
    package var expression: OnCalendar
    /// With a wall time the expression names days and the occasion moves through a gap of the clock; without, the
    /// expression's own times count, and one inside a gap does not elapse, as systemd has it.
    package var at: WallTime?

    package init(expression: OnCalendar, at: WallTime? = nil) {
        self.expression = expression
        self.at = at
    }
}

/// `when: {date: COLUMN, at: HH:MM, …}`: once, on the day that a column of the customer holds. The column's day names
/// the occasion, so another day is another occasion.
package struct DateTrigger: Sendable {
    package var column: Int
    /// Wall time in the customer's zone; in a gap of the clock it moves forward by the gap's length.
    package var at: WallTime
    /// Days from the day itself: negative before, positive after; each once.
    package var dayOffsets: [Int]

    package init(column: Int, at: WallTime, dayOffsets: [Int] = [0]) {
        self.column = column
        self.at = at
        self.dayOffsets = dayOffsets
    }
}

/// `when: {on: DAY, at: HH:MM, …}`: one day, for everybody.
package struct DayTrigger: Sendable {
    package var day: CivilDate
    /// Wall time in the customer's zone; in a gap of the clock it moves forward by the gap's length.
    package var at: WallTime
    /// Days from the day itself: negative before, positive after; each once.
    package var dayOffsets: [Int]

    package init(day: CivilDate, at: WallTime, dayOffsets: [Int] = [0]) {
        self.day = day
        self.at = at
        self.dayOffsets = dayOffsets
    }
}

/// `when: {idle: COLUMN, for: SPAN, …}`: nothing has happened since the day that a column holds.
package struct IdleTrigger: Sendable {
    /// How long counts as idle.
    package enum Length: Hashable, Sendable {
        /// Months and days are counted on the customer's calendar from the column's local day.
        case fixed(CalendarSpan)
        /// This many times the customer's usual gap, rounded up to whole days, and at least `floor` days. A customer
        /// without a rhythm is never idle.
        case usual(times: Double, Rhythm, floor: Int)
    }

    /// How a customer's usual gap is known, in days.
    package enum Rhythm: Hashable, Sendable {
        /// A column holds the days.
        case column(Int)
        /// From the first to the last day, divided by one less than their number; needs three or more.
        case average(since: Int, count: Int)
    }

    /// Slot of the customer column that is watched: a date or an instant.
    package var column: Int
    package var length: Length
    /// Repeats after as much again, `atMost` times in all; nil: once.
    package var every: CalendarSpan?
    package var atMost: Int
    /// Wall time in the customer's zone.
    package var at: WallTime

    package init(column: Int, length: Length, every: CalendarSpan? = nil, atMost: Int = 1, at: WallTime) {
        self.column = column
        self.length = length
        self.every = every
        self.atMost = atMost
        self.at = at
    }
}

/// `when: {becomes: SEGMENT}` and `when: {leaves: SEGMENT}`: each time a customer comes into a segment, or goes.
package struct SegmentTrigger: Sendable {
    package enum Change: String, CaseIterable, Hashable, Sendable {
        case becomes, leaves
    }

    /// Index into `RuleBook.segments`.
    package var segment: Int
    package var change: Change
    package var delay: Delay

    package init(segment: Int, change: Change, delay: Delay) {
        self.segment = segment
        self.change = change
        self.delay = delay
    }
}

/// How long after something was seen a message is due, and at which time of day.
///
/// - Without `at`: the span after it, to the second; a day has 24 hours, a month is the calendar's.
/// - With `at` and a span of whole days (or months): so many days after its local day, at that time; with no span, the
///   first such time that is not before it.
/// - With `at` and any other span: the first such time that is not before the span has passed.
package struct Delay: Hashable, Sendable {
    package var after: CalendarSpan
    /// Wall time in the customer's zone.
    package var at: WallTime?

    package init(after: CalendarSpan = CalendarSpan(), at: WallTime? = nil) {
        self.after = after
        self.at = at
    }

    package static let none = Delay()
}

/// `when: {event: KIND}`: each event of a kind, once.
package struct EventTrigger: Sendable {
    /// What the start of the steps hangs on.
    package enum Start: Hashable, Sendable {
        /// The event's `at`, and how long after it.
        case event(Delay)
        /// `when: {date: KIND.COLUMN, …}`: the day in a column of the event, so many days from it (negative before), at
        /// that time where the customer lives. Not due while the column is empty.
        case day(column: Int, offset: Int, at: WallTime)
    }

    /// Index into `RuleBook.eventKinds`.
    package var kind: Int
    package var start: Start
    package var promise: Promise?
    /// Ends the steps that hang on `start` or `limit`, as the kind's `done` does too; nil: only that.
    package var endsWhen: Condition?

    package init(kind: Int, start: Start = .event(.none), promise: Promise? = nil, endsWhen: Condition? = nil) {
        self.kind = kind
        self.start = start
        self.promise = promise
        self.endsWhen = endsWhen
    }
}

/// The time within which an event must be answered. The limit is fixed when the event is first seen.
package struct Promise: Hashable, Sendable {
    /// What passes while an answer is waited for.
    package enum Clock: String, CaseIterable, Sendable {
        case wall
        /// Only the hours in which the business is open.
        case business
    }

    /// For everybody else, and what the steps' spans around the limit are written for.
    package var answerWithin: TimeSpan
    /// For members of a segment (index into `RuleBook.segments`); the first that holds counts.
    package var bySegment: [SegmentLimit]
    /// Of `answerWithin`, and of the steps that hang on the limit.
    package var clock: Clock

    package struct SegmentLimit: Hashable, Sendable {
        package var segment: Int
        package var answerWithin: TimeSpan

        package init(segment: Int, answerWithin: TimeSpan) {
            self.segment = segment
            self.answerWithin = answerWithin
        }
    }

    package init(answerWithin: TimeSpan, bySegment: [SegmentLimit] = [], clock: Clock = .wall) {
        self.answerWithin = answerWithin
        self.bySegment = bySegment
        self.clock = clock
    }

    /// When an event of this instant must be answered.
    package func limit(from start: Instant, _ business: Business) -> Instant {
        instant(answerWithin, from: start, business)
    }

    /// The instant a span after another by the promise's clock; before it where the span is negative. A business that
    /// says no hours, or is never open again, is taken as always open.
    package func instant(_ span: TimeSpan, from start: Instant, _ business: Business) -> Instant {
        guard clock == .business, let hours = business.hours, span != .zero else { return start + span }
        let found =
            span > .zero
            ? hours.deadline(from: start, after: span, in: business.zone)
            : hours.instant(before: start, by: -span, in: business.zone)
        return found ?? start + span
    }
}

/// One message of a rule.
package struct Step: Sendable {
    /// Unique in the rule: `name:`, else verb and target (`send`, `tell-director`). Part of the ledger's key.
    package var name: String
    package var action: Action
    package var time: StepTime
    /// `at: 2d after start at 10:00`: moves the step to that wall time in the customer's zone, as `Delay` has it.
    package var at: WallTime?
    /// Of this step alone, beside the rule's.
    package var condition: Condition
    /// Sends again after this span, `atMost` times in all; nil: once. A repetition takes the place of the one before:
    /// what could not go until then goes no more, so that nobody gets three at once after a failure.
    package var every: TimeSpan?
    /// At least 1; counts only together with `every`.
    package var atMost: Int
    package var place: Place

    package init(
        name: String, action: Action, time: StepTime = .occasion, at: WallTime? = nil, condition: Condition = .always,
        every: TimeSpan? = nil, atMost: Int = 1, place: Place = Place(file: "", line: 0, column: 0)
    ) {
        self.name = name
        self.action = action
        self.time = time
        self.at = at
        self.condition = condition
        self.every = every
        self.atMost = atMost
        self.place = place
    }

    package enum Action: Sendable {
        /// A card to the customer.
        case send(CardPattern)
        /// A card to whoever holds the role for this customer.
        case tell(Role, CardPattern)
        /// A body to a named endpoint.
        case webhook(endpoint: String, CardPattern)
        /// An item of a list: somebody calls, or picks a gift.
        case list(ListTarget)

        /// nil for a list.
        package var card: CardPattern? {
            switch self {
            case .send(let card), .tell(_, let card), .webhook(_, let card): card
            case .list: nil
            }
        }
    }
}

/// When a step is due.
package enum StepTime: Hashable, Sendable {
    /// When the trigger fires; for an event, its `at` (`start`).
    case occasion
    /// Before (negative) or after the event's `at`.
    case start(TimeSpan)
    /// Before or after the promise's limit; never before the event's `at`, however short the promise.
    case limit(TimeSpan)
    /// Before or after an instant in a column of the event; not due while the column is empty.
    case column(slot: Int, TimeSpan)
}

/// A card's name, in which `{month}` stands for the occasion's month, `01` to `12`, and in rules about feasts `{feast}`
/// for the feast's name.
package struct CardPattern: Hashable, Sendable {
    package static let feast = "{feast}"

    package var text: String
    /// Further cards of a series, in order; `text` is the first.
    package var others: [String]
    /// A card is not sent again within so many occasions of the rule while the series has another; 0: no matter.
    package var noRepeat: Int

    package init(_ text: String, others: [String] = [], noRepeat: Int = 0) {
        self.text = text
        self.others = others
        self.noRepeat = noRepeat
    }

    /// - Parameter feast: the feast's name; left as it is written where nil.
    package func name(on date: CivilDate, feast: String? = nil) -> String {
        guard text.utf8.contains(UInt8(ascii: "{")) else { return text }
        let month = date.month
        let name = CardPattern.filled(text, "{month}", month < 10 ? "0\(month)" : "\(month)")
        return feast.map { CardPattern.filled(name, CardPattern.feast, $0) } ?? name
    }

    /// Every name the pattern can take.
    package func names(feasts: [String]) -> [String] {
        let byFeast =
            text.contains(CardPattern.feast) ? feasts.map { CardPattern.filled(text, CardPattern.feast, $0) } : [text]
        return byFeast.flatMap { CardPattern($0).names }
    }

    /// Every name the pattern can take outside rules about feasts.
    package var names: [String] {
        guard text.split(separator: "{month}", omittingEmptySubsequences: false).count > 1 else { return [text] }
        return (1...12).map { name(on: CivilDate(year: 2000, month: $0, day: 1)!) }
    }

    private static func filled(_ text: String, _ word: String, _ value: String) -> String {
        text.split(separator: word, omittingEmptySubsequences: false).joined(separator: value)
    }
}

/// A function somebody has for a customer: `advisor`, `manager`, `director`, or any name under `people:`.
package struct Role: Hashable, Sendable, CustomStringConvertible {
    package var name: String
    package init(_ name: String) { self.name = name }
    package var description: String { name }
    package static let customer = Role("customer")
}

/// Who signs a message.
package enum Sender: Hashable, Sendable {
    case house
    case role(Role)
}

/// How long after its due time a message may still go.
package enum Lateness: Hashable, Sendable {
    /// Until the end of the due day in the customer's zone.
    case untilMidnight
    case grace(TimeSpan)
    /// Until it is sent.
    case forever

    package static func standard(for purpose: Purpose) -> Lateness { purpose == .care ? .forever : .untilMidnight }

    /// How far back planning looks for what may still go and has no row yet, such as the birthday of a customer who was
    /// added or corrected today. What never is too late is looked for as long as a day: a row that exists waits as
    /// long as it must, but a customer added on the 20th was owed nothing on the 1st.
    package var longest: TimeSpan {
        switch self {
        case .untilMidnight, .forever: .hours(25)
        case .grace(let span): span
        }
    }
}

/// What a rule does about what was already true when it was first seen.
package enum Backfill: Hashable, Sendable {
    /// Recorded as seen; nothing is sent.
    case none
    /// What became true at most this long ago is served.
    case since(TimeSpan)
    case all
}

/// What becomes of an outreach whose attempt ended in doubt.
package enum InDoubtPolicy: String, CaseIterable, Hashable, Sendable {
    /// Send again with the same Message-ID.
    case resend
    /// Hold until somebody settles it.
    case ask
}
