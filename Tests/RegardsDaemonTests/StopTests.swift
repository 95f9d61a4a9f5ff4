import RegardsCalendar
import Testing

@testable import RegardsDaemon

@Suite struct StopTests {
    /// Whoever waits for the stop closes the state file, so no pass and no reload may still be at work on it.
    @Test func nothingWorksOnTheStateAfterAStop() async throws {
        let shop = try TestShop()
        for id in 1...50 { try shop.addCustomer(id, birthday: "1980-05-05") }
        for _ in 1...20 {
            let daemon = try TestDaemon(shop, now: try at("2027-05-04T15:00:00Z"))
            await daemon.start()
            _ = daemon.daemon.reload()
            daemon.daemon.lookAgain()
            try await daemon.stop()
            #expect(daemon.announcer.notices(.stopping).count == 1)
            #expect(daemon.announcer.notices(.fault).map(\.detail) == [])
            #expect(daemon.announcer.notices(.stateUnwritable).map(\.detail) == [])
        }
    }
}
