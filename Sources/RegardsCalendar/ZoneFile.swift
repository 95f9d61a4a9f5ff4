/// Reads one compiled zone file, TZif versions 1 to 4 (RFC 9636; man page tzfile(5)).
///
/// Files whose times count leap seconds (the "right/" trees) are refused: the rest of the world,
/// and every other time here, counts POSIX seconds.
struct ZoneFile {
    /// Seconds since 1970 at which `offsets[i + 1]` begins; strictly ascending.
    var transitions: [Int64] = []
    /// Seconds east of UTC; one more than `transitions`.
    var offsets: [Int32] = []
    /// How the zone continues after the last transition; nil keeps the last offset.
    var rule: PosixZoneRule?

    /// nil when the bytes are no complete and consistent TZif file.
    init?(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        guard var header = Header(&reader) else { return nil }
        if header.version >= 2 {
            // The first block holds 32-bit times for old readers; the second repeats it with 64 bits.
            guard reader.skip(header.length(timeSize: 4)), let second = Header(&reader) else { return nil }
            header = second
        }
        guard header.leapCount == 0, readBlock(header, timeSize: header.version >= 2 ? 8 : 4, &reader) else {
            return nil
        }
        if header.version >= 2 {
            guard let text = reader.footer() else { return nil }
            if !text.isEmpty {
                guard let rule = PosixZoneRule(text) else { return nil }
                self.rule = rule
            }
        }
    }

    /// A zone that knows nothing but a rule.
    init(rule: PosixZoneRule) {
        self.rule = rule
        offsets = [Int32(rule.standardOffset)]
    }

    private mutating func readBlock(_ header: Header, timeSize: Int, _ reader: inout Reader) -> Bool {
        var times: [Int64] = []
        for _ in 0..<header.timeCount {
            guard let time = timeSize == 8 ? reader.int64() : reader.int32().map(Int64.init) else { return false }
            if let last = times.last, time <= last { return false }
            times.append(time)
        }
        guard let indexes = reader.take(header.timeCount),
            let types = reader.types(header.typeCount),
            reader.skip(header.charCount + header.standardCount + header.utCount),
            indexes.allSatisfy({ Int($0) < types.count })
        else { return false }
        offsets = [types[0]]
        for (time, index) in zip(times, indexes) {
            extend(time, types[Int(index)])
        }
        return true
    }

    /// Appends a period. A change of name or of the daylight flag alone is no transition for us.
    mutating func extend(_ time: Int64, _ offset: Int32) {
        // Daylight time all year is written as an end that is also the next start.
        if time == transitions.last {
            transitions.removeLast()
            offsets.removeLast()
        }
        guard offset != offsets.last else { return }
        transitions.append(time)
        offsets.append(offset)
    }

    private struct Header {
        var version: Int
        var utCount, standardCount, leapCount, timeCount, typeCount, charCount: Int

        init?(_ reader: inout Reader) {
            guard reader.take(4) == Array("TZif".utf8)[...], let version = reader.take(1)?.first, reader.skip(15) else {
                return nil
            }
            self.version = version == 0 ? 1 : Int(version) - Int(UInt8(ascii: "0"))
            var counts: [Int] = []
            for _ in 0..<6 {
                // No real file comes near the limit; it keeps sums far from overflow.
                guard let count = reader.int32(), (0...100_000).contains(count) else { return nil }
                counts.append(Int(count))
            }
            (utCount, standardCount, leapCount) = (counts[0], counts[1], counts[2])
            (timeCount, typeCount, charCount) = (counts[3], counts[4], counts[5])
            guard (1...9).contains(self.version), typeCount > 0, utCount == 0 || utCount == typeCount,
                standardCount == 0 || standardCount == typeCount
            else { return nil }
        }

        func length(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + charCount + leapCount * (timeSize + 4) + standardCount
                + utCount
        }
    }

    /// Big-endian reads that answer nil past the end.
    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count <= bytes.count - position else { return nil }
            defer { position += count }
            return bytes[position..<position + count]
        }

        mutating func skip(_ count: Int) -> Bool { take(count) != nil }

        mutating func int32() -> Int32? {
            take(4).map { Int32(bitPattern: $0.reduce(0) { $0 << 8 | UInt32($1) }) }
        }

        mutating func int64() -> Int64? {
            take(8).map { Int64(bitPattern: $0.reduce(0) { $0 << 8 | UInt64($1) }) }
        }

        /// Offsets of the local time types; their daylight flag and name are not needed.
        mutating func types(_ count: Int) -> [Int32]? {
            var offsets: [Int32] = []
            for _ in 0..<count {
                // RFC 9636 asks for -24:59:59 to 25:59:59.
                guard let offset = int32(), (-89_999...93_599).contains(offset), skip(2) else { return nil }
                offsets.append(offset)
            }
            return offsets
        }

        /// The text between the two newlines that close a file of version 2 or later.
        mutating func footer() -> String? {
            guard take(1)?.first == UInt8(ascii: "\n"),
                let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n"))
            else { return nil }
            return String(decoding: bytes[position..<end], as: UTF8.self)
        }
    }
}
