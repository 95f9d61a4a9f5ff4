import RegardsCore

/// The bytes of one file, checked and made safe for libyaml.
///
/// Characters that libyaml would act on in a way Regards does not want are exchanged for noncharacters
/// (U+FDD0 to U+FDEF, which no text may contain) one for one, so that columns stay right, and are put back
/// into the values afterwards:
/// - `*`, because Yams resolves aliases itself: a few lines would grow to billions of nodes;
/// - `?`, and `:` after `]` or `}`, which make a list or a mapping into a key: Yams compares keys by all they hold,
///   which takes minutes where they nest;
/// - NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR, which libyaml counts as line ends and editors do not;
/// - a byte order mark inside the text, which libyaml drops at the start of a line.
struct SourceText {
    static let maximumBytes = 1 << 20

    let text: String

    /// - Throws: `Flaw` for a file that is too large, is not UTF-8 or holds a control character.
    init(bytes: [UInt8], file: String) throws(Flaw) {
        guard bytes.count <= SourceText.maximumBytes else {
            throw Flaw(.fileTooLarge, at: Place(file: file, line: 0, column: 0))
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Flaw(.notUTF8, at: SourceText.firstInvalid(bytes, file: file))
        }
        var scan = Scan(bytes: bytes, file: file)
        text = try scan.run()
    }

    /// Puts the exchanged characters back.
    static func restore(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { Stand.all.contains($0.value) }) else { return text }
        var restored = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { restored.append(Stand.original(of: scalar)) }
        return String(restored)
    }

    private static func firstInvalid(_ bytes: [UInt8], file: String) -> Place {
        var place = Place(file: file, line: 1, column: 1)
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" {
                place.line += 1
                place.column = 1
            } else {
                place.column += 1
            }
        }
        return place
    }
}

/// The noncharacters that stand for others while libyaml reads, by their code points.
enum Stand {
    static let all: ClosedRange<UInt32> = 0xFDD0...0xFDEF
    static let star: UInt32 = 0xFDD0
    /// Those that hide one letter of a repeated key; see `YAMLComposer`.
    static let hidden: Range<UInt32> = 0xFDE0..<0xFDE8
    static let question: UInt32 = 0xFDD5
    static let colon: UInt32 = 0xFDD6

    private static let originals: [UInt32] = [0x2A, 0x85, 0x2028, 0x2029, 0xFEFF, 0x3F, 0x3A]

    static func stand(for code: UInt32) -> UInt32? {
        originals.firstIndex(of: code).map { star + UInt32($0) }
    }

    static func original(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        let index = Int(scalar.value) - Int(star)
        return originals.indices.contains(index) ? Unicode.Scalar(originals[index]) ?? scalar : scalar
    }
}

/// One pass over valid UTF-8. Works on bytes: a file of a mebibyte takes milliseconds.
private struct Scan {
    let bytes: [UInt8]
    var place: Place
    var index: Int
    var output: [UInt8] = []
    /// The last character of this line that is no blank.
    private var before: UInt8 = 0

    init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        place = Place(file: file, line: 1, column: 1)
        index = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        output.reserveCapacity(bytes.count + 64)
    }

    mutating func run() throws(Flaw) -> String {
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"): endLine()
            case UInt8(ascii: "*"): append(Stand.star, length: 1)
            case UInt8(ascii: "?"): append(Stand.question, length: 1)
            case UInt8(ascii: ":") where before == UInt8(ascii: "]") || before == UInt8(ascii: "}"):
                append(Stand.colon, length: 1)
            case UInt8(ascii: "%") where place.column == 1: throw Flaw(.directive, at: place)
            case 0x20..<0x7F, UInt8(ascii: "\t"):
                output.append(byte)
                index += 1
                place.column += 1
                if byte > 0x20 { before = byte }
            case ..<0x80: throw Flaw(.controlCharacter(UInt32(byte)), at: place)
            default: try appendWide(lead: byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private mutating func endLine() {
        let isPair = bytes[index] == UInt8(ascii: "\r") && index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\n")
        index += isPair ? 2 : 1
        output.append(UInt8(ascii: "\n"))
        place.line += 1
        place.column = 1
        before = 0
    }

    private mutating func appendWide(lead: UInt8) throws(Flaw) {
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        var scalar = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length { scalar = scalar << 6 | UInt32(bytes[index + offset] & 0x3F) }
        let isNoncharacter = Stand.all.contains(scalar) || scalar & 0xFFFE == 0xFFFE
        guard !isNoncharacter, scalar > 0x9F || scalar == 0x85 else { throw Flaw(.controlCharacter(scalar), at: place) }
        append(Stand.stand(for: scalar) ?? scalar, length: length)
    }

    private mutating func append(_ scalar: UInt32, length: Int) {
        if let encoded = Unicode.Scalar(scalar).flatMap(UTF8.encode) { output += encoded }
        index += length
        place.column += 1
        before = 0
    }
}
