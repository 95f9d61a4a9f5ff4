import CCrypto
import RegardsCore

/// A signing key of Standard Webhooks: `whsec_` and base64.
struct WebhookKey: Sendable {
    private let bytes: [UInt8]

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

    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        let content = Array("\(id).\(timestamp).".utf8) + body
        var code = [UInt8](repeating: 0, count: 32)
        HMAC(EVP_sha256(), bytes, Int32(bytes.count), content, content.count, &code, nil)
        return "v1," + Base64.encode(code)
    }
}

enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
        return String(decoding: text.prefix(Int(count)), as: UTF8.self)
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
