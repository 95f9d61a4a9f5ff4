import Glibc
import RegardsCalendar
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Whoever follows docs/guide.md finds what it shows: its edits are made, its commands run, and each line it shows comes
/// out, in that order.
@Suite("The guide")
struct GuideTests {
    private enum Block {
        case commands([(command: String, shown: [Substring])])
        case edit(file: Substring, rule: Substring, from: [Substring], to: [Substring])
    }

    /// `console` and `diff` blocks in their order.
    private func blocks() throws -> [Block] {
        let text = try TestShop.text(TestTools.root + "/docs/guide.md")
        return text.split(separator: "```", omittingEmptySubsequences: false).enumerated().compactMap { number, block in
            guard number % 2 == 1 else { return nil }
            let lines = block.split(separator: "\n", omittingEmptySubsequences: false)
            switch lines.first {
            case "console": return .commands(commands(lines.dropFirst()))
            case "diff":
                func marked(_ mark: String) -> [Substring] {
                    lines.filter { $0.hasPrefix(mark) && !$0.hasPrefix("---") }.map { $0.dropFirst() }
                }
                return .edit(file: lines[1].dropFirst(4), rule: lines[2].dropFirst(3), from: marked("-"), to: marked("+"))
            default: return nil
            }
        }
    }

    private func commands(_ lines: ArraySlice<Substring>) -> [(command: String, shown: [Substring])] {
        var found: [(command: String, shown: [Substring])] = []
        for line in lines {
            if line.hasPrefix("$ ") {
                found.append((String(line.dropFirst(2)), []))
            } else if line != "…", !line.isEmpty, !found.isEmpty {
                found[found.count - 1].shown.append(line)
            }
        }
        return found
    }

    /// A demo is of the day it is made on: its days, times and years of birth are others each time.
    private func timeless(_ line: some StringProtocol) -> String {
        String(line)
            .replacing(/(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?=[0-9]{4}-)/, with: "")
            .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}/, with: "DAY")
            .replacing(/[0-9]{2}:[0-9]{2}(:[0-9]{2})?/, with: "TIME")
            .replacing(/[ ]+/, with: " ").replacing("\r", with: "")
    }

    /// Whether a message of today has gone by now depends on the hour, and in the evening it is the belated card.
    private func isOfTheHour(_ line: some StringProtocol) -> Bool {
        ["birthday-card ", "  what      card birthday", "  then ", "  last ", "monthly-card"].contains { line.hasPrefix($0) }
    }

    @Test("every command shows what the guide says, after every edit")
    func followed() throws {
        let folder = try TemporaryFolder()
        try #require(symlink(ChildProcess.regards, folder.path + "/regards") == 0)
        var home = folder.path
        var commands = 0
        for block in try blocks() {
            switch block {
            case .edit(let file, let rule, let from, let to): try edit("\(home)/\(file)", rule: rule, from: from, to: to)
            case .commands(let all):
                for (command, shown) in all {
                    commands += 1
                    if command.hasPrefix("cd ") {
                        home += "/" + command.dropFirst(3)
                    } else {
                        try run(command, shown, in: home, path: folder.path)
                    }
                }
            }
        }
        #expect(commands >= 10)
    }

    private func run(_ command: String, _ shown: [Substring], in home: String, path: String) throws {
        let shipped = command == "regards demo" ? " --shipped \(TestTools.root)/config" : ""
        var command = command
        for (day, now) in try days() { command = command.replacing(day, with: now) }
        let line = "cd '\(home)' && PATH='\(path)':$PATH && \(command)\(shipped)"
        let run = try ChildProcess.run(["/bin/sh", "-c", line])
        // `regards test` ends with 1 where a case fails.
        let fails = shown.contains { $0.hasSuffix(" failed") }
        #expect(run.ending.status == (fails ? 1 : 0), "\(command): \(run.errors)")
        var output = (run.output + run.errors).map(timeless)[...]
        for line in shown where !isOfTheHour(line) {
            let wanted = timeless(line)
            let place = output.firstIndex(of: wanted)
            #expect(place != nil, "\(command) does not show \"\(wanted)\"")
            if let place { output = output[output.index(after: place)...] }
        }
    }

    /// The guide's days, and what they are by now: the next Mother's Day but one, because a plan of the past is another, and
    /// the day before this one.
    private func days() throws -> [(String, String)] {
        let today = Zone.utc.local(at: SystemClock().now()).date
        let rule = try #require(FeastRule("2nd sun of may"))
        var sundays: [CivilDate] = []
        rule.forEach(in: today + 60..<today + 800) { day, _ in sundays.append(day) }
        let sunday = try #require(sundays.first)
        return [("2027-05-09", "\(sunday)"), ("2027-05-10", "\(sunday + 1)"), ("2026-11-21", "\(today - 1)")]
    }

    private func edit(_ path: String, rule: Substring, from: [Substring], to: [Substring]) throws {
        let text = try TestShop.text(path)
        let start = try #require(text.range(of: "\n\(rule)\n")?.upperBound)
        let found = try #require(text.range(of: from.joined(separator: "\n") + "\n", in: start), "\(path) has no such lines")
        let edited = String(text[..<found.lowerBound]) + to.map { $0 + "\n" }.joined() + String(text[found.upperBound...])
        let file = try #require(fopen(path, "w"))
        fputs(edited, file)
        fclose(file)
    }
}

extension String {
    fileprivate func range(of text: String, in start: Index? = nil) -> Range<Index>? {
        firstRange(from: start ?? startIndex, of: text)
    }

    private func firstRange(from start: Index, of text: String) -> Range<Index>? {
        self[start...].firstRange(of: text)
    }
}
