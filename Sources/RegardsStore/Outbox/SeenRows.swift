/// A set of row ids, one bit each. Rows planned on one day have neighbouring ids, so a million of them take about
/// 125 KB; that is all the memory a planning pass needs to notice what it did not meet.
struct SeenRows {
    private static let wordsPerChunk = 64
    private var chunks: [Int64: [UInt64]] = [:]

    mutating func insert(_ id: Int64) {
        let bit = Int(id & 63)
        let word = Int(id >> 6) & (Self.wordsPerChunk - 1)
        chunks[id >> 12, default: Array(repeating: 0, count: Self.wordsPerChunk)][word] |= 1 << UInt64(bit)
    }

    func contains(_ id: Int64) -> Bool {
        guard let chunk = chunks[id >> 12] else { return false }
        return chunk[Int(id >> 6) & (Self.wordsPerChunk - 1)] >> UInt64(id & 63) & 1 == 1
    }
}
