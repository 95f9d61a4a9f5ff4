import Glibc
import RegardsCalendar
import RegardsCore
import Dispatch
import Testing

@testable import RegardsDaemon

private let hash = AddressHash(key: .init(first: 1, second: 2))

private func outreach(customer: String = "17", attempts: Int = 1) -> Outreach {
    let key = OutreachKey(
        customer: customer, rule: "birthday-card", occasion: "2027", step: "send", recipient: "customer/0")
    let plan = PlannedOutreach(
        key: key, dueAt: Instant(seconds: 0), expiresAt: nil, zone: "UTC", localDate: CivilDate(dayNumber: 0),
        localTime: .midnight, channel: .mail, lane: .rest, ruleHash: 0)
    return Outreach(id: 1, plan: plan, attempts: attempts)
}

@Suite struct NoticeTests {
    @Test func everyKindHasItsOwnIdentifierAndWord() {
        let kinds = NoticeKind.allCases
        #expect(Set(kinds.map(\.messageID)).count == kinds.count)
        #expect(Set(kinds.map(\.word)).count == kinds.count)
        #expect(Set(kinds.map(\.message)).count == kinds.count)
        for kind in kinds {
            #expect(kind.messageID.utf8.count == 32)
            #expect(kind.messageID.allSatisfy { $0.isHexDigit && !$0.isUppercase })
            #expect(kind.word.allSatisfy { $0.isLowercase || $0 == "-" }, "one word: \(kind.word)")
        }
    }

    /// Alerts hang on these; a changed one is a broken promise.
    @Test func identifiersStay() {
        #expect(NoticeKind.sent.messageID == "7c458df9b499444f8fcbb99e8b978b81")
        #expect(NoticeKind.promiseBroken.messageID == "ecea9e3392ee403c87417baeaa3dd868")
        #expect(NoticeKind.stateUnwritable.messageID == "2f00b80730e94ab19525c5d9914a1c4b")
    }

    @Test(arguments: [
        (Outcome.delivered, NoticeKind.sent, "delivered", nil as String?),
        (.deferred(.temporary, notBefore: Instant(seconds: 60)), .deferred, "deferred", "temporary"),
        (.refused(.recipientRefused), .refused, "refused", "recipient-refused"),
        (.inDoubt(.timeout), .inDoubt, "in-doubt", "timeout"),
    ])
    func anAttemptBecomesTheNoticeOfItsOutcome(
        outcome: Outcome, kind: NoticeKind, word: String, reason: String?
    ) {
        let notice = Notice(AttemptReport(outcome, code: 250, detail: "2.0.0 Ok"), about: outreach(), addressHash: "ab")
        #expect(notice.kind == kind)
        #expect(notice.outcome == word)
        #expect(notice.reason == reason)
        #expect(notice.code == 250)
        #expect(notice.attempt == 1)
        #expect(notice.until == (kind == .deferred ? Instant(seconds: 60) : nil))
    }

    @Test func aCodeOrAttemptOfZeroIsNotShown() {
        let notice = Notice(AttemptReport(.delivered), about: outreach(attempts: 0))
        #expect(notice.code == nil)
        #expect(notice.attempt == nil)
    }
}

@Suite struct NoticeTextTests {
    @Test func aLineIsConstantWordsAndFixedKeys() {
        let report = AttemptReport(.deferred(.temporary, notBefore: Instant(seconds: 1_798_761_600)), code: 451, detail: "4.3.0 later")
        let notice = Notice(report, about: outreach(attempts: 2))
        #expect(
            NoticeText.line(notice, hash: hash)
                == "deferred rule=birthday-card customer=17 occasion=2027 step=send channel=mail attempt=2 "
                + "outcome=deferred reason=temporary code=451 until=2027-01-01T00:00:00Z "
                + "local=\"1970-01-01 00:00 UTC\": 4.3.0")
    }

    @Test func aHostileIdNeitherBreaksTheLineNorForgesAKey() {
        let notice = Notice(.sent, customer: "1 outcome=refused\nMESSAGE=x\u{1b}[31m\u{202e}")
        let line = NoticeText.line(notice, hash: hash)
        #expect(line == #"sent customer="1 outcome=refused\u{a}MESSAGE=x\u{1b}[31m\u{202e}""#)
        #expect(NoticeText.quoted("") == #""""#)
        #expect(NoticeText.quoted(#"a"b\c"#) == #""a\"b\\c""#)
    }

    @Test func detailOfSeveralLinesBecomesOne() {
        let notice = Notice(.reloadRefused, detail: "a.yaml:1:2: one\nb.yaml:3:4: two\u{7}")
        #expect(
            NoticeText.line(notice, hash: hash)
                == #"reload refused, old rules kept: a.yaml:1:2: one | b.yaml:3:4: two\u{7}"#)
    }

    @Test func joinersOfNamesAndScriptsStay() {
        #expect(NoticeText.printable("क्\u{200d}ष می\u{200c}خواهم") == "क्\u{200d}ष می\u{200c}خواهم")
    }
}

