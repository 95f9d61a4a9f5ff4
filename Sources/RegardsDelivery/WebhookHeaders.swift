import CCurl
import Glibc
import RegardsCore

/// The headers of a request as libcurl wants them, a list of lines. Those that are the same for every request are made
/// once; those that are not are written into memory that the next request uses again. Owned by one thread.
final class WebhookHeaders {
    /// The lines that are the same for every request of an endpoint.
    final class Fixed {
        fileprivate let list: UnsafeMutablePointer<curl_slist>?

        init(_ settings: WebhookSettings) {
            // Without the last of these libcurl waits for "100 Continue" before a long body.
            let lines = ["Content-Type: application/json", "User-Agent: Regards", "Expect:"]
                + settings.headers.map { "\($0.name): \($0.value.reveal)" }
            list = lines.reduce(nil) { curl_slist_append($0, $1) }
        }

        deinit { curl_slist_free_all(list) }
    }

    private static let lineCount = 3
    private let fixed: Fixed
    private let nodes = UnsafeMutablePointer<curl_slist>.allocate(capacity: lineCount)
    private var text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 512)

    init(_ fixed: Fixed) {
        self.fixed = fixed
        nodes.initialize(repeating: curl_slist(), count: Self.lineCount)
    }

    deinit {
        nodes.deallocate()
        text.deallocate()
    }

    /// What libcurl reads from until the request has ended.
    var list: UnsafeMutablePointer<curl_slist> { nodes }

    /// Writes the lines of one request.
    /// - Parameter signatures: separated by spaces; empty for none.
    func write(id: [UInt8], timestamp: [UInt8], signatures: [UInt8]) {
        var lines: [(StaticString, [UInt8])] = [("webhook-id: ", id), ("webhook-timestamp: ", timestamp)]
        if !signatures.isEmpty { lines.append(("webhook-signature: ", signatures)) }
        let needed = lines.reduce(0) { $0 + $1.0.utf8CodeUnitCount + $1.1.count + 1 }
        if needed > text.count {
            text.deallocate()
            text = .allocate(capacity: needed * 2)
        }
        var end = 0
        for (number, line) in lines.enumerated() {
            let start = end
            end = put(UnsafeBufferPointer(start: line.0.utf8Start, count: line.0.utf8CodeUnitCount), at: end)
            end = line.1.withUnsafeBufferPointer { put($0, at: end) }
            text[end] = 0
            end += 1
            nodes[number].data = text.baseAddress.map { UnsafeMutableRawPointer($0 + start).assumingMemoryBound(to: CChar.self) }
            nodes[number].next = number + 1 < lines.count ? nodes + number + 1 : fixed.list
        }
    }

    /// - Returns: where it ends.
    private func put(_ bytes: UnsafeBufferPointer<UInt8>, at place: Int) -> Int {
        _ = UnsafeMutableBufferPointer(rebasing: text[place...]).update(fromContentsOf: bytes)
        return place + bytes.count
    }
}
