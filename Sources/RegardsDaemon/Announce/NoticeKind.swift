/// Every kind of thing the daemon announces, and what is fixed about it: words, priority, MESSAGE_ID.
///
/// The identifiers are public facts: catalogue entries, alerts and saved `journalctl` queries hang on them, so a
/// kind keeps its identifier for ever, and a retired kind's is never given to another.
package enum NoticeKind: CaseIterable, Hashable, Sendable {
    /// The process runs; nothing is loaded yet.
    case started
    /// Migrated, rules loaded, loop armed: what READY=1 says.
    case ready
    /// Told to stop: nothing new is claimed.
    case stopping
    /// The final commit is made.
    case stopped
    /// The files cannot be used and nothing runs: exit 78. One notice for each mistake.
    case configurationRefused
    /// New files are in force.
    case reloaded
    /// The new files have mistakes; the old rules go on. One notice for each mistake.
    case reloadRefused
    /// A pass of planning ended.
    case planned
    /// The mode keeps messages from customers.
    case rehearsing
    /// An attempt ended in `delivered`.
    case sent
    /// An attempt ended in `deferred`; it comes again.
    case deferred
    /// An attempt ended in `refused`: the outreach failed.
    case refused
    /// An attempt whose end is unknown.
    case inDoubt
    /// An outreach will never go: late, rehearsed, redirected, baseline.
    case skipped
    /// An outreach is no longer owed.
    case cancelled
    /// An outreach waits for something named in the reason.
    case held
    /// An outreach became an item of a list.
    case listed
    /// What an outreach waited for is over.
    case released
    /// A complaint or another event was seen for the first time.
    case eventOpened
    /// An event is done.
    case eventEnded
    /// An answer is still missing and the limit comes near.
    case nearLimit
    /// The limit passed without an answer.
    case promiseBroken
    /// What was already true for a new rule is recorded and sends nothing.
    case ruleBaseline
    /// Somebody paused messages.
    case paused
    /// A pause is over.
    case resumed
    /// A guard holds messages until somebody says that they are meant.
    case guardTripped
    /// What a guard held is approved.
    case approved
    /// An address gets nothing more.
    case suppressed
    /// A rule says something else than it did, or goes by another name.
    case ruleChanged
    /// A rule that has sent before is in no file any more.
    case ruleVanished
    /// A channel cannot connect; its messages wait.
    case relayDown
    /// A channel that was down takes messages again.
    case relayUp
    /// The state file refuses a write (disk full, read-only, I/O error).
    case stateUnwritable
    /// Writes succeed again.
    case stateWritable
    /// The business's database cannot be read; retried.
    case sourceUnreachable
    /// The business's database can be read again.
    case sourceBack
    /// A query no longer gives the columns that rules and cards use.
    case schemaDrift
    /// Rows that cannot be served are counted and named by id.
    case unusableCustomers
    /// A loop, the signals or a channel's thread has not answered for half of the time after which the watchdog acts.
    case stuck
    /// An error that no other kind names.
    case fault

    /// Syslog severities, as PRIORITY= and `journalctl -p` have them (syslog(3)).
    package enum Priority: Int, Sendable {
        case critical = 2, error = 3, warning = 4, notice = 5, info = 6
    }

    /// `3 rules`: a count with what it counts, where the message does not say it.
    func counted(_ count: Int) -> String {
        switch self {
        case .reloaded: Words.count(count, "rule")
        case .planned: Words.count(count, "customer")
        case .unusableCustomers, .released: Words.count(count, "row")
        case .ruleBaseline: Words.count(count, "event")
        case .ruleVanished: Words.count(count, "row cancelled", "rows cancelled")
        case .configurationRefused, .reloadRefused: Words.count(count, "mistake")
        default: String(count)
        }
    }

    /// What `until` is the end of.
    var untilWords: String {
        self == .eventOpened ? "answer by" : "until"
    }

    /// Whether a line that begins with the word needs no message to be understood.
    var isSaidByWord: Bool { message.hasSuffix(word) || self == .ruleBaseline }

    /// Whether the detail is the kind of an event: `complaint`.
    var isAboutEvent: Bool { self == .eventOpened || self == .eventEnded }

    /// What the journal's line begins with: the same text each time.
    package var message: String { facts.message }
    /// One word, for the column of a terminal.
    package var word: String { facts.word }
    package var priority: Priority { facts.priority }
    /// 128 bits as 32 lower-case hexadecimal digits, as MESSAGE_ID= has it (sd-id128(3)).
    package var messageID: String { facts.messageID }

    private typealias Facts = (word: String, priority: Priority, message: String, messageID: String)

    private var facts: Facts {
        switch self {
        case .started: ("started", .notice, "daemon started", "9539aad463a64808b33d9b939cc24aaf")
        case .ready: ("ready", .notice, "ready", "935b010be0bf4976a9d7499b4946ae92")
        case .stopping: ("stopping", .notice, "stopping", "7f9e548407c449548408ac9cb7c62abb")
        case .stopped: ("stopped", .notice, "stopped", "909df8fadc884ef5a60c747470213179")
        case .configurationRefused:
            ("refused-config", .error, "configuration refused", "4dab637aa00741aead56179318009634")
        case .reloaded: ("reloaded", .notice, "rules reloaded", "3f44ac4f58ef446b896daf8f4bfa576d")
        case .reloadRefused:
            ("not-reloaded", .error, "reload refused, old rules kept", "d03d2764b50f4c9783730acdf8a8c088")
        case .planned: ("planned", .info, "planned", "a89775cb05954c1c8d6789948828464b")
        case .rehearsing: ("rehearsing", .warning, "no customer is mailed", "5f0e0bb4edf144bd80c9d724492ff2f0")
        case .sent: ("sent", .info, "sent", "7c458df9b499444f8fcbb99e8b978b81")
        case .deferred: ("deferred", .notice, "deferred", "26f4260f983d42c9bc27c24b6989472e")
        case .refused: ("refused", .warning, "refused", "5ccf29d914364933b24736b741802761")
        case .inDoubt: ("in-doubt", .warning, "in doubt", "d192c986c7b245ada49267280cd3fc55")
        case .skipped: ("skipped", .notice, "skipped", "d398c2d46dfd4803a44c903501b58987")
        case .cancelled: ("cancelled", .info, "cancelled", "d5b7c1da064143bdac8478a44611bec6")
        case .held: ("held", .info, "held", "0145947e19ba4158b4d0f09319246d03")
        case .listed: ("listed", .info, "put on a list", "dcf61b4b8a1d4221a228a4b522b8e72b")
        case .paused: ("paused", .warning, "messages paused", "e48d5d0d2ea24cff9e56c3a0c588ab40")
        case .resumed: ("resumed", .notice, "messages resumed", "f06d8109c1bf450aa2f03b0bc457c7bb")
        case .guardTripped: ("guard", .error, "guard tripped, messages wait for approval", "188756427a424c019767dcc879ea943d")
        case .approved: ("approved", .notice, "approved", "43b69f9069d4432b9a4ffa45505c6fa5")
        case .suppressed: ("suppressed", .notice, "address suppressed", "042ac568bdb642a68a5b4ae700fb8a73")
        case .released: ("released", .info, "released", "83155049fe1644f9a782a0be8e3c626a")
        case .eventOpened: ("opened", .notice, "event opened", "c7912a95234a4559811919703c441681")
        case .eventEnded: ("ended", .notice, "event ended", "9e81fb7acf4943ecb3a4ab9f982a86a0")
        case .nearLimit: ("near-limit", .warning, "promise nears its limit", "893616daf71b47c3aa4d2a98069ce136")
        case .promiseBroken: ("broken", .error, "promise broken", "ecea9e3392ee403c87417baeaa3dd868")
        case .ruleBaseline: ("baseline", .notice, "seen for the first time", "221756f69a8c41aaaf5394b717399827")
        case .ruleChanged: ("changed", .notice, "rule changed", "53bdbff8ee874833857279f040091500")
        case .ruleVanished: ("rule-gone", .warning, "rule with a ledger vanished", "6aad13964e8f47d196a20f0951f05753")
        case .relayDown: ("relay-down", .error, "relay down", "c34ddf932272484eb2e50f285747a66e")
        case .relayUp: ("relay-up", .notice, "relay up", "9f5c09e7e68b45bd8a96300449d1a31a")
        case .stateUnwritable:
            ("disk-full", .critical, "state cannot be written, nothing is sent", "2f00b80730e94ab19525c5d9914a1c4b")
        case .stateWritable: ("disk-ok", .notice, "state can be written again", "6bc444ab24844b53bf572fba5173de09")
        case .sourceUnreachable:
            ("db-away", .error, "customer database unreachable", "81e550431b404323a905f0eb11104258")
        case .sourceBack: ("db-back", .notice, "customer database back", "dcf5093e095d4a599233219110462740")
        case .schemaDrift:
            ("db-changed", .error, "customer database changed its columns", "179a192a1a8549359e11db1c0e12eb45")
        case .unusableCustomers:
            ("unusable", .warning, "customers with unusable data", "20ba08527912427db9740f7bb501ef83")
        case .stuck: ("stuck", .error, "does not move", "c10379737fad4de4b2400199f6716e1b")
        case .fault: ("fault", .error, "unexpected error", "74838ec72af94d06b77b41bcf28c2482")
        }
    }
}
