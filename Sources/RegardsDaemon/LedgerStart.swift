import RegardsCalendar
import RegardsCore
import RegardsStore

/// What comes before the first pass, at a start and at a reload: the ledger learns the rules of the files, and what an
/// earlier daemon left is settled. Both are told.
struct LedgerStart {
    let outbox: any Outbox
    let announcer: any Announcer

    /// - Throws: `OutboxError`.
    func adopt(_ book: RuleBook, now: Instant) throws {
        let report = try outbox.adoptRules(book.adoptions, now: now)
        announceNew(report.rules.filter(\.isNew).map(\.ledger.name).filter { $0 != DayList.rule }, book)
        for rule in report.rules where rule.isChanged || rule.renamedFrom != nil {
            let former = rule.renamedFrom.map { "it was \($0), and keeps what it has sent" }
            announcer.announce(
                Notice(.ruleChanged, rule: rule.ledger.name, detail: former ?? "unsent messages follow the rule as it is now"))
        }
        for rule in report.vanished {
            announcer.announce(Notice(.ruleVanished, rule: rule.name, count: rule.cancelled))
        }
    }

    /// One notice for all new rules that treat the past alike: a first start has many.
    private func announceNew(_ names: [String], _ book: RuleBook) {
        let groups = Dictionary(grouping: names) { name in
            book.rules.first { $0.name == name }?.backfill.words ?? Backfill.none.words
        }
        for (words, names) in groups.sorted(by: { $0.value[0] < $1.value[0] }) {
            let isOne = names.count == 1
            // More than a few are named by `regards check`.
            let named = names.count > 5 ? names.prefix(3) + ["\(names.count - 3) more"] : names[...]
            announcer.announce(
                Notice(
                    .ruleBaseline, rule: isOne ? names[0] : nil,
                    detail: isOne ? words : "new rules \(Words.list(Array(named))): \(words)"))
        }
    }

    /// - Throws: `OutboxError`.
    func recover(_ book: RuleBook, now: Instant) throws {
        let recovery = try outbox.recover(now: now) { name in
            book.rules.first { $0.name == name }?.ifInDoubt ?? book.house.ifInDoubt
        }
        for outreach in recovery.inDoubt {
            announcer.announce(Notice(AttemptReport(.inDoubt(.crash)), about: outreach))
        }
    }
}

extension Backfill {
    /// What a rule does about the time before it was first seen.
    fileprivate var words: String {
        switch self {
        case .none: "what was due before now is not sent"
        case .since(let span): "what was due in the last \(span.seconds / 3600) hours is sent (backfill)"
        case .all: "what was due before now is sent too (backfill)"
        }
    }
}
