import CCrypto
import RegardsCore

/// A signing key of Standard Webhooks: `whsec_` and base64.
struct WebhookKey: Sendable {
    fileprivate let bytes: [UInt8]

    /// - Throws: `SettingsError` that does not repeat the secret.
    init(_ secret: Secret) throws(SettingsError) {
        let prefix = "whsec_"
        guard secret.reveal.hasPrefix(prefix), let bytes = Base64.decode(secret.reveal.dropFirst(prefix.count)) else {
            throw SettingsError("secret", "expected whsec_ and base64, as in `echo whsec_$(openssl rand -base64 32)`")
        }
        guard (24...64).contains(bytes.count) else {
            throw SettingsError("secret", "expected a key of 24 to 64 bytes, got \(bytes.count)")
        }
        self.bytes = bytes
    }
}

/// Signs with one key, again and again: OpenSSL takes longer to look its algorithms up than to compute them. Owned by
/// one thread.
final class WebhookSigner {
    private static let version = Array("v1,".utf8)
    private let context: OpaquePointer

    /// - Returns: nil when OpenSSL has no memory or no HMAC with SHA-256.
    init?(_ key: WebhookKey) {
        guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
        defer { EVP_MAC_free(algorithm) }
        guard let context = EVP_MAC_CTX_new(algorithm) else { return nil }
        self.context = context
        var digest = Array("SHA256".utf8CString)
        let isReady = digest.withUnsafeMutableBufferPointer { digest in
            let parameters = [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.baseAddress, 0), OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(context, key.bytes, key.bytes.count, parameters) == 1
        }
        guard isReady else { return nil }
    }

    deinit { EVP_MAC_CTX_free(context) }

    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    /// - Parameter head: `id.timestamp.`.
    /// - Returns: nil when OpenSSL fails.
    func signature(head: [UInt8], body: [UInt8]) -> [UInt8]? {
        var code = [UInt8](repeating: 0, count: 32)
        var count = 0
        // Without a key it begins anew with the one it has.
        guard EVP_MAC_init(context, nil, 0, nil) == 1, EVP_MAC_update(context, head, head.count) == 1,
            EVP_MAC_update(context, body, body.count) == 1, EVP_MAC_final(context, &code, &count, code.count) == 1,
            count == code.count
        else { return nil }
        return Base64.bytes(code, after: Self.version)
    }
}

enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String { String(decoding: self.bytes(bytes, after: []), as: UTF8.self) }

    /// - Returns: `start`, and after it the text of `bytes`.
    static func bytes(_ bytes: [UInt8], after start: [UInt8]) -> [UInt8] {
        // OpenSSL ends what it writes with a zero.
        [UInt8](unsafeUninitializedCapacity: start.count + (bytes.count + 2) / 3 * 4 + 1) { text, count in
            count = text.update(fromContentsOf: start)
            count += Int(EVP_EncodeBlock(text.baseAddress.map { $0 + count }, bytes, Int32(bytes.count)))
        }
    }

    /// nil for anything but whole groups of the standard alphabet with its padding.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let input = Array(text.utf8)
        guard !input.isEmpty, input.count % 4 == 0 else { return nil }
        let padding = input.suffix(2).count { $0 == UInt8(ascii: "=") }
        let isPaddedInside = input.dropLast(padding).contains(UInt8(ascii: "="))
        guard !isPaddedInside, !input.contains(where: { $0 <= 0x20 }) else { return nil }
        var bytes = [UInt8](repeating: 0, count: input.count / 4 * 3)
        let count = EVP_DecodeBlock(&bytes, input, Int32(input.count))
        guard count >= 0 else { return nil }
        return Array(bytes.prefix(Int(count) - padding))
    }
}
