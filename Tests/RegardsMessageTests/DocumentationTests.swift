import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// docs/cards.md, read as an operator would copy from it.
@Suite struct DocumentationTests {
    /// Code blocks whose first line names a file.
    private func snippets() throws -> [String: String] {
        let text = try String(contentsOfFile: Fixture.root + "/docs/cards.md", encoding: .utf8)
        var files: [String: String] = [:]
        var name: Substring?
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```" {
                if let name { files[String(name)] = lines.joined(separator: "\n") + "\n" }
                name = nil
            } else if line.hasPrefix("```"), let space = line.firstIndex(of: " ") {
                name = line[line.index(after: space)...]
                lines = []
            } else if name != nil {
                lines.append(line)
            }
        }
        return files
    }

    @Test func everySnippetIsACard() throws {
        let files = try snippets()
        #expect(
            files.keys.sorted() == [
                "birthday.html", "greeting.html", "partials/footer.html", "partials/footer.txt", "partials/frame.html", "ping.json",
                "thanks.html", "thanks.txt",
            ])
        let folder = try CardFolderFixture(files)
        #expect(folder.mistakes() == [])
        let library = try folder.library()
        var fields = Fixture.fields(["given_name": nil])
        fields.add(Fixture.business())
        fields.add(Contact(name: "Mara", address: Fixture.shop), as: "from")
        fields.add(nil, as: "manager")
        fields.set("customer", .group(["id": .text("17")]))
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "x")
        #expect(try library.render("birthday", locale: nil, fields: fields).subject == "Happy birthday")
        #expect(try library.render("greeting", locale: nil, fields: fields).html == "<p>Hello,</p>\n\n")
        #expect(try library.render("thanks", locale: nil, fields: fields).text == "Thank you for being with us.\n\nHartley & Lowe\n")
        let body = try library.renderWebhook("ping", id: "1", type: "t", timestamp: Instant(seconds: 0), fields: fields).bytes
        #expect(body.text.contains(#""data":{"customer": "17", "on": "2027-05-12"}"#))
    }
}
