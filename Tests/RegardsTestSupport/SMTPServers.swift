import Synchronization

/// A real SMTP server (aiosmtpd) that records what it receives, durably before it answers.
package final class RecordingSMTPServer: Sendable {
    package struct Options: Sendable {
        /// Addresses that RCPT refuses, and the codes.
        package var refuse: [String: Int] = [:]
        /// Records each message and then cuts the connection instead of answering.
        package var failAfterDot = false
        /// Answers each message of this number, and its multiples, one to six seconds after it is on disk; 0: none.
        package var slow = 0
        package var security = ServerSecurity.plain
        /// Demanded login.
        package var login: (user: String, password: String)?
        package var offersUTF8 = true
        /// Largest message in bytes.
        package var size = 33_554_432
        /// A file that gets one line for each message, for readers in other processes.
        package var record: String?
        /// A folder in which each message becomes a file named by its recipient's local part; it is not said then.
        package var folder: String?
        /// Says nothing of messages: for thousands of them, which stand in `record`.
        package var isQuiet = false
        /// 0: any free one.
        package var port = 0
        package init() {}
    }

    package struct Message: Hashable, Sendable {
        package var session: Int
        package var isEncrypted: Bool
        package var user: String?
        package var sender: String
        package var recipients: [String]
        package var parameters: [String]
        package var bytes: [UInt8]
    }

    package let port: Int
    private let process: ServerProcess

    /// The Python that can run it, or nil: then say so and skip.
    package static var python: String? { TestTools.python(with: "aiosmtpd") }

    package init(_ options: Options = Options()) throws {
        guard let python = Self.python else {
            throw ServerProcess.Failure.cannotStart("no Python with aiosmtpd")
        }
        var arguments = [python, "\(TestTools.root)/Tests/Fixtures/smtp/recording_server.py"]
        for (address, code) in options.refuse { arguments += ["--refuse", "\(address)=\(code)"] }
        if options.slow > 0 { arguments += ["--slow", "\(options.slow)"] }
        if options.failAfterDot { arguments.append("--fail-after-dot") }
        if !options.offersUTF8 { arguments.append("--no-smtputf8") }
        if let login = options.login { arguments += ["--auth", "\(login.user):\(login.password)"] }
        if let record = options.record { arguments += ["--record", record] }
        if options.isQuiet { arguments.append("--quiet") }
        if let folder = options.folder { arguments += ["--folder", folder] }
        arguments += ["--size", "\(options.size)", "--port", "\(options.port)"] + options.security.arguments
        process = try ServerProcess(arguments)
        port = try process.awaitPort()
    }

    /// Everything received so far.
    package var messages: [Message] { Self.messages(in: process.said) }

    /// Waits until that many have come.
    package func messages(_ count: Int, seconds: Int = FailureGuard.seconds) throws -> [Message] {
        try process.await("\(count) messages", seconds: seconds) { lines in
            let messages = Self.messages(in: lines)
            return messages.count >= count ? messages : nil
        }
    }

    /// Sender and recipients of each message that was kept in the folder.
    package var envelopes: [String] { process.said.filter { $0.hasPrefix("kept ") }.map { String($0.dropFirst(5)) } }

    /// How many have come so far; cheaper than reading them.
    package var count: Int { Self.count(in: process.said) }

    /// Waits until that many have come.
    package func awaitCount(_ count: Int, seconds: Int = FailureGuard.seconds) throws {
        try process.await("\(count) messages", seconds: seconds) { Self.count(in: $0) >= count ? () : nil }
    }

    /// What a relay can see of a message under way; see recording_server.py.
    package enum Stage: String, CaseIterable, Sendable {
        case ehlo = "EHLO", mail = "MAIL", rcpt = "RCPT", data = "DATA", dot = "DOT", kept = "KEPT"
    }

    /// Asks to be told when so many more of these have come; one alarm at a time, each under a number of its own.
    package func setAlarm(_ number: Int, _ stage: Stage, count: Int) {
        process.tell("alarm \(number) \(stage.rawValue) \(count)")
        // Heard, before anything more can come.
        _ = process.said
    }

    package func awaitAlarm(_ number: Int, seconds: Int = FailureGuard.seconds) throws {
        _ = try process.await("alarm \(number)", seconds: seconds) { lines in lines.last { $0 == "alarm \(number)" } }
    }

    private static func count(in lines: [String]) -> Int { lines.count { $0.hasPrefix("message ") } }

    package func stop() { process.stop() }

    private static func messages(in lines: [String]) -> [Message] {
        lines.compactMap { line in
            guard line.hasPrefix("message ") else { return nil }
            return Message(record: line.dropFirst(8))
        }
    }
}

