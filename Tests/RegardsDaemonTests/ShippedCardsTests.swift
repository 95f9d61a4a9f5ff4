import Testing

@testable import RegardsDaemon

@Suite struct ShippedCardsFolderTests {
    @Test func onlyAnInstalledProgramHasOne() {
        #expect(ShippedCards.folder(besideProgram: "/usr/bin/regards") == "/usr/share/regards/config/cards")
        #expect(ShippedCards.folder(besideProgram: "/usr/local/bin/regards") == "/usr/local/share/regards/config/cards")
        #expect(ShippedCards.folder(besideProgram: "/home/ana/regards/.build/debug/regards") == nil)
        #expect(ShippedCards.folder(besideProgram: "bin") == nil)
        #expect(ShippedCards.folder == nil, "a test is not installed")
    }
}
