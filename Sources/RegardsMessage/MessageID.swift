package import RegardsCore

/// Message-IDs and idempotency keys.
package enum MessageID {
    /// The same for every attempt of one outreach, so that a message sent twice can be known as one. It reveals
    /// neither customer nor rule to whoever lacks the salt.
    ///
    /// - Parameters:
    ///   - salt: random bytes of this installation, kept with its state.
    ///   - domain: of the sending address.
    /// - Returns: an id without angle brackets (RFC 5322 3.6.4), 40 hexadecimal digits before the `@`.
    package static func make(for key: OutreachKey, salt: [UInt8], domain: some StringProtocol) -> String {
        digits(for: key, salt: salt) + "@" + domain
    }

    /// The id of a webhook's message (Standard Webhooks' `webhook-id`).
    package static func webhook(for key: OutreachKey, salt: [UInt8]) -> String { "msg_" + digits(for: key, salt: salt) }

    private static func digits(for key: OutreachKey, salt: [UInt8]) -> String {
        var bytes: [UInt8] = Array("regards/message-id/1".utf8)
        for part in [key.customer, key.rule, key.occasion, key.step, key.recipient] {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            withUnsafeBytes(of: UInt32(part.utf8.count).bigEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part.utf8)
        }
        return Digest.hex(Digest.hmacSHA256(key: salt, bytes).prefix(20))
    }
}