extension RecordingSMTPServer.Message {
    /// Reads one line of a record file.
    package init?(record: some StringProtocol) {
        let fields = String(record).split(separator: "\t" as Character, omittingEmptySubsequences: false)
        guard fields.count == 9, let session = Int(fields[1]) else { return nil }
        self.session = session
        isEncrypted = fields[2] == "tls"
        user = fields[3] == "-" ? nil : String(fields[3])
        sender = String(fields[4])
        recipients = fields[5].split(separator: ",").map(String.init)
        parameters = fields[6].split(separator: " ").map(String.init)
        bytes = TestTools.bytes(hex: fields[7])
    }
}

/// How a server of the tests protects its connections.
package enum ServerSecurity: Sendable {
    case plain
    case startTLS(TestCertificate)
    case implicitTLS(TestCertificate)

    var arguments: [String] {
        switch self {
        case .plain: []
        case .startTLS(let one): ["--tls", "starttls", "--cert", one.certificate, "--key", one.key]
        case .implicitTLS(let one): ["--tls", "implicit", "--cert", one.certificate, "--key", one.key]
        }
    }
}

/// An SMTP server that misbehaves as told; see Tests/Fixtures/smtp/scripted_server.py for the words of a script.
package final class ScriptedSMTPServer: Sendable {
    package let port: Int
    private let process: ServerProcess

    /// - Parameters:
    ///   - script: pairs like `"MAIL": "reply:421 busy"`.
    ///   - offers: keywords in the answer to EHLO.
    ///   - mechanisms: offered for AUTH, like `"PLAIN LOGIN"`; any login is welcome unless the script says otherwise.
    package convenience init(
        _ script: KeyValuePairs<String, String> = [:], offers: [String] = ["PIPELINING", "SIZE 10485760", "8BITMIME"],
        mechanisms: String = "", security: ServerSecurity = .plain
    ) throws {
        try self.init(pairs: script.map { ($0.key, $0.value) }, offers: offers, mechanisms: mechanisms, security: security)
    }

    package init(
        pairs script: [(String, String)], offers: [String], mechanisms: String = "", security: ServerSecurity = .plain
    ) throws {
        guard let python = TestTools.python(with: "ssl") else {
            throw ServerProcess.Failure.cannotStart("no Python")
        }
        var arguments = [python, "\(TestTools.root)/Tests/Fixtures/smtp/scripted_server.py"] + security.arguments
        for (when, action) in script { arguments += ["--on", "\(when)=\(action)"] }
        for offer in offers { arguments += ["--offer", offer] }
        if !mechanisms.isEmpty { arguments += ["--auth", mechanisms] }
        process = try ServerProcess(arguments)
        port = try process.awaitPort()
    }

    /// The commands of one session (they count from 1), or of all, in order.
    package func commands(_ session: Int? = nil) -> [String] { Self.commands(session, in: process.said) }

    /// Waits until some session has sent a command that begins so.
    package func awaitCommand(_ start: String, count: Int = 1) throws {
        try process.await("\(start) x \(count)") { lines in
            Self.commands(nil, in: lines).count { $0.hasPrefix(start) } >= count ? () : nil
        }
    }

    /// Messages that came whole, as they stood on the wire (dots still doubled).
    package var bodies: [[UInt8]] {
        process.said.filter { $0.hasPrefix("body ") }.map { line in
            let words: [Substring] = line.split(separator: " ", omittingEmptySubsequences: false)
            return TestTools.bytes(hex: words[2])
        }
    }

    /// Messages behind whose final dot more had come already.
    package var behind: Int { process.said.count { $0.hasPrefix("behind ") } }

    /// Waits until the script has come so many times to a `hold` or `stall`.
    package func awaitHold(_ when: String, count: Int = 1) throws {
        try process.await("hold at \(when)") { lines in
            lines.count { $0.hasPrefix("held ") && $0.hasSuffix(" \(when)") } >= count ? () : nil
        }
    }

    /// Waits until that many sessions have ended.
    package func awaitGone(_ count: Int) throws {
        try process.await("\(count) sessions gone") { lines in
            lines.count { $0.hasPrefix("gone ") } >= count ? () : nil
        }
    }

    package var sessions: Int { process.said.count { $0.hasPrefix("open ") } }
    /// Lets one `hold` go on.
    package func go() { process.tell("go") }
    package func stop() { process.stop() }

    private static func commands(_ session: Int?, in lines: [String]) -> [String] {
        lines.compactMap { line in
            let words: [Substring] = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 3, words[0] == "line", session == nil || words[1] == "\(session ?? 0)" else { return nil }
            return String(decoding: TestTools.bytes(hex: words[2]), as: UTF8.self)
        }
    }
}

