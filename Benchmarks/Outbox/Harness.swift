import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore

func open(_ path: String, _ durable: Bool) throws -> SQLiteOutbox {
    let outbox =
        try durable
        ? SQLiteOutbox.openForDaemon(path: path, now: now) : SQLiteOutbox.openScratch(path: path, now: now)
    _ = try outbox.adoptRules([RuleAdoption(name: "birthday-card", purpose: .greeting, hash: 1)], now: now)
    return outbox
}

func begin(_ outbox: SQLiteOutbox) throws -> any PlanPass {
    try outbox.beginPlan(rules: ["birthday-card"], window: (now - .hours(24))..<(now + .hours(26)), now: now)
}

func planned(_ customer: String) -> PlannedOutreach {
    PlannedOutreach(
        key: OutreachKey(
            customer: customer, rule: "birthday-card", occasion: "2027", step: "send", recipient: "customer/0"),
        dueAt: now, expiresAt: now + .hours(12), zone: "Europe/Berlin", localDate: CivilDate(dayNumber: 20_942),
        localTime: WallTime(hour: 9, minute: 0)!, channel: .mail, lane: .rest, ruleHash: 1)
}

/// Each group is marked in the commit that records the one before.
func inGroups(_ ids: [Int64], of size: Int, _ commit: (ArraySlice<Int64>, ArraySlice<Int64>) throws -> Void) rethrows {
    var last = ids[0..<0]
    for start in stride(from: 0, to: ids.count, by: size) {
        let next = ids[start..<min(start + size, ids.count)]
        try commit(next, last)
        last = next
    }
    try commit(ids[0..<0], last)
}

func measure(_ body: () throws -> Void) rethrows -> Double {
    try ContinuousClock().measure(body) / .seconds(1)
}

func report(_ name: String, _ rows: Int, _ ours: Double, _ raw: Double) {
    let hundredths = Int((raw / ours * 100).rounded())
    let ratio = "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
    print(pad(name, 28) + pad("\(Int(Double(rows) / ours))", 12) + pad("\(Int(Double(rows) / raw))", 12) + ratio)
}

func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }

func fail(_ message: String) -> Never {
    print(message)
    exit(1)
}

func temporaryFolder() -> String {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/regards-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fail("mkdtemp failed") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func removeFolder(_ path: String) {
    guard let directory = opendir(path) else { return }
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink("\(path)/\(name)")
    }
    closedir(directory)
    rmdir(path)
}
