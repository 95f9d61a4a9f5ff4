import RegardsCore

/// What can be wrong in the operator's files, as facts. `message` below turns them into words, and nothing
/// else in this target does.
enum Problem: Hashable {
    // The file
    case unreadable(String)
    case fileTooLarge
    case notUTF8
    case controlCharacter(UInt32)
    // YAML
    case syntax(String)
    case repeatedKey(String, first: Int?)
    case keyNotText
    case mergeKey
    case directive
    case tag(String)
    case startsWithStar(String)
    case unknownAnchor(String)
    case tooManyNodes
    case tooDeep
    // Keys and the shape of values
    case unknownKey(String, known: [String])
    case ruleOutsideRules(String)
    case rulesInsideRules
    case keyOutsideRule(String)
    case misplaced(String, String)
    case later(String)
    case missing(String, expected: String)
    case expectedShape(String, got: String)
    case empty(String)
    case lineBreak
    case expected(String, got: String)
    case expectedWord(String, among: [String])
    case unknown(String, String, known: [String], section: String)
    case outside(String, got: String)
    case noSuchDay(String)
    case badAddress(AddressError)
    // What several keys say together
    case twoOf([String])
    case noneOf([String])
    case needs(String, also: String)
    case onlyWith(String, String)
    case repeated(String, String, first: Place)
    // Secrets and the network
    case openSecret
    case plaintext(host: String)
    case plaintextLogin(host: String)
    case notSecureURL
    case badURL(String)
    // The house
    case reserved(String, String)
    case roleCycle([String])
    case lookupWithoutIDs
    case pausesWithoutDone
    case pausesCare
    case mailTwice
    case endsBefore(String, start: String)
    case substituteByColumn(String)
    case unknownCountry(String, known: [String])
    case budgetOfCare
    case segmentBelow(String, isSame: Bool)
    case segmentOfClasses(String)
    case segmentWithoutClasses(String)
    // Rules
    case schedule(String, got: String)
    case atTwice(String)
    case feastWithoutName(String)
    case holiday(String, known: [String])
    case otherEvent(String, about: String?)
    case sentence(String, near: String?)
    case useIs(String, instead: String)
    case looseWords(String, instead: String)
    case relativeDay(String)
    case otherKindOfColumn(String, expected: String)
    case orderOfText(String)
    case orderOfCountries
    case onlyEvent(String, String)
    case wordOfLanguage(String, got: String)
    case eventOfCustomers(String)
    case oneDayOfEvent
    case stepTime(String)
    case hoursBeforeAt(String)
    case noPromise
    case promiseWithDelay
    case stepsHaveTheirOwn(String)
    case sameStep(String, first: Int)
    case severalCards
    case oneCard
    case fewCards(Int, cards: Int)
    case unknownRule(String, now: String?, known: [String])
    case insteadOfItself
    case insteadOfCircle([String])
    case formerlyTaken(String)
    case formerlyTwice(String, first: Place)
    // Cases
    case unasked(String, of: String, known: [String])
    case caseSentence(String)
    case whoseEvent(String)
    case notInOrder
    // Warnings
    case promiseOfGreeting(Purpose)
    case endlessLadder(String)
    case nobodyToTell(String)
    case midnight(String)
    case noRules(String)
    case nobodyAway
    case spreadOverMidnight
    case rungBeforeStart(String)
    case neverUnreachable(String)
    case neverFires
    case nothingToCustomers(String, isCondition: Bool)
    case unusedList(String, known: [String])
    case twins(String, String)
}

/// A problem and where it is.
struct Flaw: Error, Hashable {
    var problem: Problem
    var place: Place

    init(_ problem: Problem, at place: Place) {
        self.problem = problem
        self.place = place
    }
}

extension Problem {
    var severity: Mistake.Severity {
        switch self {
        case .promiseOfGreeting, .endlessLadder, .nobodyToTell, .midnight, .noRules, .nobodyAway, .spreadOverMidnight,
            .rungBeforeStart, .neverUnreachable, .neverFires, .nothingToCustomers, .unusedList, .twins:
            .warning
        default: .error
        }
    }

