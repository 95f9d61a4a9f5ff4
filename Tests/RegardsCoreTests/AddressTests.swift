import Foundation
import RegardsCore
import RegardsTestSupport
import Testing

@Suite struct AddressTests {
    struct Row: Decodable {
        var address: String
        var refused: String?
    }

    static let packageRoot = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func rows<Row: Decodable>(_ file: URL) throws -> [Row] {
        let text = try String(contentsOf: file, encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
    }

    static func refusal(_ text: String) -> AddressError? {
        do {
            _ = try Address(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func eachAddressIsAcceptedOrRefusedForAReason() throws {
        let rows: [Row] = try Self.rows(Self.packageRoot.appending(path: "Tests/Fixtures/core/addresses.jsonl"))
        #expect(rows.count > 50)
        for row in rows { #expect(Self.refusal(row.address).map { "\($0.self)" } == Self.reason(row.refused), "\(row.address)") }
    }

    private static func reason(_ name: String?) -> String? {
        let errors: [String: AddressError] = [
            "controlOrSpace": .controlOrSpace, "forbiddenCharacter": .forbiddenCharacter, "notLocalAtDomain": .notLocalAtDomain,
            "badDots": .badDots, "addressLiteral": .addressLiteral, "badDomain": .badDomain, "tooLong": .tooLong,
        ]
        return name.map { errors[$0].map { "\($0)" } ?? "no such reason: \($0)" }
    }

    /// The samples of other people's test suites, where they are at hand.
    @Test func hostileSamples() throws {
        struct Sample: Decodable {
            var id, address, category, diagnosis: String
        }
        let named = ProcessInfo.processInfo.environment["REGARDS_BADINPUT"]
        let folder = named.map { URL(filePath: $0, relativeTo: Self.packageRoot) } ?? Self.packageRoot.appending(path: "../shared/badinput")
        let file = folder.appending(path: "email_addresses.jsonl")
        guard FileManager.default.fileExists(atPath: file.path) else {
            print("REGARDS_BADINPUT: \(file.path) is MISSING, only the rows in Tests/Fixtures/core are checked")
            return
        }
        let samples: [Sample] = try Self.rows(file)
        var (accepted, refused) = (0, [String: Int]())
        for sample in samples {
            // The file spells control characters as their pictures.
            let text = String(String.UnicodeScalarView(sample.address.unicodeScalars.map { scalar in
                (0x2400...0x2421).contains(scalar.value) ? Unicode.Scalar(UInt8(scalar.value - 0x2400)) : scalar
            }))
            let error = Self.refusal(text)
            switch sample.category {
            case "ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN": #expect(error == nil, "\(sample.id): \(sample.diagnosis)")
            case "ISEMAIL_ERR": #expect(error != nil, "\(sample.id): \(sample.diagnosis)")
            default: break
            }
            if let error { refused[error.description, default: 0] += 1 } else { accepted += 1 }
        }
        #expect(samples.count > 50)
        #expect(accepted + refused.values.reduce(0, +) == samples.count)
        print("addresses: \(samples.count) samples, \(accepted) accepted; refused: \(refused)")
    }

    @Test func theLengthsJustWithinAndJustBeyond() throws {
        func address(_ total: Int) -> String {
            let labels = Array(repeating: String(repeating: "a", count: 49), count: 5).joined(separator: ".")
            return String(repeating: "b", count: total - labels.utf8.count - 1) + "@" + labels
        }
        #expect(Self.refusal(address(254)) == nil)
        #expect(Self.refusal(address(255)) == .tooLong)
        #expect(Self.refusal(String(repeating: "a", count: 100_000) + "@example.org") == .tooLong)
    }

    @Test func itsParts() throws {
        let address = try Address("Ada.Lovelace@Example.ORG")
        #expect(address.localPart == "Ada.Lovelace")
        #expect(address.domain == "Example.ORG")
        #expect(address.folded == "ada.lovelace@example.org")
        #expect(!address.needsUTF8)
        #expect(try Address("luís@example.org").needsUTF8)
        #expect(try Address("luis@exämple.org").needsUTF8)
    }

    @Test func noByteThatCouldLeaveTheLineIsAccepted() {
        var random = SeededGenerator()
        let alphabet: [UInt8] = Array("ab.@-<>\r\n\0 \t\"\\,;:()[]\u{7f}é\u{301}".utf8)
        var accepted = 0
        for number in 0..<100_000 {
            var bytes = (0..<Int.random(in: 1...12, using: &random)).map { _ in random.pick(alphabet) }
            // Every fourth is an address but for one byte, and every eighth is one.
            if number % 4 == 0 {
                bytes = Array("a.b@ab.ba".utf8)
                if number % 8 == 0 { bytes[Int.random(in: bytes.indices, using: &random)] = random.pick(alphabet) }
            }
            guard let address = try? Address(String(decoding: bytes, as: UTF8.self)) else { continue }
            accepted += 1
            #expect(address.text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && !"<>()[],;:\"\\".utf8.contains($0) })
            #expect(address.text.utf8.filter { $0 == UInt8(ascii: "@") }.count == 1)
        }
        #expect(accepted >= 12_500)
    }

    // MARK: What is shown

    @Test func anAddressIsMaskedWhereverItIsShown() throws {
        let address = try Address("ada.lovelace@example.org")
        var dumped = ""
        dump([address], to: &dumped)
        for shown in ["\(address)", String(describing: [address]), String(reflecting: address), "\(Optional(address) as Any)", dumped,
            "\(Envelope(sender: address, recipient: address))"]
        {
            #expect(!shown.contains("ada"), "\(shown)")
        }
        #expect("\(address)" == "…@example.org")
        #expect(Self.refusal("ada <ada@example.org>")?.description.contains("ada") == false)
    }

    @Test func aSecretIsNotShown() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump([secret], to: &dumped)
        for shown in ["\(secret)", String(describing: [secret]), String(reflecting: secret), "\(Optional(secret) as Any)", dumped] {
            #expect(!shown.contains("hunter2"), "\(shown)")
        }
        #expect(secret.reveal == "hunter2")
    }

    @Test(arguments: [
        ("250 2.1.5 Ok", "250 2.1.5 Ok"), ("550 <ada@example.org>: no such user", "550 <address> no such user"),
        ("550 ada@example.org\r\n551 next", "550 <address> 551 next"), ("a\u{1b}[31mred\u{7}", "a [31mred"), ("a\u{9b}31m", "a 31m"),
        ("x\u{202e}cod.exe", "x cod.exe"), ("  spaced \t out  ", "spaced out"), ("\u{0}", ""), ("", ""),
        ("greylisted, try again in 5 min", "greylisted, try again in 5 min"), ("zero\u{200b}width@example.org", "zero <address>"),
    ])
    func repliesAreCleaned(reply: String, expected: String) {
        #expect(Redaction.reply(reply) == expected)
    }

    @Test func repliesAreCutAt200() {
        #expect(Redaction.reply(String(repeating: "x", count: 200)).unicodeScalars.count == 200)
        let cut = Redaction.reply(String(repeating: "x", count: 201))
        #expect(cut.unicodeScalars.count == 200)
        #expect(cut.hasSuffix("x…"))
        // Marks stacked on one letter are counted one by one.
        #expect(Redaction.reply("x" + String(repeating: "\u{301}", count: 5000)).unicodeScalars.count == 200)
    }
}
