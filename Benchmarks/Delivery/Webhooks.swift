import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDelivery

/// Signed webhooks beside wrk's bare requests, to one server that does nothing but answer.
enum Webhooks {
    private static let sessions = 32
    private static let body = "{\"type\":\"birthday\",\"data\":{\"customer\":\"17\",\"name\":\"" + String(repeating: "x", count: 400) + "\"}}"

    static func run(wrk: String?, rounds: Int, count: Int, folder: String) {
        let port = Tools.freePort()
        guard let server = Program(["/proc/self/exe", "http-sink", "\(port)"]) else { fail("cannot start the HTTP sink") }
        Tools.awaitListener(port)
        defer {
            server.stop()
            _ = server.wait()
        }
        print("\nwebhooks, \(body.utf8.count) bytes each, \(sessions) connections, \(count) a round, signed, median of \(rounds) alternating rounds")
        var (mine, theirs, cpu): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<rounds {
            if let wrk { theirs.append(requests(wrk, port, folder)) }
            let own = ours(port, count)
            mine.append(own.rate)
            cpu.append(own.cpu)
        }
        print("Regards \(Int(median(mine)))/s ±\(noise(mine))%, CPU \(round3(median(cpu))) s/1000")
        guard !theirs.isEmpty else { return print("SKIPPED: wrk is missing (scripts/install-deps bench)") }
        print("wrk     \(Int(median(theirs)))/s ±\(noise(theirs))%, unsigned; ratio \(round2(median(mine) / median(theirs)))")
    }

    private static func ours(_ port: Int, _ count: Int) -> (rate: Double, cpu: Double) {
        let settings: WebhookSettings
        do {
            let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")
            settings = try WebhookSettings(url: "http://127.0.0.1:\(port)/hook", secrets: [secret], sessions: sessions)
        } catch {
            fail("\(error)")
        }
        let bytes = Array(body.utf8)
        return Pump(WebhookEndpoint(name: "bench", settings: settings), count: count) { number in
            Outgoing(
                outreach: Int64(number), destination: .endpoint, message: RenderedMessage(id: "msg_\(number)", bytes: bytes),
                attemptedAt: Instant(seconds: 1_809_162_000))
        }.run()
    }

    private static func requests(_ wrk: String, _ port: Int, _ folder: String) -> Double {
        let script = folder + "/post.lua"
        write("wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = '\(body)'\n", to: script)
        let output = folder + "/wrk.txt"
        let arguments = [wrk, "-t1", "-c\(sessions)", "-d3s", "-s", script, "http://127.0.0.1:\(port)/hook"]
        guard let program = Program(arguments, output: output), program.wait().status == 0 else { fail("wrk failed") }
        let line = text(of: output).split(separator: "\n").first { $0.hasPrefix("Requests/sec:") }
        guard let rate = line?.split(separator: " ").last.flatMap({ Double($0) }) else { fail("wrk said nothing") }
        return rate
    }
}

/// Answers every request with 204, on one thread.
struct HTTPSink {
    private static let answer = Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)

    static func run(port: Int) -> Never {
        signal(SIGPIPE, SIG_IGN)
        let listener = listen(port)
        var descriptors = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        var pending: [Int32: [UInt8]] = [:]
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            _ = poll(&descriptors, nfds_t(descriptors.count), -1)
            for index in descriptors.indices.reversed() where descriptors[index].revents != 0 {
                if index == 0 {
                    let connection = accept(listener, nil, nil)
                    var one: Int32 = 1
                    setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                    descriptors.append(pollfd(fd: connection, events: Int16(POLLIN), revents: 0))
                    continue
                }
                let connection = descriptors[index].fd
                let count = read(connection, &buffer, buffer.count)
                guard count > 0 else {
                    close(connection)
                    pending[connection] = nil
                    descriptors.remove(at: index)
                    continue
                }
                pending[connection, default: []] += buffer[..<count]
                while let length = requestLength(pending[connection] ?? []) {
                    pending[connection]?.removeFirst(length)
                    _ = answer.withUnsafeBytes { Glibc.write(connection, $0.baseAddress, $0.count) }
                }
            }
        }
    }

    /// Of the first request with its body; nil while it is not complete.
    private static func requestLength(_ bytes: [UInt8]) -> Int? {
        guard bytes.count > 4 else { return nil }
        guard let end = place(of: blankLine, in: bytes, from: 0) else { return nil }
        let head = end + blankLine.count
        // Both clients write the name as it stands in the standard.
        guard let field = place(of: lengthField, in: bytes, from: 0), field < head else { return head }
        let digits = bytes[(field + lengthField.count)...].prefix { (0x30...0x39).contains($0) }
        let length = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return head + length <= bytes.count ? head + length : nil
    }

    private static let blankLine = Array("\r\n\r\n".utf8)
    private static let lengthField = Array("Content-Length: ".utf8)

    private static func place(of wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + wanted.count <= bytes.count {
            if bytes[index] == wanted[0], bytes[index..<index + wanted.count].elementsEqual(wanted) { return index }
            index += 1
        }
        return nil
    }

    private static func listen(_ port: Int) -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0, Glibc.listen(listener, 256) == 0 else { fail("cannot listen at \(port)") }
        return listener
    }
}
