/// A server that records requests and answers as told; see Tests/Fixtures/http/recording_server.py.
package final class RecordingHTTPServer: Sendable {
    package struct Request: Hashable, Sendable {
        /// From 1: it got that answer.
        package var number: Int
        /// The path and the query.
        package var target: String
        /// Names in lower case.
        package var headers: [String: String]
        package var body: [UInt8]
        /// For `verify_signature.py`.
        package var headersHex: String
        package var bodyHex: String
    }

    package let port: Int
    private let process: ServerProcess

    /// - Parameter answers: one for each request, the last one for all that follow.
    package init(_ answers: [String] = ["200"], certificate: TestCertificate? = nil, port: Int = 0) throws {
        guard let python = TestTools.python(with: "http.server") else {
            throw ServerProcess.Failure.cannotStart("no Python")
        }
        var arguments = [python, "\(TestTools.root)/Tests/Fixtures/http/recording_server.py"]
        arguments += ["--port", "\(port)"]
        for answer in answers { arguments += ["--answer", answer] }
        if let certificate { arguments += ["--cert", certificate.certificate, "--key", certificate.key] }
        process = try ServerProcess(arguments)
        self.port = try process.awaitPort()
    }

    package var requests: [Request] { Self.requests(in: process.said) }

    package func requests(_ count: Int, seconds: Int = FailureGuard.seconds) throws -> [Request] {
        try process.await("\(count) requests", seconds: seconds) { lines in
            let requests = Self.requests(in: lines)
            return requests.count >= count ? requests : nil
        }
    }

    /// Waits until that many requests stand at a `hold` or `stall`.
    package func awaitHold(_ count: Int = 1) throws {
        try process.await("\(count) holds") { lines in lines.count { $0.hasPrefix("held ") } >= count ? () : nil }
    }

    /// Waits until a stream has ended.
    /// - Returns: the bytes that went before the other side had enough.
    package func written() throws -> Int {
        try process.await("the end of a stream") { lines in
            lines.first { $0.hasPrefix("wrote ") }.flatMap { Int($0.dropFirst(6)) }
        }
    }

    package func go() { process.tell("go") }
    package func stop() { process.stop() }

    private static func requests(in lines: [String]) -> [Request] {
        lines.filter { $0.hasPrefix("request ") }.map { line in
            let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            let head = String(decoding: TestTools.bytes(hex: words[2]), as: UTF8.self)
            var headers: [String: String] = [:]
            for line in head.split(separator: "\n") {
                guard let colon = line.firstIndex(of: ":") else { continue }
                headers[line[..<colon].lowercased()] = String(line[line.index(colon, offsetBy: 2)...])
            }
            return Request(
                number: Int(words[1]) ?? 0, target: words[4], headers: headers, body: TestTools.bytes(hex: words[3]),
                headersHex: words[2], bodyHex: words[3])
        }
    }
}
