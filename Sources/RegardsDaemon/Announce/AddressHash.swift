package import RegardsCore

/// Stands for a mailbox in the journal: the same mailbox always gives the same sixteen digits, and without the key
/// nobody can test whether an address is behind them.
package struct AddressHash: Sendable {
    private let key0: UInt64
    private let key1: UInt64

    /// The key belongs to one state directory; see `KeyFile`.
    package init(key: Key) {
        (key0, key1) = (key.first, key.second)
    }

    /// 128 secret bits.
    package struct Key: Sendable, CustomStringConvertible {
        let first: UInt64
        let second: UInt64

        package init(first: UInt64, second: UInt64) {
            self.first = first
            self.second = second
        }

        /// A key that nobody will know again, for commands that have no state directory.
        package static func random() -> Key {
            var generator = SystemRandomNumberGenerator()
            return Key(first: generator.next(), second: generator.next())
        }

        package var description: String { "(secret)" }

        /// 16 bytes for Message-IDs and tokens, the same at each start; the key cannot be told from them.
        package var salt: [UInt8] {
            [UInt8(0), 1].flatMap { part in
                var hash = StableHash(key0: first, key1: second)
                hash.add("salt")
                hash.add(byte: part)
                return withUnsafeBytes(of: hash.value().littleEndian, Array.init)
            }
        }
    }

    /// Sixteen hexadecimal digits; two spellings of one mailbox give the same ones.
    package func of(_ address: Address) -> String { digest(address.folded) }

    /// A customer id as it may be shown. Some databases use the mail address as id: such an id is hashed.
    package func customer(_ id: String) -> String { id.contains("@") ? digest(id.lowercased()) : id }

    private func digest(_ text: String) -> String {
        var hash = StableHash(key0: key0, key1: key1)
        hash.add(text)
        let digits = String(hash.value(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
