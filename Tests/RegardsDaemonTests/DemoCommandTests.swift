import Glibc
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// `regards demo` as `make run` starts it where there is no terminal.
@Suite("The demo", .serialized)
struct DemoCommandTests {
    private func demo(_ folder: TemporaryFolder) throws -> (ending: ChildProcess.Ending, errors: [String]) {
        let run = try ChildProcess.run([
            ChildProcess.regards, "demo", "--folder", folder.path + "/demo", "--shipped", TestTools.root + "/config",
        ])
        return (run.ending, run.errors)
    }

    private func mails(_ folder: TemporaryFolder) throws -> [String] {
        try TemporaryFolder.names(in: folder.path + "/demo/mail/new")
    }

    @Test("shows cards, a complaint and a summary, ends by itself, and a second start sends nothing twice")
    func twice() throws {
        let folder = try TemporaryFolder()
        let first = try demo(folder)
        #expect(first.ending.status == 0, "\(first.errors)")
        #expect(first.errors.first == "A shop of 250 made-up customers (seed 2027) in \(folder.path)/demo/")
        #expect(first.errors.count { $0.contains("  baseline  ") } == 2, "one line for all new rules, one for old events")
        let cards = first.errors.count { $0.contains("  sent        birthday-card") }
        #expect((4...40).contains(cards))
        #expect(first.errors.contains { $0.contains("  opened      complaint") && $0.contains("answer by ") })
        #expect(first.errors.count { $0.contains("  sent        complaint-care") } == 2, "the customer, and the advisor")
        #expect(first.errors.contains("So far: \(cards + 2) messages sent, \(try planned(first.errors)) planned."))
        let mails = try mails(folder)
        #expect(mails.count == cards + 2)

        let second = try demo(folder)
        #expect(second.ending.status == 0)
        #expect(second.errors.first?.hasSuffix("/demo/, as the last demo left it") == true)
        // A card that fell due between the two starts is no repetition.
        let late = second.errors.count { $0.contains("  sent  ") }
        #expect(late <= 3, "\(second.errors)")
        #expect(try self.mails(folder).count == mails.count + late)
        #expect(Set(try self.mails(folder)).isSuperset(of: mails))
    }

    private func planned(_ lines: [String]) throws -> Int {
        let line = try #require(lines.first { $0.hasPrefix("So far: ") })
        return try #require(line.firstMatch(of: /sent, ([0-9]+) planned/).flatMap { Int($0.1) })
    }

    @Test("each command of the summary can be pasted as it stands")
    func summary() throws {
        let folder = try TemporaryFolder()
        let run = try demo(folder)
        let commands = run.errors.filter { $0.hasPrefix("  " + ChildProcess.regards) || $0.hasPrefix("  ls ") }
            .map { String($0.dropFirst(2)) }
        #expect(commands.count == 7, "\(run.errors)")
        for command in commands where !command.contains(" demo") {
            let pasted = try ChildProcess.run(["/bin/sh", "-c", command])
            #expect(pasted.ending.status == 0, "\(command): \(pasted.errors)")
            #expect(!pasted.output.isEmpty, "\(command)")
        }
    }

    @Test("a folder with a configuration of one's own is left alone")
    func notADemo() throws {
        let folder = try TemporaryFolder()
        try #require(mkdir(folder.path + "/demo", 0o700) == 0)
        try folder.write("business: {name: Mine}\n", to: "demo/regards.yaml")
        let run = try demo(folder)
        #expect(run.ending.status == 73)
        #expect(run.errors == ["regards: \(folder.path)/demo: holds a regards.yaml of your own; choose another folder for the demo"])
    }

    @Test("without the shipped files it says where it looked")
    func nothingShipped() throws {
        let folder = try TemporaryFolder()
        let run = try ChildProcess.run([
            ChildProcess.regards, "demo", "--folder", folder.path + "/demo", "--shipped", folder.path,
        ])
        #expect(run.ending.status == 66)
        #expect(run.errors == ["regards: \(folder.path): no rules.d and cards; name their folder with --shipped"])
    }
}
