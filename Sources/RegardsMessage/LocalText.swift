import RegardsCalendar

/// Writes dates, times and spans in a card's language. English and Chinese have their own forms; any other language
/// gets ISO 8601, which is right everywhere if not warm.
struct LocalText {
    private enum Language { case english, chinese, other }

    private let language: Language
    private let isTraditional: Bool

    init(locale: String) {
        isTraditional = locale.lowercased().hasPrefix("zh-hant")
        switch locale.prefix(while: { $0 != "-" }).lowercased() {
        case "en": language = .english
        case "zh": language = .chinese
        default: language = .other
        }
    }

    func write(_ value: CardFields.Value) -> String {
        switch value {
        case .text(let text): text
        case .null, .group, .list: ""
        case .date(let date): write(date)
        case .moment(let instant, let zone): write(zone.local(at: instant))
        case .span(let span): write(span)
        case .month(let month): write(month: month)
        case .zodiac(let animal): write(animal: animal)
        }
    }

    /// `12 May 2027`, `2027年5月12日`.
    func write(_ date: CivilDate) -> String {
        let (year, month, day) = date.components
        switch language {
        case .english: return "\(day) \(LocalText.months[month - 1]) \(year)"
        case .chinese: return "\(year)年\(month)月\(day)日"
        case .other: return LocalText.iso(date)
        }
    }

    /// `Wednesday 12 May 2027 at 14:05`, `2027年5月12日（星期三）14:05`.
    func write(_ local: LocalTime) -> String {
        let time = LocalText.padded(local.time.hour) + ":" + LocalText.padded(local.time.minute)
        switch language {
        case .english: return "\(LocalText.weekdays[local.date.weekday.rawValue]) \(write(local.date)) at \(time)"
        case .chinese: return "\(write(local.date))（星期\(LocalText.chineseWeekdays[local.date.weekday.rawValue])）\(time)"
        case .other: return "\(write(local.date)) \(time)"
        }
    }

    /// In the largest unit that gives a whole number: `24 hours`, `90 minutes`, `3 days`; a day is not used for 24 hours,
    /// because promises are made in hours.
    func write(_ span: TimeSpan) -> String {
        let seconds = span.seconds
        if seconds >= 172_800, seconds % 86_400 == 0 { return count(seconds / 86_400, "day", "天", "天") }
        if seconds >= 3600, seconds % 3600 == 0 { return count(seconds / 3600, "hour", "小时", "小時") }
        if seconds % 60 == 0 { return count(seconds / 60, "minute", "分钟", "分鐘") }
        return count(seconds, "second", "秒", "秒")
    }

    /// `May`, `五月`.
    func write(month: Int) -> String {
        switch language {
        case .english: LocalText.months[month - 1]
        case .chinese: LocalText.chineseMonths[month - 1] + "月"
        case .other: LocalText.padded(month)
        }
    }

    /// `Goat`, `羊`; other languages have no name of their own for it here.
    func write(animal: Int) -> String {
        guard language == .chinese else { return LocalText.animals[animal] }
        return isTraditional ? LocalText.traditionalAnimals[animal] : LocalText.chineseAnimals[animal]
    }

    static func iso(_ date: CivilDate) -> String {
        let (year, month, day) = date.components
        let digits = String(abs(year))
        return (year < 0 ? "-" : "") + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            + "-\(padded(month))-\(padded(day))"
    }

    static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private func count(_ number: Int64, _ english: String, _ chinese: String, _ traditional: String) -> String {
        switch language {
        case .chinese: "\(number) \(isTraditional ? traditional : chinese)"
        case .english, .other: "\(number) \(english)\(number == 1 ? "" : "s")"
        }
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    private static let chineseMonths = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"]
    /// From the year of the Rat to that of the Pig.
    static let animals = [
        "Rat", "Ox", "Tiger", "Rabbit", "Dragon", "Snake", "Horse", "Goat", "Monkey", "Rooster", "Dog", "Pig",
    ]
    private static let chineseAnimals = ["鼠", "牛", "虎", "兔", "龙", "蛇", "马", "羊", "猴", "鸡", "狗", "猪"]
    private static let traditionalAnimals = ["鼠", "牛", "虎", "兔", "龍", "蛇", "馬", "羊", "猴", "雞", "狗", "豬"]
    private static let chineseWeekdays = ["一", "二", "三", "四", "五", "六", "日"]
}
