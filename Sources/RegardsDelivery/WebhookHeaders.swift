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
    private var text = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 1)
    private var end = 0

    init(_ fixed: Fixed) {
        self.fixed = fixed
        nodes.initialize(repeating: curl_slist(), count: Self.lineCount)
    }

    deinit {
        nodes.deallocate()
        text.deallocate()
    }

    /// What libcurl reads from until the request has ended; its address never changes.
    var list: UnsafeMutablePointer<curl_slist> { nodes }

    /// Writes the lines of one request.
    /// - Parameter signatures: separated by spaces; empty for none.
    func write(id: String, timestamp: String, signatures: [UInt8]) {
        // The names of the lines and their ends take less than 64 bytes.
        makeRoom(64 + id.utf8.count + timestamp.utf8.count + signatures.count)
        end = 0
        put("webhook-id: ", id.utf8, at: 0, next: nodes + 1)
        put("webhook-timestamp: ", timestamp.utf8, at: 1, next: signatures.isEmpty ? fixed.list : nodes + 2)
        if !signatures.isEmpty { put("webhook-signature: ", signatures, at: 2, next: fixed.list) }
    }

    private func makeRoom(_ count: Int) {
        guard count > text.count else { return }
        text.deallocate()
        text = .allocate(byteCount: count * 2, alignment: 1)
    }

    private func put(_ name: StaticString, _ value: some Collection<UInt8>, at number: Int, next: UnsafeMutablePointer<curl_slist>?) {
        let start = end
        append(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        append(value)
        append(CollectionOfOne(0))
        nodes[number] = curl_slist(data: text.baseAddress.map { ($0 + start).assumingMemoryBound(to: CChar.self) }, next: next)
    }

    private func append(_ bytes: some Collection<UInt8>) {
        UnsafeMutableRawBufferPointer(rebasing: text[end...]).copyBytes(from: bytes)
        end += bytes.count
    }
}