/// A certificate for `localhost` and 127.0.0.1, and the authority to trust for it, made by the `openssl` command.
package struct TestCertificate: Sendable {
    package var certificate: String
    package var key: String
    package var authority: String

    /// Made once for all tests of a process.
    package static let good = Result { try make("good", names: "DNS:localhost,IP:127.0.0.1") }
    /// Good in itself, but for another host.
    package static let otherHost = Result { try make("other", names: "DNS:elsewhere.example") }
    /// Its own authority, which nobody knows.
    package static let selfSigned = Result { try makeSelfSigned() }
    /// Its last day is over.
    package static let expired = Result { try make("expired", names: "DNS:localhost", days: -1) }

    private static func makeSelfSigned() throws -> TestCertificate {
        let folder = try TestTools.makeFolder("tls-self-signed")
        let command = ["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
            + ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
            + ["-keyout", "\(folder)/server.key", "-out", "\(folder)/server.pem"]
        guard TestTools.run(command) == 0 else {
            throw ServerProcess.Failure.cannotStart("openssl cannot make a certificate")
        }
        let path = "\(folder)/server.pem"
        return TestCertificate(certificate: path, key: "\(folder)/server.key", authority: path)
    }

    private static func make(_ name: String, names: String, days: Int = 2) throws -> TestCertificate {
        let folder = try TestTools.makeFolder("tls-\(name)")
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        let commands = [
            ["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=Regards test authority"] + key
                + ["-keyout", "\(folder)/ca.key", "-out", "\(folder)/ca.pem"],
            ["openssl", "req", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"] + key
                + ["-keyout", "\(folder)/server.key", "-out", "\(folder)/server.csr"],
            ["openssl", "x509", "-req", "-days", "\(days)", "-in", "\(folder)/server.csr", "-copy_extensions", "copy"]
                + ["-CA", "\(folder)/ca.pem", "-CAkey", "\(folder)/ca.key", "-out", "\(folder)/server.pem"],
        ]
        for command in commands {
            guard TestTools.run(command) == 0 else {
                throw ServerProcess.Failure.cannotStart("openssl cannot make a certificate")
            }
        }
        return TestCertificate(
            certificate: "\(folder)/server.pem", key: "\(folder)/server.key", authority: "\(folder)/ca.pem")
    }
}