@Suite struct AddressHashTests {
    @Test func oneMailboxGivesOneHashAndOnlyUnderOneKey() throws {
        let other = AddressHash(key: .init(first: 1, second: 3))
        let address = try Address("Ana.Souza@Example.com")
        #expect(hash.of(address) == hash.of(try Address("ana.souza@example.com")))
        #expect(hash.of(address) != other.of(address))
        #expect(hash.of(address).utf8.count == 16)
        #expect(hash.of(address).allSatisfy { $0.isHexDigit })
    }

    @Test func anIdThatIsAnAddressIsHashed() {
        #expect(hash.customer("17") == "17")
        #expect(hash.customer("ana@example.com") == hash.customer("Ana@example.com"))
        #expect(!NoticeText.line(Notice(.sent, customer: "ana@example.com"), hash: hash).contains("ana"))
    }

    @Test func theSaltIsTheKeysOwnAndNotTheKey() {
        let key = AddressHash.Key(first: 1, second: 2)
        #expect(key.salt == AddressHash.Key(first: 1, second: 2).salt)
        #expect(key.salt != AddressHash.Key(first: 1, second: 3).salt)
        #expect(key.salt.count == 16)
        #expect(key.salt[..<8] != key.salt[8...])
    }

    @Test func aKeyIsNotPrinted() {
        #expect("\(AddressHash.Key(first: 4711, second: 1))" == "(secret)")
    }
}

@Suite struct JournalAnnouncerTests {
    @Test func everyFactHasItsField() {
        var notice = Notice(AttemptReport(.refused(.recipientRefused), code: 550, detail: "550 5.1.1 Ann Lee is not here"), about: outreach())
        notice.numbers = [("queue_length", 3)]
        notice.addressHash = "00ff"
        let entries = JournalAnnouncer(hash: hash).entries(of: notice)
        #expect(
            entries == [
                "MESSAGE=refused rule=birthday-card customer=17 occasion=2027 step=send channel=mail attempt=1 "
                    + "outcome=refused reason=recipient-refused code=550 address_hash=00ff "
                    + "local=\"1970-01-01 00:00 UTC\" queue_length=3: 5.1.1",
                "MESSAGE_ID=5ccf29d914364933b24736b741802761", "PRIORITY=4", "SYSLOG_IDENTIFIER=regards",
                "REGARDS_RULE=birthday-card", "REGARDS_CUSTOMER=17", "REGARDS_OCCASION=2027", "REGARDS_STEP=send",
                "REGARDS_CHANNEL=mail", "REGARDS_ATTEMPT=1", "REGARDS_OUTCOME=refused",
                "REGARDS_REASON=recipient-refused", "REGARDS_CODE=550", "REGARDS_ADDRESS_HASH=00ff",
                "REGARDS_LOCAL=1970-01-01 00:00 UTC",
                "REGARDS_QUEUE_LENGTH=3", "REGARDS_DETAIL=5.1.1",
            ])
    }

    @Test func theJournalIsMeantOnlyWhileStandardErrorIsItsStream() throws {
        let pipe = try Pipe()
        var status = stat()
        #expect(fstat(pipe.writing, &status) == 0)
        let stream = "\(status.st_dev):\(status.st_ino)"
        #expect(JournalAnnouncer.isConnected(environment: ["JOURNAL_STREAM": stream], descriptor: pipe.writing))
        #expect(!JournalAnnouncer.isConnected(environment: [:], descriptor: pipe.writing))
        #expect(!JournalAnnouncer.isConnected(environment: ["JOURNAL_STREAM": "1:1"], descriptor: pipe.writing))
        #expect(!JournalAnnouncer.isConnected(environment: ["JOURNAL_STREAM": stream], descriptor: -1))
    }
}

