import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// Whole messages, byte for byte. After a wanted change, run once with REGARDS_RECORD=1 and read the difference.
@Suite struct GoldenTests {
    @Test(arguments: [("welcome", "en", "Luís"), ("welcome", "zh-CN", "王小明"), ("welcome", "en", nil), ("picture", "en", "Ana \"A\" O'Neil")] as [(String, String, String?)])
    func message(_ card: String, _ locale: String, _ name: String?) throws {
        let (loaded, mistakes) = CardLibrary.load(folder: Fixture.cards + "/library", needed: [])
        #expect(mistakes.isEmpty, "\(mistakes)")
        let library = try #require(loaded)
        let lisbon = try #require(ZoneCatalog().zone(named: "Europe/Lisbon"))
        var fields = Fixture.fields(["given_name": name, "name": name])
        fields.add(Fixture.business(zone: lisbon))
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "welcome")
        let header = Fixture.header(to: name ?? "", zone: lisbon)
        let bytes = try library.renderMail(card, locale: locale, fields: fields, header: header).bytes

        let file = Fixture.cards + "/golden/\(card).\(locale)\(name == nil ? ".nameless" : "").eml"
        if ProcessInfo.processInfo.environment["REGARDS_RECORD"] == "1" {
            try Data(bytes).write(to: URL(fileURLWithPath: file))
        }
        let expected = try #require(FileManager.default.contents(atPath: file), "no \(file)")
        #expect(bytes.text == [UInt8](expected).text)
        if let read = try PythonMail.read([bytes]) { #expect(read[0].defects.isEmpty && read[0].faults.isEmpty) }
    }
}
