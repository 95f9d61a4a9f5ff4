import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDelivery
import Synchronization

/// Gives a channel as much as it takes, until so many messages have ended.
final class Pump: Sendable {
    private struct Shared {
        var given = 0
        var ended = 0
        var failures: [String] = []
        var start = 0.0
        var end = 0.0
        var cpu = 0.0
    }

    private let channel: any Channel
    private let count: Int
    private let make: @Sendable (Int) -> Outgoing
    private let shared = Mutex(Shared())
    private let done = DispatchSemaphore(value: 0)

    init(_ channel: any Channel, count: Int, _ make: @escaping @Sendable (Int) -> Outgoing) {
        self.channel = channel
        self.count = count
        self.make = make
    }

    /// - Returns: messages in a second, and seconds of the processor for each thousand.
    func run() -> (rate: Double, cpu: Double) {
        let isOpen = DispatchSemaphore(value: 0)
        channel.whenStateChanges { state in
            if state == .ready { isOpen.signal(); self.fill() }
            if case .down(_, let detail) = state { fail("the channel is down: \(detail)") }
        }
        shared.withLock { $0.start = now(); $0.cpu = cpuSeconds() }
        channel.open()
        isOpen.wait()
        done.wait()
        let closed = DispatchSemaphore(value: 0)
        channel.close(grace: .seconds(1)) { closed.signal() }
        closed.wait()
        return shared.withLock { shared in
            if let failure = shared.failures.first { fail("\(shared.failures.count) messages failed: \(failure)") }
            return (Double(count) / (shared.end - shared.start), (cpuSeconds() - shared.cpu) / Double(count) * 1000)
        }
    }

    private func fill() {
        while let number = next() {
            channel.send(make(number)) { report in
                self.ended(report)
                self.fill()
            }
        }
    }

    private func next() -> Int? {
        let room = channel.capacity
        return shared.withLock { shared in
            guard shared.given < count, shared.given - shared.ended < room else { return nil }
            shared.given += 1
            return shared.given
        }
    }

    private func ended(_ report: AttemptReport) {
        let isLast = shared.withLock { shared in
            shared.ended += 1
            if report.outcome != .delivered { shared.failures.append(report.detail) }
            guard shared.ended == count else { return false }
            shared.end = now()
            return true
        }
        if isLast { done.signal() }
    }
}

/// The SMTP engine beside Postfix's own source, to two sinks, 4 KB messages.
enum ChannelPath {
    static let bodySize = 4096

    private static let message: [UInt8] = {
        let head = "Subject: Happy birthday\r\nMessage-ID: <1@shop.example>\r\n\r\n"
        let line = String(repeating: "x", count: 70) + "\r\n"
        return Array((head + String(repeating: line, count: (bodySize - head.utf8.count) / 72)).utf8)
    }()

    static func ours(_ sinks: [Sink], sessions: Int, count: Int) -> (rate: Double, cpu: Double) {
        let sender = address("shop@example.com")
        let each = max(1, sessions / sinks.count)
        let members = sinks.prefix(sessions).enumerated().map { index, sink in
            RelayGroup.Member(SMTPRelay(name: "sink-\(index)", settings: settings(sink.port, each)))
        }
        let group = RelayGroup(name: "bench", members: members, clock: { Instant(seconds: 0) })
        return Pump(group, count: count) { number in
            Outgoing(
                outreach: Int64(number),
                destination: .mailbox(Envelope(sender: sender, recipient: address("c\(number)@example.net"))),
                message: RenderedMessage(id: "\(number)@shop.example", bytes: message), attemptedAt: Instant(seconds: 0))
        }.run()
    }

    private static func settings(_ port: Int, _ sessions: Int) -> SMTPSettings {
        do {
            return try SMTPSettings(host: "127.0.0.1", port: port, security: .none, sessions: sessions)
        } catch {
            fail("\(error)")
        }
    }

    static func address(_ text: String) -> Address {
        do {
            return try Address(text)
        } catch {
            fail("\(text): \(error)")
        }
    }

    /// One source for each sink, at the same time, each with its share of sessions; connections are kept.
    static func postfix(_ source: String, _ sinks: [Sink], sessions: Int, count: Int) -> (rate: Double, cpu: Double) {
        let used = Array(sinks.prefix(sessions))
        let start = now()
        let sources = used.map { sink in
            Program(
                [source, "-d", "-s", "\(sessions / used.count)", "-m", "\(count / used.count)", "-l", "\(bodySize)",
                    "-f", "shop@example.com", "-t", "customer@example.net", "inet:127.0.0.1:\(sink.port)"],
                environment: Tools.libraries)
        }
        let usages = sources.map { $0?.wait() }
        let seconds = now() - start
        guard usages.allSatisfy({ $0?.status == 0 }) else { fail("smtp-source failed") }
        return (Double(count) / seconds, usages.reduce(0) { $0 + ($1?.seconds ?? 0) } / Double(count) * 1000)
    }

    static func run(source: String, sinks: [Sink], rounds: Int, count: Int) {
        print("\nchannel path, messages of \(bodySize) bytes to two smtp-sinks, \(count) a round, median of \(rounds) alternating rounds")
        print(pad("sessions", 10) + pad("Regards /s", 14) + pad("smtp-source /s", 16) + pad("ratio", 8) + pad("CPU s/1000", 14) + "its CPU")
        for sessions in [1, 8, 32, 100] {
            var (mine, theirs): ([Double], [Double]) = ([], [])
            var (cpu, theirCPU): ([Double], [Double]) = ([], [])
            for _ in 0..<rounds {
                let peer = postfix(source, sinks, sessions: sessions, count: sessions == 1 ? count / 4 : count)
                let own = ours(sinks, sessions: sessions, count: sessions == 1 ? count / 4 : count)
                mine.append(own.rate)
                theirs.append(peer.rate)
                cpu.append(own.cpu)
                theirCPU.append(peer.cpu)
            }
            print(
                pad("\(sessions)", 10) + pad("\(Int(median(mine))) ±\(noise(mine))%", 14)
                    + pad("\(Int(median(theirs))) ±\(noise(theirs))%", 16) + pad(round2(median(mine) / median(theirs)), 8)
                    + pad(round3(median(cpu)), 14) + round3(median(theirCPU)))
        }
    }
}
