package import RegardsCalendar

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
