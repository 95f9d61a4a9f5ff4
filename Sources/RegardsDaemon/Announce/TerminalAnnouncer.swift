import Glibc
package import RegardsCalendar

/// One readable line for each notice: local time, the kind's word, rule, customer, what.
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
    ///   - zone: whose wall clock the lines show: the machine's (`ZoneCatalog.systemZone`).
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
        let pad = String(repeating: " ", count: max(0, 12 - notice.kind.word.count))
        let parts = [subject(notice), what(notice)].filter { !$0.isEmpty }.joined(separator: "  ")
        return "\(paint(time, .dim))  \(paint(notice.kind.word, colour(notice.kind)))\(pad)  \(parts)"
    }

    /// Rule, customer and occasion, padded so that a screen of birthdays stands in columns.
    private func subject(_ notice: Notice) -> String {
        var words: [String] = []
        if let rule = notice.rule { words.append(padded(NoticeText.printable(rule), 14)) }
        if let customer = notice.customer {
            words.append(padded("customer " + NoticeText.printable(hash.customer(customer)), 12))
        }
        if let occasion = notice.occasion { words.append(padded(NoticeText.printable(occasion), 10)) }
        if let step = notice.step, step != "send" { words.append(NoticeText.printable(step)) }
        return words.joined(separator: "  ")
    }

    private func what(_ notice: Notice) -> String {
        var words: [String] = notice.rule == nil && notice.customer == nil ? [notice.kind.message] : []
        if let local = notice.local { words.append(NoticeText.printable(local)) }
        if let channel = notice.channel, channel != "mail" { words.append("by " + NoticeText.printable(channel)) }
        if let attempt = notice.attempt, attempt > 1 { words.append("attempt \(attempt)") }
        if let reason = notice.reason { words.append(NoticeText.printable(reason)) }
        if let code = notice.code { words.append(String(code)) }
        if let until = notice.until { words.append("until " + moment(until)) }
        if let count = notice.count {
            words.append([String(count), notice.kind.counted].filter { !$0.isEmpty }.joined(separator: " "))
        }
        words += notice.numbers.filter { $0.value != 0 }.map { "\($0.value) \($0.name)" }
        if !notice.detail.isEmpty { words.append(NoticeText.printable(notice.detail)) }
        return words.joined(separator: ", ")
    }

    /// The clock alone today, the date with it on another day.
    private func moment(_ instant: Instant) -> String {
        let local = zone.local(at: instant)
        let clock = NoticeText.clock(local.time)
        return local.date == zone.local(at: now()).date ? clock : "\(local.date) \(clock)"
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private enum Colour: String {
        case green = "32", yellow = "33", red = "31", blue = "34", cyan = "36", dim = "2", bold = "1"
    }

    private func colour(_ kind: NoticeKind) -> Colour {
        switch kind {
        case .sent, .relayUp, .sourceBack, .stateWritable, .reloaded: .green
        case .ready, .started, .stopping, .stopped: .bold
        case .eventOpened, .eventEnded, .planned, .released: .cyan
        case .skipped, .cancelled, .ruleBaseline: .dim
        case .held: .blue
        case .deferred, .inDoubt, .nearLimit, .rehearsing, .ruleVanished, .unusableCustomers, .clockJumped: .yellow
        case .refused, .promiseBroken, .relayDown, .stateUnwritable, .sourceUnreachable, .schemaDrift, .fault,
            .configurationRefused, .reloadRefused:
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
