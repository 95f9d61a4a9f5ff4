import CCurl
import Glibc

/// An address that a connection is about to go to, and whether it belongs to the public internet.
struct NetworkPlace: Hashable, Sendable, CustomStringConvertible {
    /// Four bytes for IPv4, sixteen for IPv6, none for anything else.
    private let bytes: [UInt8]

    init(_ address: UnsafeMutablePointer<curl_sockaddr>) {
        let offset = MemoryLayout<curl_sockaddr>.offset(of: \curl_sockaddr.addr) ?? 0
        let raw = UnsafeRawPointer(address) + offset
        switch address.pointee.family {
        case AF_INET:
            bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
        case AF_INET6:
            bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
        default:
            bytes = []
        }
    }

    /// nil for text that is no literal address.
    init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            bytes = withUnsafeBytes(of: six) { Array($0) }
        } else {
            return nil
        }
    }

    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else {
            return "an unknown address"
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The IPv4 address itself, or the one inside an IPv6 address that leads to it: mapped (::ffff:0:0/96), translated
    /// (64:ff9b::/96, RFC 6052), 6to4 (2002::/16).
    private var four: ArraySlice<UInt8>? {
        if bytes.count == 4 { return bytes[...] }
        guard bytes.count == 16 else { return nil }
        if bytes[..<12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] { return bytes[12...] }
        if bytes[..<12] == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0] { return bytes[12...] }
        if bytes[..<2] == [0x20, 0x02] { return bytes[2..<6] }
        return nil
    }

    var isLoopback: Bool {
        if let four { return four.first == 127 }
        return bytes.count == 16 && bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    /// True for everything the IANA special-purpose registries (RFC 6890) keep off the public internet: private,
    /// link-local (with the metadata services of clouds), loopback, shared, multicast, reserved.
    var isSpecial: Bool {
        if let four { return Self.isSpecial(Array(four)) }
        guard bytes.count == 16 else { return true }
        // Only 2000::/3 is handed out as public. Inside it the protocols' own 2001::/23 (with Teredo and benchmarks) is not,
        // nor is what stands in documents: 2001:db8::/32 and 3fff::/20 (RFC 9637).
        guard bytes[0] & 0xe0 == 0x20 else { return true }
        return bytes[..<2] == [0x20, 0x01] && bytes[2] < 2 || bytes[..<4] == [0x20, 0x01, 0x0d, 0xb8]
            || bytes[..<2] == [0x3f, 0xff] && bytes[2] < 0x10
    }

    private static func isSpecial(_ four: [UInt8]) -> Bool {
        switch (four[0], four[1], four[2]) {
        case (0, _, _), (10, _, _), (127, _, _), (224..., _, _): true
        case (100, 64...127, _), (169, 254, _), (172, 16...31, _), (192, 168, _), (198, 18...19, _): true
        case (192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 51, 100), (203, 0, 113): true
        default: false
        }
    }
}
