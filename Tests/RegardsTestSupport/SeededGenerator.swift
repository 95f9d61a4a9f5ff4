import Glibc

/// Random numbers that can be drawn again: SplitMix64, the same on every machine.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// For one test, with `seed(_:)`.
    package init(_ test: String = #function) { self.init(seed: SeededGenerator.seed(test)) }

    /// What `REGARDS_SEED` says, else a new one; printed either way, so that a run can be repeated.
    package static func seed(_ test: String = #function) -> UInt64 {
        let given = getenv("REGARDS_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? UInt64.random(in: .min ... .max)
        print("\(test): REGARDS_SEED=\(seed)")
        return seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// From 0 to one less than the bound, which is positive.
    package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// One of them; they are not empty.
    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
