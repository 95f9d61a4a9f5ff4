/// SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, 2012) under a fixed key: the same bytes give the same number
/// at every start, on every machine and in every release. Stored data depends on it (rule hashes, spread,
/// samples), so its test vectors are law.
package struct StableHash {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    private var tail: UInt64 = 0
    private var count: UInt64 = 0

    /// The key spells `regards/stable/1` in ASCII.
    package init() { self.init(key0: 0x2f73_6472_6167_6572, key1: 0x312f_656c_6261_7473) }

    package init(key0: UInt64, key1: UInt64) {
        v0 = key0 ^ 0x736f_6d65_7073_6575
        v1 = key1 ^ 0x646f_7261_6e64_6f6d
        v2 = key0 ^ 0x6c79_6765_6e65_7261
        v3 = key1 ^ 0x7465_6462_7974_6573
    }

    package mutating func add(byte: UInt8) {
        tail |= UInt64(byte) << ((count & 7) * 8)
        count += 1
        if count & 7 == 0 {
            compress(tail)
            tail = 0
        }
    }

    /// Adds the text's UTF-8 and a zero byte, so that ("ab", "c") differs from ("a", "bc").
    package mutating func add(_ text: some StringProtocol) {
        for byte in text.utf8 { add(byte: byte) }
        add(byte: 0)
    }

    package consuming func value() -> UInt64 {
        var state = self
        state.compress(state.tail | (state.count & 0xff) << 56)
        state.v2 ^= 0xff
        for _ in 0..<4 { state.round() }
        return state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    }

    package static func of(_ parts: String...) -> UInt64 {
        var hash = StableHash()
        for part in parts { hash.add(part) }
        return hash.value()
    }

    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }
}
