/// When somebody born in a leap month observes the day; the rule key `leap_month`.
package enum LeapMonth: String, CaseIterable, Sendable {
    /// The regular month of that number, every year.
    case regular
    /// The leap month in years that have that very leap month, else the regular one.
    case leap
    /// Both in such years.
    case both
}

/// When somebody born on the 30th observes the day in a month of 29 days; the rule key `day_30`.
package enum Day30: String, CaseIterable, Sendable {
    /// The 29th.
    case last
    /// The first day of the following month, which may be the leap month.
    case next
    /// Not that year.
    case skip
}
