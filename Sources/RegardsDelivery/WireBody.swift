/// A message as it goes over the wire after DATA: pure CR LF line ends, leading dots doubled (RFC 5321 4.5.2), final
/// dot included.
///
/// Messages come with CR LF already. A lone CR or LF would be a mistake of ours, and the way by which text smuggles
/// commands past relays that accept such ends (`LF.LF`), so both become CR LF here, always.
struct WireBody: Sendable {
    let bytes: [UInt8]
    /// Bytes of the message itself, for SIZE (RFC 1870): without doubled dots and without the final dot.
    let messageSize: Int
    let hasEightBit: Bool

    init(_ message: [UInt8]) {
        var wire: [UInt8] = []
        wire.reserveCapacity(message.count + message.count / 16 + 8)
        var size = 0
        var eightBit: UInt8 = 0
        var atLineStart = true
        var index = message.startIndex
        while index < message.endIndex {
            let byte = message[index]
            index += 1
            eightBit |= byte
            switch byte {
            case 0x0d, 0x0a:
                if byte == 0x0d, index < message.endIndex, message[index] == 0x0a { index += 1 }
                wire.append(0x0d)
                wire.append(0x0a)
                size += 2
                atLineStart = true
            default:
                if atLineStart, byte == 0x2e { wire.append(0x2e) }
                wire.append(byte)
                size += 1
                atLineStart = false
            }
        }
        if !atLineStart {
            wire.append(0x0d)
            wire.append(0x0a)
            size += 2
        }
        wire.append(contentsOf: [0x2e, 0x0d, 0x0a])
        bytes = wire
        messageSize = size
        hasEightBit = eightBit & 0x80 != 0
    }
}
