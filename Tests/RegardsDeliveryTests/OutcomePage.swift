import Glibc
import RegardsCore
import RegardsTestSupport

@testable import RegardsDelivery

/// The tables of docs/outcomes.md, made from the rows that the code looks its verdicts up in.
enum OutcomePage {
    static let path = "\(TestTools.root)/docs/outcomes.md"

    /// Name of the section and its table.
    static var tables: [(String, String)] {
        [
            ("smtp-replies", replies), ("smtp-events", smtpEvents), ("smtp-connect", failures(SMTPConnectFailure.rows)),
            ("webhook-status", statuses), ("webhook-events", webhookEvents),
            ("webhook-failures", failures(WebhookOutcomes.failures)),
            ("libcurl-failures", failures(CurlFailure.elsewhere)), ("reasons", reasons),
        ]
    }

    /// The page with each table put between its marks.
    static func filled(_ page: String) -> String {
        tables.reduce(page) { page, table in
            let (start, end) = ("<!-- table: \(table.0) -->\n", "\n<!-- end -->")
            guard let from = page.range(of: start)?.upperBound, let to = page.range(of: end, from: from)?.lowerBound else {
                return page + "\nno place for the table \(table.0)\n"
            }
            return page[..<from] + table.1 + page[to...]
        }
    }

    static func read() throws -> String {
        guard let file = fopen(path, "r") else { throw ServerProcess.Failure.cannotStart("no \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ page: String) throws {
        guard let file = fopen(path, "w") else { throw ServerProcess.Failure.cannotStart("cannot write \(path)") }
        defer { fclose(file) }
        fputs(page, file)
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        let lines = [head, head.map { _ in "---" }] + rows
        return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }

    private static func codes(_ range: ClosedRange<Int>) -> String {
        if range.count == 1 { return "\(range.lowerBound)" }
        if range.lowerBound % 100 == 0, range.upperBound == range.lowerBound + 99 { return "\(range.lowerBound / 100)xx" }
        return "\(range.lowerBound) to \(range.upperBound)"
    }

    // MARK: - SMTP

    private static var replies: String {
        table(["after", "reply", "enhanced status", "outcome", "session", "because"], SMTPOutcomes.rows.map { row in
            let enhanced =
                switch row.enhanced {
                case .any: ""
                case .absent: "none"
                case .status(let subject, let detail): "x.\(subject).\(detail)"
                }
            let stages = row.stages == SMTPOutcomes.Stage.allCases
                ? "any command" : row.stages.map(\.rawValue).joined(separator: ", ")
            return [stages, codes(row.codes), enhanced, name(row), row.session.rawValue, row.note]
        })
    }

    private static func name(_ row: SMTPOutcomes.Row) -> String {
        switch row.meaning {
        case .accepted: row.stages == [.end] ? "`delivered`" : "goes on"
        case .deferred(let reason): "`deferred(\(reason.rawValue))`"
        case .refused(let reason): "`refused(\(reason.rawValue))`"
        case .inDoubt(let reason): "`in doubt(\(reason.rawValue))`"
        }
    }

    static func name(_ outcome: Outcome) -> String {
        switch outcome {
        case .delivered: "`delivered`"
        case .deferred(let reason, _): "`deferred(\(reason.rawValue))`"
        case .refused(let reason): "`refused(\(reason.rawValue))`"
        case .inDoubt(let reason): "`in doubt(\(reason.rawValue))`"
        }
    }

    private static var smtpEvents: String {
        table(["what happened", "outcome"], SMTPOutcomes.Event.allCases.map { [$0.words, name($0.outcome)] })
    }

    private static func failures(_ rows: [CurlFailure]) -> String {
        table(["libcurl says", "the journal says", "and advises"], rows.map { row in
            let names = zip(row.names, row.codes).map { "`\($0)` (\($1))" }
            return [names.joined(separator: ", "), row.problem, row.advice]
        })
    }

    // MARK: - Webhooks

    private static var statuses: String {
        table(["status", "outcome", "because"], WebhookOutcomes.rows.map { row in
            let outcome: String =
                switch row.meaning {
                case .delivered: "`delivered`"
                case .deferred(let reason): "`deferred(\(reason.rawValue))`"
                case .refused(let reason): "`refused(\(reason.rawValue))`"
                }
            return [codes(row.codes), outcome, row.note]
        })
    }

    private static var webhookEvents: String {
        table(["what happened", "outcome"], WebhookOutcomes.Event.allCases.map { [$0.words, name($0.outcome)] })
    }

    // MARK: - Core

    private static var reasons: String {
        table(["put off because", "costs an attempt"], DeferralReason.allCases.map { reason in
            ["`\(reason.rawValue)`", reason.costsAttempt ? "yes" : "no"]
        })
    }
}

extension String {
    /// The first place of `text`; the standard library has no such search.
    fileprivate func range(of text: String, from start: Index? = nil) -> Range<Index>? {
        var index = start ?? startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            formIndex(after: &index)
        }
        return nil
    }
}
