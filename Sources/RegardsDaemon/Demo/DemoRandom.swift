/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, 2014): small, and the same numbers on every machine and in every
/// release, which the standard library's generator does not promise.
struct DemoRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// Below `bound`, which is at least 1. Own code and not `Int.random(in:)`, whose use of the generator may change
    /// with the standard library.
    mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    mutating func between(_ low: Int, _ high: Int) -> Int { low + below(high - low + 1) }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
}
