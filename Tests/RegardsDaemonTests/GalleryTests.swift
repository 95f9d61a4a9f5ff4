import Glibc
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

private let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

@Suite struct GalleryTests {
    private func text(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"), "\(path)")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("without a database the shipped cards are shown to somebody made up")
    func shipped() throws {
        let folder = try TemporaryFolder()
        let run = try ChildProcess.run([
            ChildProcess.regards, "preview", "--gallery", folder.path + "/cards", "--config", root + "/config/regards.yaml",
        ])
        #expect(run.ending.status == 0, "\(run.errors)")
        #expect(run.errors.count == 1 && run.errors[0].hasPrefix("the customers are made up, because "))
        #expect(run.output == ["84 cards in \(folder.path)/cards/index.html"])
        let page = try text(folder.path + "/cards/index.html")
        #expect(page.matches(of: /<template shadowrootmode="open">/).count == 84 * 4)
        #expect(!page.contains("<script") && !page.contains("cid:") && !page.contains("http://") && !page.contains("https://"))
        // A name that no sample fills would stand in brackets.
        #expect(page.firstMatch(of: /\[[a-z_]+[._][a-z_]+\]/) == nil)
        // Every question of a style sheet is answered: a shadow root has no window of its own to ask.
        #expect(!page.replacing(/<style>\n:root\{--page.*?<\/style>/.dotMatchesNewlines(), with: "").contains("prefers-color-scheme:"))
        let card = try text(folder.path + "/cards/birthday.zh.html")
        #expect(card.contains("林晓梅女士，生日快乐") && card.contains("prefers-color-scheme:dark"))
        let picture = try #require(card.firstMatch(of: /src="(pictures\/[0-9a-f]+-birthday\.png)"/))
        #expect(access("\(folder.path)/cards/\(picture.1)", R_OK) == 0)
    }

    @Test("the customers are the database's, readers of a language before others")
    func customers() throws {
        let shop = try TestShop(rules: ["birthday"])
        try shop.addCustomer(1, birthday: "1980-05-05")
        try shop.addCustomer(2, birthday: "1980-05-06")
        let gallery = [ChildProcess.regards, "preview", "--gallery", shop.path + "/cards-seen", "--config", shop.file]
        let run = try ChildProcess.run(gallery)
        #expect(run.ending.status == 0, "\(run.errors)")
        #expect(run.errors == [])
        let page = try text(shop.path + "/cards-seen/index.html")
        #expect(page.contains("Customer 1") && !page.contains("Ana Gonçalves"))
        #expect(try ChildProcess.run(gallery + ["--customer", "2"]).ending.status == 0)
        let second = try text(shop.path + "/cards-seen/index.html")
        #expect(second.contains("Customer 2") && !second.contains("Customer 1"))
        let nobody = try ChildProcess.run(gallery + ["--customer", "99"])
        #expect(nobody.ending.status == 66)
        #expect(nobody.errors == ["regards: there is no customer 99"])
    }

    @Test("what cannot be written, and what does not go together, is said")
    func mistakes() throws {
        let shop = try TestShop(rules: ["birthday"])
        func preview(_ arguments: String...) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
            try ChildProcess.run([ChildProcess.regards, "preview"] + arguments + ["--config", shop.file])
        }
        let nowhere = try preview("--gallery", shop.path + "/no/where")
        #expect(nowhere.ending.status == 73)
        #expect(nowhere.errors == ["regards: \(shop.path)/no/where: No such file or directory"])
        let both = try preview("birthday-card", "--gallery", shop.path + "/x")
        #expect(both.ending.status == 64)
        #expect(both.errors.first == "Error: --gallery shows all cards: it takes no rule, no --step and no --out")
        #expect(try preview("birthday-card").errors.first == "Error: Missing expected argument '--customer <id>'")
    }

    @Test("each view answers what a style sheet asks of its window", arguments: [
        ("@media (max-width:640px){", "(max-width:0)", "(max-width:0)", "(min-width:0)", "(min-width:0)"),
        ("@media (min-width: 600px){", "(min-width:0)", "(min-width:0)", "(max-width:0)", "(max-width:0)"),
        ("@media (prefers-color-scheme: dark){", "(max-width:0)", "(min-width:0)", "(max-width:0)", "(min-width:0)"),
        ("@media (prefers-color-scheme:light){", "(min-width:0)", "(max-width:0)", "(min-width:0)", "(max-width:0)"),
    ])
    func answers(_ rule: String, _ desk: String, _ deskDark: String, _ phone: String, _ phoneDark: String) {
        let answers = GalleryPage.View.all.map { GalleryPage.answered(rule, $0) }
        #expect(answers == [desk, deskDark, phone, phoneDark].map { "@media \($0){" })
    }
}
