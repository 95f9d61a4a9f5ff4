package import RegardsCalendar
package import RegardsCore
package import RegardsStore
import Synchronization

/// Keeps lists: gathers what is open into one mail a morning for each employee, and ends items that are done. Everything
/// about them is looked up afresh, whose they are included: an advisor who took a customer over has their items too.
///
/// Thread-safe: one for each assembly, and its own connection to the customer database.
package final class ListDesk: Sendable {
    /// An open item with what the business's database says of it now.
    package struct OpenItem: Sendable {
        package var item: ListItem
        /// nil: gone, or an event that names nobody.
        package var customer: Customer?
        /// Who holds the role for this customer today; nil: nobody.
        package var holder: Contact?
        /// The customer, or the event, is no longer there.
        package var isGone: Bool
        var facts: Facts
    }

    private let book: RuleBook
    private let outbox: any Outbox
    private let facts: FactsLoader
    private let standings: StandingDesk
    private let hash: AddressHash
    private let composer: MessageComposer
    /// The last day whose mails are in the ledger.
    private let mailed = Mutex<CivilDate?>(nil)

    package init(
        _ assembly: Assembly, outbox: any Outbox, source: any CustomerSource, standings: StandingDesk, hash: AddressHash,
        salt: [UInt8]
    ) {
        book = assembly.book
        self.outbox = outbox
        self.standings = standings
        self.hash = hash
        facts = FactsLoader(
            outbox: outbox, source: source, histories: HistoryLoader(outbox: outbox, hash: hash, book: assembly.book),
            book: assembly.book)
        composer = MessageComposer(assembly: assembly, salt: salt)
    }

    /// All open items that do not wait for another try, by list, the oldest first.
    /// - Throws: `SourceError`, `OutboxError`.
    package func open(now: Instant) throws -> [OpenItem] {
        let items = try outbox.openListItems(now: now)
        guard !items.isEmpty else { return [] }
        let rows = try items.compactMap { try outbox.show($0.id)?.outreach }
        let found = try facts.load(for: rows, book, now: now)
        let today = book.house.day(of: now)
        let byRow = Dictionary(zip(rows.map(\.id), found), uniquingKeysWith: { first, _ in first })
        return items.compactMap { item in byRow[item.id].map { open(item, $0, today) } }
            .sorted { ($0.item.list, $0.item.since, $0.item.id) < ($1.item.list, $1.item.since, $1.item.id) }
    }

    private func open(_ item: ListItem, _ facts: Facts, _ today: CivilDate) -> OpenItem {
        let (role, position) = item.role
        let holders = book.house.contacts(role, for: facts.customer, on: today)
        let isCustomer = OutreachKey.isCustomerID(item.customer)
        return OpenItem(
            item: item, customer: facts.customer, holder: holders.indices.contains(position) ? holders[position] : nil,
            isGone: isCustomer ? facts.customer == nil : facts.event?.isGone == true, facts: facts)
    }

    /// Ends items whose `lists.done_when` holds, and those of customers who are gone. While most customers are missing
    /// nobody is taken for gone.
    /// - Returns: how many.
    /// - Throws: `SourceError`, `OutboxError`.
    @discardableResult
    package func settle(now: Instant) throws -> Int {
        let open = try open(now: now)
        guard !open.isEmpty else { return 0 }
        let areMissing = try outbox.guardFigures().collapsedSince != nil
        let standing = try standings.standing(now: now)
        let done = open.filter { $0.isGone ? !areMissing : isDone($0, standing, now) }
        for item in done { try outbox.settleListItem(item.item.id, as: .done, tryAgainAt: nil, now: now) }
        return done.count
    }

    private func isDone(_ item: OpenItem, _ standing: Standing, _ now: Instant) -> Bool {
        guard let condition = book.house.lists.doneWhen[item.item.list], item.customer != nil else { return false }
        return condition.holds(book.conditionFacts(item.facts, standing, now: now))
    }

    // MARK: The morning's mails

    /// When the next mails are made, after an instant.
    package func nextMail(after now: Instant) -> Instant? {
        guard !book.lists.isEmpty else { return nil }
        let lists = book.house.lists
        let zone = book.house.business.zone
        let today = zone.local(at: now).date
        let days = (0...7).map { today + $0 }.filter { lists.days.contains($0.weekday) }
        return days.lazy.map { zone.instant($0, lists.mailAt) }.first { $0 > now }
    }

    /// Puts the mails of today into the outbox once their time has come: one for each employee who had an open item
    /// then. Asking again changes nothing.
    /// - Returns: how many are new.
    /// - Throws: `SourceError`, `OutboxError`; then they are made at the next call.
    package func mail(now: Instant) throws -> Int {
        let lists = book.house.lists
        let zone = book.house.business.zone
        let today = zone.local(at: now).date
        let due = zone.instant(today, lists.mailAt)
        guard !book.lists.isEmpty, lists.days.contains(today.weekday), now >= due, mailed.withLock({ $0 != today }) else { return 0 }
        try settle(now: now)
        // A daemon that starts at noon mails what it should have mailed in the morning, and not what came since.
        let owners = try open(now: now).filter { $0.item.since <= due && !$0.isGone }.compactMap(\.holder)
        let rows = Set(owners.map { hash.of($0.address) }).sorted().map { DayList.row($0, on: today, book.house) }
        let counts = try outbox.addOutreach(rows, now: now)
        mailed.withLock { $0 = today }
        return counts.inserted
    }

    /// What becomes of one claimed row of a day's mail.
    enum Verdict {
        case send(ComposedMessage)
        case end(Ending.Next)
    }

    /// - Parameter open: of all employees.
    /// - Throws: `ComposingError`, `OutboxError`.
    func decide(
        _ row: Outreach, _ owner: String, open: [OpenItem], mode: Mode, standing: Standing, now: Instant
    ) throws -> Verdict {
        let key = row.key
        let isPaused = standing.pauses.contains {
            $0.holds(rule: key.rule, customer: key.customer, purpose: DayList.purpose, at: now)
        }
        let own = open.filter { item in !item.isGone && item.holder.map { hash.of($0.address) } == owner }
        guard let to = own.first?.holder else { return .end(.cancelled(.occasionGone)) }
        if let expiresAt = row.plan.expiresAt, now >= expiresAt { return .end(.skipped(.late)) }
        if isPaused { return .end(.held(.paused)) }
        if mode == .rehearse { return .end(.skipped(.rehearsed)) }
        var redirect: Address?
        if case .redirect(let address) = mode { redirect = address }
        let message = try composer.dayList(row, to: to, items: own, now: now, redirect: redirect)
        try outbox.markMailed(own.map(\.item.id), on: row.plan.localDate)
        return .send(message)
    }
}

extension ListItem {
    /// What `recipient` says: `advisor/0`.
    fileprivate var role: (role: Role, position: Int) {
        let parts = recipient.split(separator: "/")
        return (Role(parts.first.map(String.init) ?? recipient), parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    }
}