@Suite struct TerminalAnnouncerTests {
    private func terminal(_ pipe: Pipe, colours: Bool = false) -> TerminalAnnouncer {
        TerminalAnnouncer(descriptor: pipe.writing, colours: colours, hash: hash, zone: .utc) { Instant(seconds: 32_403) }
    }

    @Test func aLineIsWrittenAtOnce() throws {
        let pipe = try Pipe()
        terminal(pipe).announce(Notice(AttemptReport(.delivered, code: 250), about: outreach()))
        #expect(pipe.available() == "09:00:03  sent        birthday-card   customer 17   2027  250\n")
    }

    @Test func aHouseWideNoticeSaysItsWords() throws {
        let pipe = try Pipe()
        terminal(pipe).announce(Notice(.planned, numbers: [("customers", 250), ("new", 12)]))
        #expect(pipe.available() == "09:00:03  planned     250 customers, 12 new\n")
    }

    /// What stands in one place of the line is not said in a second one.
    @Test func nothingIsSaidTwice() throws {
        let pipe = try Pipe()
        let terminal = terminal(pipe)
        terminal.announce(
            Notice(AttemptReport(.refused(.recipientRefused), code: 550, detail: "550"), about: outreach()))
        #expect(
            pipe.available()
                == "09:00:03  refused     birthday-card   customer 17   2027  recipient-refused, 550\n")
        terminal.announce(Notice(.guardTripped, reason: "day", count: 360, detail: "360 messages appeared"))
        #expect(
            pipe.available()
                == "09:00:03  guard       guard tripped, messages wait for approval, day: 360 messages appeared\n")
        terminal.announce(Notice(.listed, rule: "service-due", customer: "17", channel: "list:calls", reason: "calls"))
        #expect(pipe.available() == "09:00:03  listed      service-due     customer 17   calls\n")
    }

    @Test func colourStaysOutsideTheColumns() throws {
        let pipe = try Pipe()
        terminal(pipe, colours: true).announce(Notice(.relayDown, channel: "smtp", until: Instant(seconds: 36_000)))
        #expect(
            pipe.available()
                == "\u{1b}[2m09:00:03\u{1b}[0m  \u{1b}[31mrelay-down\u{1b}[0m  relay down, by smtp, until 10:00:00\n")
    }

    @Test func anotherDayIsShownWithItsDate() throws {
        let pipe = try Pipe()
        terminal(pipe).announce(Notice(.held, until: Instant(seconds: 86_400)))
        #expect(pipe.available() == "09:00:03  held        until Fri 00:00:00\n")
    }

    @Test func aHostileIdCannotSteerTheTerminal() throws {
        let pipe = try Pipe()
        terminal(pipe).announce(Notice(.held, rule: "r", customer: "\u{1b}]0;x\u{7}\n2"))
        #expect(pipe.available() == "09:00:03  held        r               customer \\u{1b}]0;x\\u{7} | 2\n")
    }

    @Test func noColourWithoutATerminalOrAgainstAWish() throws {
        let pipe = try Pipe()
        #expect(!TerminalAnnouncer.wantsColours(descriptor: pipe.writing, environment: [:]))
        let terminal = try PseudoTerminal()
        #expect(TerminalAnnouncer.wantsColours(descriptor: terminal.inner, environment: ["TERM": "xterm"]))
        #expect(TerminalAnnouncer.wantsColours(descriptor: terminal.inner, environment: ["NO_COLOR": ""]))
        #expect(!TerminalAnnouncer.wantsColours(descriptor: terminal.inner, environment: ["NO_COLOR": "1"]))
        #expect(!TerminalAnnouncer.wantsColours(descriptor: terminal.inner, environment: ["TERM": "dumb"]))
    }

    @Test func aFullPipeIsWaitedFor() throws {
        let pipe = try Pipe()
        #expect(fcntl(pipe.writing, F_SETFL, O_NONBLOCK) == 0)
        let text = String(repeating: "x", count: 200_000)
        let writing = pipe.writing
        // Not a task: both sides block, and a busy machine may have one thread for all tasks.
        let done = DispatchGroup()
        DispatchQueue(label: "writer").async(group: done) { Output.write(text, to: writing) }
        #expect(pipe.read(count: 200_000) == text)
        done.wait()
    }
}