    /// What was expected, what was found, what to do. One switch, so that the compiler asks for the words of every case.
    /// - Parameter suggests: looks for the name that was meant, which takes its time where there are many.
    func message(suggests: Bool = true) -> String {
        func near(_ name: String, _ known: [String]) -> String? { suggests ? Problem.near(name, known) : nil }
        func suggestion(_ name: String, _ known: [String]) -> String {
            near(name, known).map { "; did you mean \(quote($0))?" } ?? "; expected \(joined(known, "or"))"
        }
        return switch self {
        // The file and its YAML
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .fileTooLarge: "is larger than 1 MiB: split it"
        case .notUTF8: "is not UTF-8 from here on: save the file as UTF-8"
        case .controlCharacter(let code):
            "the control character U+\(Problem.hexadecimal(code)) does not belong in a text file: delete it"
        case .syntax(let problem): "YAML: \(problem)"
        case .repeatedKey(let key, let line?): "the key \(quote(key)) was given in line \(line) already: keep one"
        case .repeatedKey(let key, nil): "the key \(quote(key)) is given more than once in this mapping: keep one"
        case .keyNotText: "a key must be plain text"
        case .directive: "a line that begins with % is a directive to YAML, and none is needed here: delete the line"
        case .mergeKey: "<< merges nothing here: write the keys out, or give the whole value an anchor"
        case .tag(let name):
            "the tag \(clip(name)) has no meaning here: every key knows the type of its value, so leave the tag out"
        case .startsWithStar(let text): "a value that begins with * is an alias to YAML: write it in quotes, '\(clip(text))'"
        case .unknownAnchor(let name):
            "*\(clip(name)) is an alias, and no &\(clip(name)) is complete above it; if no alias is meant, write it in quotes"
        case .tooManyNodes: "more than 10,000 keys and values, aliases written out: split the file"
        case .tooDeep: "more than 64 levels deep"
        // Keys and the shape of values
        case .unknownKey(let key, let known): "unknown key \(quote(key))" + suggestion(key, known)
        case .ruleOutsideRules(let key):
            "unknown key \(quote(key)); it looks like a rule: put it under rules:, or in a file in rules.d"
        case .rulesInsideRules: "in this folder rules begin at the margin: delete the line rules:, and move what is below it to the left"
        case .keyOutsideRule(let key):
            "\(key) belongs to a rule: put spaces in front, so that it stands below the rule's name and further to the right"
        case .misplaced(let key, let place): "\(key) does not stand here but in \(place)"
        case .later(let what): "\(what) is not in this release"
        case .missing(let key, let expected): "\(key) is missing: expected \(expected)"
        case .expectedShape(let expected, let got): "expected \(expected), got \(got)"
        case .empty(let expected): "is empty: expected \(expected)"
        case .lineBreak: "expected one line of text without control characters"
        case .expected(let expected, let got): "expected \(expected), got \(quote(got))"
        case .expectedWord(let got, let words):
            "expected \(joined(words, "or")), got \(quote(got))"
                + (near(got, words).map { "; did you mean \(quote($0))?" } ?? "")
        case .unknown(let kind, let name, [], let section):
            "unknown \(kind) \(quote(name)); there is none yet: add it under \(section): in regards.yaml"
        case .unknown(let kind, let name, let known, _): "unknown \(kind) \(quote(name))" + suggestion(name, known)
        case .outside(let range, let got): "expected \(range), got \(quote(got))"
        case .noSuchDay(let day): "there is no day \(quote(day)): month or day is too high, or zero"
        case .badAddress(let error): "expected a mail address; this one \(error)"
        case .twoOf(let keys): "\(joined(keys, "and")) exclude each other: keep one"
        case .noneOf(let keys): "one of \(joined(keys, "or")) is missing"
        case .needs(let key, let also): "\(key) needs \(also) as well"
        case .onlyWith(let key, let condition): "\(key) is only for \(condition)"
        case .repeated(let kind, let name, let first):
            "the \(kind) \(quote(name)) is given at \(first) already: choose another name"
        // Secrets, the network, the house
        case .openSecret:
            "a secret does not belong in this file: write {credential: NAME} for systemd's LoadCredential=, or {file: PATH}"
        case .plaintext(let host):
            "\(quote(host)) is not this machine, and without TLS everybody on the way can read: use starttls or tls, or say allow_plaintext: yes"
        case .plaintextLogin(let host):
            "a login to \(quote(host)) would cross the network in clear: use starttls or tls, or leave user and password out"
        case .notSecureURL: "expected https://; http:// is for this machine, or with allow_private: yes"
        case .badURL(let got):
            "expected an address such as https://crm.example.com/regards without a user or password, got \(quote(got))"
        case .reserved(let kind, let name): "\(quote(name)) has a meaning of its own: choose another name for the \(kind)"
        case .roleCycle(let names): "else: leads round in a circle: \(joined(names, separator: " to "))"
        case .lookupWithoutIDs:
            "expected a query with :ids in it, such as SELECT … WHERE id IN (SELECT value FROM json_each(:ids))"
        case .pausesWithoutDone: "pauses needs done as well: without it an event is over as soon as it happened"
        case .pausesCare: "expected greeting, marketing or survey: care is never paused, or no complaint would be answered"
        case .mailTwice: "smtp and maildir exclude each other: mail goes one way, so keep one"
        case .endsBefore(let end, let start): "\(end) is before \(start), so no day is left: exchange the two"
        case .substituteByColumn(let role):
            "\(clip(role)) is somebody else for each customer: name one person, as {name: …, email: …}"
        case .unknownCountry(let name, let known):
            "unknown country \(quote(name))"
                + (near(name, known).map { "; did you mean \(quote($0))?" } ?? "; expected its code, such as CN, or its name in English")
        case .budgetOfCare: "care is never held back, so it has no budget: delete this"
        case .segmentBelow(let name, isSame: true): "\(quote(name)) cannot be a part of itself"
        case .segmentBelow(let name, isSame: false): "\(quote(name)) stands further down: move it above this segment"
        case .segmentOfClasses(let name):
            "\(quote(name)) has classes and no members: say class \(clip(name)) >= 4, in a where or in a segment of its own"
        case .segmentWithoutClasses(let name): "\(quote(name)) has no classes: say segment is \(clip(name))"
        // Rules
        case .schedule(let reason, let got):
            "\(quote(got)) is no calendar expression: \(clip(reason, to: got.count > 60 ? 60 : 200))"
        case .feastWithoutName(let got):
            "\(quote(got)) is a day without a name: name it under feasts: in regards.yaml, and write the name here"
        case .holiday(let got, let known):
            "expected \(Problem.holidayForms), got \(quote(got))" + (near(got, known).map { "; did you mean \(quote($0))?" } ?? "")
        case .atTwice(let got): "\(quote(got)) has a time of day of its own: give the time there or by at:, not both"
        case .otherEvent(let name, let kind?): "\(quote(name)) is no column of the event \(clip(kind)), which this is about"
        case .otherEvent(let name, nil):
            "\(quote(name)) is a column of an event, and this rule is about none: use a column of the customer"
        case .sentence(let text, let near):
            "expected a condition such as \"total_spent >= 1000\", \"tags contains vip\", \"last_order_at older than 180d\" or \"email is present\", got \(quote(text))"
                + (near.map { "; did you mean \(quote($0))?" } ?? "")
        case .useIs(let text, let instead): "\(quote(text)) compares with the text itself: did you mean \(quote(instead))?"
        case .looseWords(let text, let instead):
            "\(quote(text)) compares with those words: did you mean \(quote(instead))? If the words are meant, put them in quotes"
        case .relativeDay(let word):
            "\(quote(word)) is compared as a word: days are told in when: {date: …} or {anniversary: …}, or by within and older than, as in \"last_order_at within 1d\""
        case .otherKindOfColumn(let name, let expected): "\(clip(name)) holds \(expected)"
        case .orderOfText(let got): "expected a number or a date such as 2027-05-01 after < or >, got \(quote(got))"
        case .orderOfCountries: "expected is or is not: countries have no order"
        case .onlyEvent(let what, let kind): "expected columns of \(clip(kind)) alone: \(what) may change while it is open"
        case .wordOfLanguage(let expected, let got):
            "expected \(expected), got \(quote(got)); if it is a column, give it another name in the query"
        case .eventOfCustomers(let name): "\(quote(name)) is a column of an event, and this is about customers: use a column of theirs"
        case .oneDayOfEvent: "an event's day is met once: keep one, and say the others in steps, such as at: 7d before start"
        case .stepTime(let got):
            "expected start, limit, \"2d after start\", \"6h before limit\" or \"3d after EVENT.COLUMN\", perhaps with \"at 10:00\" behind, got \(quote(got))"
        case .hoursBeforeAt(let got):
            "the next such time could be too late: count back in days, as in \"1d before start at 10:00\", got \(quote(got))"
        case .noPromise: "limit needs a promise: add promise: {answer_within: 24h} to the rule"
        case .promiseWithDelay:
            "a promise counts from the event itself: write when: {event: …} alone, and say when in the steps"
        case .stepsHaveTheirOwn(let key): "with steps, each step has its own \(key): move it there"
        case .severalCards: "expected one card; several stand in send: {cards: [a, b]}"
        case .oneCard: "needs several cards, as in cards: [a, b], or {month} in the card's name"
        case .fewCards(let count, let cards):
            "expected 2 to \(cards) occasions, because there are \(cards) cards, got \(count): write more cards, or repeat sooner"
        case .unknownRule(let name, let now?, _): "unknown rule \(quote(name)): it is \(quote(now)) now"
        case .unknownRule(let name, nil, let known):
            "unknown rule \(quote(name))" + (near(name, known).map { "; did you mean \(quote($0))?" } ?? ": there is none of that name")
        case .insteadOfItself: "a rule cannot take its own place: name the other rule"
        case .insteadOfCircle(let names):
            "these take each other's place, so nothing would be sent: \(joined(names, separator: " to "))"
        case .sameStep(let name, let line):
            "the step in line \(line) is named \(quote(name)) as well: give this one a name: of its own"
        case .formerlyTaken(let name): "\(quote(name)) is the name of a rule today, so its history is not free to take over"
        case .formerlyTwice(let name, let first): "the history of \(quote(name)) is taken over at \(first) already: keep one"
        // Cases
        case .unasked(let name, let kind, let known):
            "no rule, card or person asks for the column \(quote(name)) of a \(clip(kind))"
                + (near(name, known).map { "; did you mean \(quote($0))?" } ?? "")
        case .caseSentence(let text):
            "expected RULE, perhaps a step, then any of \"at 2027-05-01 09:00\", \"card NAME\", \"to ROLE\", \"for CUSTOMER\" and \"skipped REASON\", got \(quote(text))"
        case .whoseEvent(let key): "there is not just one, so it must say which: add \(key)"
        case .notInOrder: "this happens before what stands above it: write it in the order of time"
        case .promiseOfGreeting(let purpose):
            "what is of purpose \(purpose.rawValue) waits for quiet moments and consent, so its limit may pass: use purpose: care for what must be answered"
        case .endlessLadder(let kind):
            "nothing ends these steps: add ends_when here, or done to the event \(clip(kind))"
        case .nobodyToTell(let role):
            "a customer whose row names no \(clip(role)) would have nobody told: add else: to people.\(clip(role))"
        case .midnight(let expression): "\(quote(expression)) names no time of day, so this goes at midnight: add at: HH:MM"
        case .noRules(let folder): "no rules here and none in \(clip(folder)): nothing will be sent"
        case .nobodyAway: "nobody under people has this address, so nobody is away"
        case .spreadOverMidnight: "some of these go after midnight: begin earlier, or spread less"
        case .rungBeforeStart(let step):
            "\(quote(step)) is meant to come earlier than the promise begins, so it comes at the start: shorten the span"
        case .neverUnreachable(let sentence):
            "who has no address is left out by \(quote(sentence)) before this is asked: delete that condition"
        case .neverFires: "no day of this rule lies in this period, so it never fires"
        case .nothingToCustomers(let rule, let isCondition):
            "\(quote(rule)) sends nothing to customers, so \(isCondition ? "this never holds" : "there is nothing to take the place of")"
        case .unusedList(let name, let known):
            "no rule puts anything on the list \(quote(name))" + (near(name, known).map { "; did you mean \(quote($0))?" } ?? "")
        case .twins(let name, let twin):
            "\(quote(name)) says the same as \(quote(twin)), so everything goes twice: delete one, or change it"
        }
    }

