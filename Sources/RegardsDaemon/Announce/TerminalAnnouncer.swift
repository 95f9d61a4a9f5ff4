import Glibc
package import RegardsCalendar

/// One readable line for each notice: local time, the kind's word, rule, customer, what. On a terminal that is too narrow
/// for it the line goes on below, under its own column.
///
/// Lines go out by one write(2) each, because standard output is fully buffered when it is no terminal. A closed
/// reader ends in EPIPE only where the process ignores SIGPIPE; the daemon does.
package final class TerminalAnnouncer: Announcer {
    private let descriptor: Int32
    private let colours: Bool
    private let hash: AddressHash
    private let zone: Zone
    private let now: @Sendable () -> Instant

    /// - Parameters:
    ///   - descriptor: where the lines go; standard error unless told.
    ///   - colours: see `wantsColours`.
    ///   - zone: whose wall clock the lines show: the business's, as in all that commands show.
    ///   - now: the clock to show, virtual under `simulate`.
    package init(
        descriptor: Int32 = STDERR_FILENO, colours: Bool, hash: AddressHash, zone: Zone,
        now: @escaping @Sendable () -> Instant
    ) {
        self.descriptor = descriptor
        self.colours = colours
        self.hash = hash
        self.zone = zone
        self.now = now
    }

    /// Lines on standard error, coloured where it is a terminal that wants it, by the machine's clock.
    package convenience init(hash: AddressHash, zone: Zone, environment: [String: String]) {
        let colours = TerminalAnnouncer.wantsColours(descriptor: STDERR_FILENO, environment: environment)
        self.init(colours: colours, hash: hash, zone: zone) { SystemClock().now() }
    }

    /// True on a terminal that can show colours and is not told otherwise (no-color.org: NO_COLOR set and not empty).
    package static func wantsColours(descriptor: Int32, environment: [String: String]) -> Bool {
        isatty(descriptor) == 1 && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }

    package func announce(_ notice: Notice) {
        Output.write(line(notice) + "\n", to: descriptor)
    }

    func line(_ notice: Notice) -> String {
        let time = NoticeText.clock(zone.local(at: now()).time)
        let word = notice.kind.word
        let text = (subject(notice) + [what(notice)]).filter { !$0.isEmpty }.joined(separator: "  ")
        // Two columns of 8 and 10 cells, and what follows each.
        let indent = 22
        let lines = DisplayWidth.wrapped(text, to: width().map { max(20, $0 - indent) } ?? .max)
        let pad = text.isEmpty ? "" : String(repeating: " ", count: max(0, 10 - word.count) + 2)
        return "\(paint(time, .dim))  \(paint(word, colour(notice.kind)))\(pad)"
            + lines.joined(separator: "\n" + String(repeating: " ", count: indent))
    }

    /// Cells of the terminal; nil where it is none.
    private func width() -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Rule, customer and occasion, padded so that a screen of birthdays stands in columns.
    private func subject(_ notice: Notice) -> [String] {
        var words: [String] = []
        if let name = notice.rule ?? (notice.kind.isAboutEvent ? notice.detail : nil) {
            words.append(DisplayWidth.padded(NoticeText.printable(name), 14))
        }
        if let customer = notice.customer {
            words.append(DisplayWidth.padded("customer " + NoticeText.printable(hash.customer(customer)), 12))
        }
        if let occasion = notice.occasion, !isDate(notice) { words.append(NoticeText.printable(occasion)) }
        if let step = notice.step, step != "send" { words.append(NoticeText.printable(step)) }
        return words
    }

    /// Whether the occasion is told by the local date: the year or the month of an anniversary, the day of a schedule.
    private func isDate(_ notice: Notice) -> Bool {
        guard let occasion = notice.occasion, let local = notice.local else { return false }
        return occasion.count >= 4 && local.hasPrefix(occasion)
    }

    private func what(_ notice: Notice) -> String {
        var words: [String] = []
        let isHouseWide = notice.rule == nil && notice.customer == nil
        if isHouseWide, !notice.kind.isSaidByWord { words.append(notice.kind.message) }
        // What an event owes goes when it goes: only a date means a customer's own clock.
        if let local = notice.local, isDate(notice) { words.append(NoticeText.printable(nearby(local))) }
        // Of what was put on a list the reason is the list's name.
        if let channel = notice.channel, channel != "mail", notice.kind != .listed { words.append("by " + NoticeText.printable(channel)) }
        if let attempt = notice.attempt, attempt > 1 { words.append("attempt \(attempt)") }
        if let reason = notice.reason { words.append(NoticeText.printable(reason)) }
        if let code = notice.code { words.append(String(code)) }
        if let until = notice.until { words.append("\(notice.kind.untilWords) \(moment(until))") }
        if let count = notice.count, !notice.detail.hasPrefix("\(count) ") { words.append(notice.kind.counted(count)) }
        words += notice.numbers.filter { $0.value != 0 }.map { "\($0.value) \(NoticeText.words(of: $0.name))" }
        let facts = words.joined(separator: ", ")
        guard !notice.detail.isEmpty, !notice.kind.isAboutEvent else { return facts }
        return [facts, NoticeText.printable(notice.detail)].filter { !$0.isEmpty }.joined(separator: ": ")
    }

    /// The clock alone today, with the day on another.
    private func moment(_ instant: Instant) -> String {
        let local = zone.local(at: instant)
        let clock = NoticeText.clock(local.time)
        return local.date == today ? clock : nearby("\(local.date) \(clock)")
    }

    /// `2027-05-04 09:00 …` with the day of the week for its date where less than a week lies between.
    private func nearby(_ local: String) -> String {
        guard let date = CivilDate(String(local.prefix(10))), abs(date.dayNumber - today.dayNumber) < 7 else { return local }
        return "\(date.weekday)\(local.dropFirst(10))"
    }

    private var today: CivilDate { zone.local(at: now()).date }

    private enum Colour: String {
        case green = "32", yellow = "33", red = "31", blue = "34", cyan = "36", dim = "2", bold = "1"
    }

    private func colour(_ kind: NoticeKind) -> Colour {
        switch kind {
        case .sent, .relayUp, .sourceBack, .stateWritable, .reloaded: .green
        case .ready, .started, .stopping, .stopped: .bold
        case .eventOpened, .eventEnded, .planned, .released, .resumed, .approved, .ruleChanged: .cyan
        case .skipped, .cancelled, .ruleBaseline, .listed: .dim
        case .held: .blue
        case .deferred, .inDoubt, .nearLimit, .rehearsing, .ruleVanished, .unusableCustomers, .paused, .suppressed: .yellow
        case .refused, .promiseBroken, .relayDown, .stateUnwritable, .sourceUnreachable, .schemaDrift, .fault,
            .configurationRefused, .reloadRefused, .guardTripped, .stuck:
            .red
        }
    }

    private func paint(_ text: String, _ colour: Colour) -> String {
        colours ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
}

/// Whole writes to a descriptor that may be a terminal, a pipe or a file.
enum Output {
    /// Goes on after signals and partial writes, waits where the descriptor does not block, gives up on other errors:
    /// nobody is there to be told.
    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                } else if errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard poll(&wait, 1, 1000) > 0 else { return }
                } else if errno != EINTR {
                    return
                }
            }
        }
    }
}
