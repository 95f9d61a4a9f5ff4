import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// A folder of cards that lives as long as the test.
final class CardFolderFixture {
    let path: String

    init(_ files: [String: String], pictures: [String: [UInt8]] = [:]) throws {
        var template = Array((NSTemporaryDirectory() + "regards-cards-XXXXXX").utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
        for (name, text) in files { try write(Array(text.utf8), as: name) }
        for (name, bytes) in pictures { try write(bytes, as: name) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], as name: String) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    /// The mistakes with the folder's own path written `cards`.
    func mistakes(needed: [CardReference] = []) -> [String] {
        CardLibrary.load(folder: path, needed: needed).mistakes.map {
            $0.description.replacingOccurrences(of: path, with: "cards")
        }
    }

    func library() throws -> CardLibrary {
        let (library, mistakes) = CardLibrary.load(folder: path, needed: [])
        return try #require(library, "\(mistakes)")
    }
}

enum Fixture {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let cards = root + "/Tests/Fixtures/cards"

    static let shop = address("hello@shop.example")
    static let ana = address("ana@example.org")

    private static func address(_ text: String) -> Address {
        do {
            return try Address(text)
        } catch {
            preconditionFailure("\(text) \(error)")
        }
    }

    static func business(zone: Zone = .utc) -> Business {
        Business(
            name: "Hartley & Lowe", email: shop, zone: zone, postalAddress: "14 Mill Lane, Bath", phone: "+44 1225 496012")
    }

    /// A small card that shows two values and nothing else.
    static let echo = [
        "echo.html": "---\nsubject: {{value}}\n---\n<p>[{{value}}]</p>\n", "echo.txt": "[{{value}}]\n",
    ]

    static func header(
        from: Contact = Contact(name: "Mara Lowe", address: shop), to: String = "Ana", purpose: Purpose = .greeting,
        zone: Zone = .utc, id: String = "0123456789abcdef@shop.example", unsubscribe: Address? = shop,
        token: String = "t0k3n", prefix: String = "", extra: [(name: String, value: String)] = []
    ) -> MessageHeader {
        MessageHeader(
            from: from, to: Contact(name: to, address: ana), date: Instant(seconds: 1_810_116_300), zone: zone, id: id,
            purpose: purpose, unsubscribe: unsubscribe, unsubscribeToken: token, subjectPrefix: prefix, extra: extra)
    }

    static func fields(_ values: [String: String?]) -> CardFields {
        var fields = CardFields()
        for (name, value) in values { fields.set(name, value) }
        return fields
    }
}

/// What Python's `email` package, an implementation of its own, read from a message.
struct ReadMail: Decodable {
    var file: String
    var defects: [String]
    var faults: [String]
    var headers: [String]
    var subject: String
    var date: String
    var from: [[String]]
    var to: [[String]]
    var replyTo: [[String]]
    var unsubscribe: String
    var types: [String]
    var text: String
    var html: String
    var pictures: [[Picture]]

    enum Picture: Decodable, Equatable {
        case text(String), size(Int)
        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            self = try (try? value.decode(Int.self)).map { .size($0) } ?? .text(value.decode(String.self))
        }
    }
}

enum PythonMail {
    struct Failed: Error { var status: Int32 }

    /// Reads all messages in one child process; nil, said aloud, where there is no Python.
    static func read(_ messages: [[UInt8]]) throws -> [ReadMail]? {
        guard let python = find("python3") else {
            if ProcessInfo.processInfo.environment["CI"] == "true" {
                Issue.record("python3 is missing: messages were not checked")
            } else {
                print("skipped: python3 is missing, so no second parser checked these \(messages.count) messages")
            }
            return nil
        }
        let folder = try CardFolderFixture([:])
        for (index, message) in messages.enumerated() {
            try folder.write(message, as: String(format: "%05d.eml", index))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [Fixture.cards + "/read_mail.py", folder.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus) }
        let result = try JSONDecoder().decode([ReadMail].self, from: data)
        #expect(result.count == messages.count)
        return result
    }

    /// A program of the search path.
    static func find(_ program: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
    }
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}
