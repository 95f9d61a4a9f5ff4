// The outbox and the customer source beside SQLite's own C API doing the same statements, in one run.
//
//     swift run -c release OutboxBenchmarks [ROWS]

import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore

let rows = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000
let now = Instant(seconds: 1_809_432_000)
let folder = temporaryFolder()
defer { removeFolder(folder) }

print("\(rows) rows; rows a second, and as a part of what the C API does")
print(pad("", 28) + pad("regards", 12) + pad("C API", 12) + "ratio")
try benchmarkOutbox(durable: false)
try benchmarkOutbox(durable: true)
try benchmarkSource()
try benchmarkPast(rows: rows * 10)

/// `durable`: with `synchronous=FULL`, as the daemon runs; without, the processor's work alone.
func benchmarkOutbox(durable: Bool) throws {
    let rows = durable ? rows / 5 : rows
    let label = durable ? ", durable" : ""
    let ours = "\(folder)/ours-\(durable).db"
    let raw = "\(folder)/raw-\(durable).db"
    let outbox = try open(ours, durable)
    // The same schema, made by the same migration.
    try open(raw, durable).close()
    let ledger = RawLedger(path: raw, synchronous: durable ? "FULL" : "OFF")
    ledger.run("INSERT INTO steps (rule_id, name) VALUES (1, 'send')")

    let pages = stride(from: 0, to: rows, by: 1000).map { $0..<min($0 + 1000, rows) }
    let plans = pages.map { page in page.map { planned("\($0)") } }
    let customers = pages.map { page in page.map { "\($0)" } }
    report(
        "plan: insert\(label)", rows,
        try measure {
            let pass = try begin(outbox)
            for index in pages.indices { _ = try pass.reconcile(customers: customers[index], rows: plans[index]) }
            _ = try pass.finish()
        },
        measure { for page in pages { ledger.insert(customers: page, due: now.microseconds) } })
    report(
        "plan: unchanged\(label)", rows,
        try measure {
            let pass = try begin(outbox)
            for index in pages.indices {
                guard try pass.reconcile(customers: customers[index], rows: plans[index]).changes == 0 else {
                    fail("changed")
                }
            }
            _ = try pass.finish()
        },
        measure { for page in pages { _ = ledger.compare(customers: page) } })

    var claimed: [Int64] = []
    var rawClaimed: [Int64] = []
    report(
        "claim, 256 at once\(label)", rows,
        try measure {
            while claimed.count < rows {
                claimed += try outbox.claim(limit: 256, now: now, channels: [.mail]).map(\.id)
            }
        },
        measure { while rawClaimed.count < rows { rawClaimed += ledger.claim(limit: 256, now: now.microseconds) } })
    report(
        "mark and record, 32\(label)", rows,
        try measure {
            try inGroups(claimed, of: 32) { next, last in
                let group = GroupCommit(
                    now: now, marks: next.map { SendMark(id: $0, card: "birthday", address: "address-\($0)", counts: true) },
                    endings: last.map { Ending(id: $0, .sent, report: AttemptReport(.delivered, code: 250)) })
                guard try outbox.commit(group).isEmpty else { fail("a guard failed") }
            }
        },
        measure {
            inGroups(rawClaimed, of: 32) { ledger.commit(marks: $0, endings: $1, now: now.microseconds) }
        })
    try outbox.close()
}

func benchmarkSource() throws {
    let path = "\(folder)/shop.db"
    let shop = RawLedger(path: path, synchronous: "OFF")
    shop.run(
        """
        CREATE TABLE customers (id INTEGER PRIMARY KEY, given_name TEXT, family_name TEXT, email TEXT, birthday TEXT,
            country TEXT, total REAL);
        INSERT INTO customers SELECT i, 'Given' || i, 'Family' || i, 'customer' || i || '@example.com', '1980-05-04', 'NO', i
            FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows)) SELECT i FROM n)
        """)
    let query = "SELECT id, given_name, family_name, email, birthday, country, total AS total_spent FROM customers"
    var schema = CustomerSchema()
    for column in ["birthday", "total_spent"] { _ = schema.columns.use(column) }
    let source = try SQLiteCustomerSource(SourceSettings(path: path, query: query, customers: schema, zone: .utc))
    var read = 0
    report(
        "source: scan in pages", rows, try measure { read = try source.forEachPage(size: 1000) { _ in }.rows },
        measure { if shop.scan(query, columns: 7).rows != read { fail("rows differ") } })
    let ids = (0..<min(rows, 20_000)).map { "\($0 * 7919 % rows + 1)" }
    let one = "SELECT * FROM (\(query)) WHERE id = "
    report(
        "source: look-up by id", ids.count, try measure { _ = try source.lookUp(ids) },
        measure { for id in ids { _ = shop.scanOnce(one, id: id, columns: 7) } })
}