@Suite struct RecordingAnnouncerTests {
    @Test func aNoticeIsFoundBeforeAndAfterItComes() async {
        let recorder = RecordingAnnouncer()
        recorder.announce(Notice(.ready))
        #expect(await recorder.first(.ready)?.kind == .ready)
        async let waited = recorder.first { $0.kind == .sent && $0.customer == "17" }
        recorder.announce(Notice(.sent, customer: "16"))
        recorder.announce(Notice(.sent, customer: "17"))
        #expect(await waited?.customer == "17")
        #expect(recorder.notices(.sent).count == 2)
        #expect(recorder.blockingFirst { $0.customer == "16" } != nil)
    }

    @Test func whatNeverComesIsNil() async {
        #expect(await RecordingAnnouncer().first(.ready, within: 0) == nil)
    }
}

@Suite struct KeyFileTests {
    @Test func theKeyIsMadeOnceAndKept() throws {
        let folder = try TemporaryFolder()
        let first = try KeyFile.load(stateDirectory: folder.path)
        let second = try KeyFile.load(stateDirectory: folder.path)
        #expect(first.first == second.first && first.second == second.second)
        var status = stat()
        #expect(stat(folder.path + "/journal.key", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try folder.names() == ["journal.key"])
    }

    @Test func aKeyOfAnotherLengthIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("short", to: "journal.key")
        let error = #expect(throws: KeyFileError.self) { try KeyFile.load(stateDirectory: folder.path) }
        #expect(error?.description == folder.path + "/journal.key: expected 16 bytes; remove the file and a new key is made")
    }

    @Test func aMissingFolderIsSaid() {
        let error = #expect(throws: KeyFileError.self) { try KeyFile.load(stateDirectory: "/nonexistent") }
        #expect(error?.code == ENOENT)
    }
}

@Suite struct JournalManualTests {
    /// Operators copy identifiers from docs/journal.md; the table has every kind, and nothing else.
    @Test func theTableOfKindsIsTheCodes() throws {
        let text = try text(of: "docs/journal.md")
        let rows = text.split(separator: "\n").filter { $0.contains(/^\| .*`[0-9a-f]{32}` \|$/) }
        let names = [2: "crit", 3: "err", 4: "warning", 5: "notice", 6: "info"]
        let expected = NoticeKind.allCases.map {
            ($0, "| `\($0.word)` | \($0.priority.rawValue) \(names[$0.priority.rawValue]!) | \($0.message) | ")
        }
        #expect(rows.count == expected.count)
        for (row, (kind, start)) in zip(rows, expected) {
            #expect(row.hasPrefix(start), "\(kind)")
            #expect(row.hasSuffix("| `\(kind.messageID)` |"), "\(kind)")
        }
        let used = text.matches(of: /MESSAGE_ID=([0-9a-f]+)/).map { String($0.1) }
        #expect(Set(used).isSubset(of: NoticeKind.allCases.map(\.messageID)))
    }

    /// What `journalctl -x` shows in Chinese: every kind, in the order of the table, each with what it means and with
    /// what to do, or that there is nothing to do. The English entries are made from the table itself.
    @Test func everyKindIsExplainedInChinese() throws {
        let entries = try text(of: "systemd/regards.zh_CN.catalog").split(separator: "\n-- ").dropFirst()
        #expect(entries.map { String($0.prefix(32)) } == NoticeKind.allCases.map(\.messageID))
        for entry in entries {
            let parts = entry.split(separator: "\n\n")
            let header = parts[0].split(separator: "\n")
            #expect(header.count == 4 && header[1].hasPrefix("Subject: Regards：") && header[2] == "Defined-By: Regards", "\(entry)")
            #expect(header[3].hasPrefix("Documentation: man:regards-serve(8)"), "\(entry)")
            #expect(parts.count == 3, "\(entry)")
            #expect(parts[1].hasSuffix("。"), "\(entry)")
            #expect(parts[2].hasPrefix("该做什么：") || parts[2].hasPrefix("无需处理"), "\(entry)")
        }
    }

    private func text(of path: String) throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let file = try #require(fopen("/\(root)/\(path)", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }
}
