import Glibc
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// `regards reload`, which is what `systemctl reload regards` runs.
@Suite("regards reload", .serialized)
struct ReloadCommandTests {
    @Test("when it ends, the new rules are in force")
    func good() throws {
        let served = try ServedShop(customers: 1)
        let daemon = try served.start(["serve"])
        try daemon.awaitError("ready")
        for count in 1...3 {
            let run = try served.run(["reload"])
            #expect(run.ending.status == 0, "\(run.errors)")
            #expect(run.output == ["the new rules are in force"])
            #expect(daemon.errors.all.count { $0.contains("  reloaded  ") } == count)
        }
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().status == 0)
    }

    @Test("mistakes are found before the daemon is asked")
    func bad() throws {
        let served = try ServedShop(customers: 1)
        let daemon = try served.start(["serve"])
        try daemon.awaitError("ready")
        try served.shop.rules("birthday-card: {}")
        let run = try served.run(["reload"])
        #expect(run.ending.status == 78)
        #expect(run.errors.contains { $0.contains("birthday.yaml:1:") }, "\(run.errors)")
        #expect(!daemon.errors.all.contains { $0.contains("reloaded") })
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().status == 0)
    }

    /// A query's mistake shows only where it is asked, which the daemon does.
    @Test("what only the daemon can find fails it too, with the daemon's words")
    func refused() throws {
        let served = try ServedShop(customers: 1)
        let daemon = try served.start(["serve"])
        try daemon.awaitError("ready")
        try served.shop.sql("ALTER TABLE customers RENAME COLUMN email TO mail")
        let run = try served.run(["reload"])
        #expect(run.ending.status == 78, "\(run.errors)")
        #expect(run.errors.count >= 2 && run.errors.last == "regards: the daemon refused the new files; the old rules go on", "\(run.errors)")
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().status == 0)
    }

    @Test("without a daemon it says so")
    func alone() throws {
        let served = try ServedShop(customers: 1)
        let run = try served.run(["reload"])
        #expect(run.ending.status == 69)
        #expect(run.errors == ["regards: no daemon runs on \(served.shop.state); start it: \(ChildProcess.regards) serve --config \(served.shop.file)"])
    }
}

@Suite struct ReloadReportTests {
    @Test func whatIsWrittenIsReadAndMistakesStayLines() throws {
        let folder = try TemporaryFolder()
        let state = folder.path + "/state.db"
        #expect(ReloadReport.read(state: state) == nil)
        var report = ReloadReport()
        (report.begun, report.ended, report.mistakes) = (3, 2, ["a.yaml:1:2: one\ntwo", "b"])
        try report.write(state: state)
        report.mistakes = ["a.yaml:1:2: one | two", "b"]
        #expect(ReloadReport.read(state: state) == report)
        #expect(try folder.names() == ["state.db.reload"])
        var status = stat()
        #expect(stat(state + ".reload", &status) == 0 && status.st_mode & 0o777 == 0o600)
        ReloadReport.remove(state: state)
        #expect(try folder.names() == [])
    }

    @Test(arguments: ["", "\n", "3\n", "x y\n", "1 2 3\n"])
    func whatIsNoReportIsNone(text: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(text, to: "state.db.reload", mode: 0o600)
        #expect(ReloadReport.read(state: folder.path + "/state.db") == nil)
    }

    @Test func aFolderThatIsGoneIsSaid() {
        let error = #expect(throws: ReloadReportError.self) { try ReloadReport().write(state: "/nonexistent/state.db") }
        #expect(error?.description == "/nonexistent/state.db.reload: No such file or directory")
    }
}
