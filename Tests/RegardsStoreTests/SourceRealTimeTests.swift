import Dispatch
import Foundation
import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsStore

/// What is promised in milliseconds and in bytes. The test command runs this suite by itself, after all others, as it
/// does `RealTimeTests`: beside other tests a figure would say nothing.
@Suite(.serialized) struct SourceRealTimeTests {
    /// A writer that waits half a second at most commits all through a pass over 100,000 customers.
    @Test(arguments: ["DELETE", "WAL"])
    func aWriterNeverFailsDuringAFullPass(_ journal: String) throws {
        let shop = try Shop(SourceScanTests.manyCustomers(100_000), journal: journal)
        let source = try shop.source()
        let isDone = Mutex(false)
        let written = Mutex(0)
        let failure = Mutex<String?>(nil)
        let writer = DispatchQueue(label: "writer")
        let ready = DispatchSemaphore(value: 0)
        writer.async {
            do {
                var configuration = Configuration()
                configuration.busyMode = .timeout(0.5)
                let queue = try DatabaseQueue(path: shop.path, configuration: configuration)
                repeat {
                    try queue.write { try $0.execute(sql: "UPDATE customers SET total = total + 1 WHERE id = 77777") }
                    written.withLock { $0 += 1 }
                    ready.signal()
                } while !isDone.withLock { $0 }
            } catch { failure.withLock { $0 = "\(error)" } }
        }
        #expect(ready.wait(timeout: .now() + .seconds(FailureGuard.seconds)) == .success)
        let report = try source.forEachPage(size: 5000) { _ in }
        isDone.withLock { $0 = true }
        writer.sync {}
        #expect(failure.withLock { $0 } == nil)
        #expect(written.withLock { $0 } > 1)
        #expect(report.rows == 100_000)
        #expect(report.longestRead < TimeSpan(microseconds: 250_000))
    }

    @Test func memoryDoesNotGrowWithTheCustomers() throws {
        let shop = try Shop(SourceScanTests.manyCustomers(200_000))
        let source = try shop.source()
        try source.forEachPage(size: 1000) { _ in }
        var largest = 0
        let before = try Self.residentBytes()
        try source.forEachPage(size: 1000) { _ in largest = max(largest, try Self.residentBytes() - before) }
        // 200,000 customers kept would take 60 MB and more.
        #expect(largest < 40_000_000, "\(largest)")
    }

    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        guard let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { throw Failure(text) }
        return pages * 4096
    }
}