    static let holidayForms = "a date such as 2027-12-25, a day of each year such as 12-25, or a feast"

    /// At most 60 characters of what was written, with everything invisible spelled out, in quotes.
    private func quote(_ text: String) -> String { "\"\(clip(text))\"" }

    private func clip(_ text: String, to length: Int = 60) -> String {
        var clipped = ""
        var count = 0
        for scalar in text.unicodeScalars {
            guard count < length else { return clipped + "…" }
            count += 1
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                clipped += scalar == "\n" ? "\\n" : scalar == "\t" ? "\\t" : "\\u{\(Problem.hexadecimal(scalar.value))}"
            default: clipped.unicodeScalars.append(scalar)
            }
        }
        return clipped
    }

    private static func near(_ name: String, _ known: [String]) -> String? {
        NearestName.of(String(name.prefix(60)).lowercased(), among: known.prefix(500))
    }

    private func joined(_ words: [String], _ conjunction: String) -> String { Problem.list(words, conjunction) }
    /// Names along a path; a long one without its middle.
    private func joined(_ words: [String], separator: String) -> String {
        let words = words.count > 10 ? words.prefix(8) + ["…"] + words.suffix(1) : words[...]
        return words.map { clip($0) }.joined(separator: separator)
    }

    /// `a, b or c`; a long list is cut off.
    static func list(_ words: [String], _ conjunction: String = "or") -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        var room = 400
        let fitting = words.prefix { word in
            room -= word.utf8.count + 2
            return room > 0
        }
        guard fitting.count == words.count else { return fitting.joined(separator: ", ") + ", …" }
        return words.dropLast().joined(separator: ", ") + " \(conjunction) " + last
    }

    private static func hexadecimal(_ code: UInt32) -> String {
        let digits = String(code, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
