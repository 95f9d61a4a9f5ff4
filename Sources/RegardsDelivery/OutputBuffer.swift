/// Bytes on their way out at an address that does not move while part of them is pending: OpenSSL wants a write that
/// was cut short repeated with the same bytes at the same place.
struct OutputBuffer: ~Copyable {
    private static let usualSize = 16 * 1024
    /// A buffer that a large message made larger than this is given back after it.
    private static let keptSize = 256 * 1024

    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: usualSize, alignment: 16)
    private var start = 0
    private var end = 0
    /// Where the message ends whose final dot is looked for.
    private var mark = 0

    init() {}
    deinit { memory.deallocate() }

    var isEmpty: Bool { start == end }
    var capacity: Int { memory.count }
    /// - Parameter stopsAtMark: what stands behind the mark only when all before it was sent. OpenSSL says of one write
    ///   only whether all of it went: the final dot could be gone while the commands behind it wait.
    func pending(stopsAtMark: Bool) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[start..<(stopsAtMark && start < mark ? mark : end)])
    }
    /// True when all bytes up to the mark were sent.
    var isPastMark: Bool { start >= mark }

    /// Drops what is still pending, which only a session does that is ending.
    mutating func clear() {
        (start, end, mark) = (0, 0, 0)
    }

    /// Makes room for so many bytes in an empty buffer, so that they can be put into it without moving it.
    mutating func reserve(_ count: Int) {
        guard isEmpty else { return }
        clear()
        guard count > memory.count || memory.count > Self.keptSize else { return }
        memory.deallocate()
        memory = .allocate(byteCount: max(count, Self.usualSize), alignment: 16)
    }

    /// Adds bytes, while nothing of what is there has been sent.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        if end + bytes.count > memory.count { grow(end + bytes.count) }
        UnsafeMutableRawBufferPointer(rebasing: memory[end...]).copyMemory(from: bytes)
        end += bytes.count
    }

    mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// The message whose final dot is looked for ends here.
    mutating func setMark() { mark = end }

    mutating func taken(_ count: Int) {
        start += count
    }

    private mutating func grow(_ count: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 2, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<end]))
        memory.deallocate()
        memory = larger
    }
}
