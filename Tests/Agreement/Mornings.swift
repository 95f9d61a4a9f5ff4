import Foundation
import GRDB
import RegardsCore
import Synchronization

/// The changes of a world, morning by morning.
final class Mornings {
    let looks: [Int]
    let days: Int
    private let database: DatabaseQueue
    private var statements: [Int: [[Any]]] = [:]
    private var done = 0

    init(folder: String) throws {
        database = try DatabaseQueue(path: folder + "/shop.sqlite")
        guard let looks = try JSONSerialization.jsonObject(with: TextFile.read(folder + "/looks.json")) as? [String: Any],
            let mornings = looks["looks"] as? [Int], let days = looks["days"] as? Int
        else { throw Failure("looks.json: expected looks and days") }
        (self.looks, self.days) = (mornings, days)
        let changes = String(decoding: try TextFile.read(folder + "/changes.jsonl"), as: UTF8.self)
        for line in changes.split(separator: "\n") {
            guard let change = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let morning = change["morning"] as? Int, let found = change["statements"] as? [[Any]]
            else { throw Failure("changes.jsonl: expected morning and statements") }
            statements[morning] = found
        }
    }

    func apply(through morning: Int) throws {
        try database.write { database in
            for number in done..<(morning + 1) {
                for statement in statements[number] ?? [] {
                    guard let sql = statement[0] as? String, let values = statement[1] as? [Any] else { continue }
                    try database.execute(sql: sql, arguments: StatementArguments(values.map(databaseValue)))
                }
            }
        }
        done = morning + 1
    }

    private func databaseValue(_ value: Any) -> DatabaseValue {
        switch value {
        case let text as String: text.databaseValue
        case let number as NSNumber: CFNumberIsFloat(number) ? number.doubleValue.databaseValue : number.int64Value.databaseValue
        default: .null
        }
    }

    private func CFNumberIsFloat(_ number: NSNumber) -> Bool { "df".contains(String(cString: number.objCType)) }
}

enum TextFile {
    static func read(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }
}

/// What is told when the channel's state changes.
final class Handler: Sendable {
    private let handler = Mutex<(@Sendable (ChannelState) -> Void)?>(nil)
    func set(_ new: @escaping @Sendable (ChannelState) -> Void) { handler.withLock { $0 = new } }
    func call(_ state: ChannelState) { handler.withLock { $0 }?(state) }
}
