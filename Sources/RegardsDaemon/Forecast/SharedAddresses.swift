import RegardsCalendar
import RegardsCore
import RegardsStore

/// What has to be known of all customers before one of them can be judged: where ranked segments begin, and which
/// addresses several customers share. A pass of its own over all of them, where a book asks for it: eight bytes for each
/// customer and question.
struct AddressSurvey {
    var ranks = SegmentRanks()
    /// Hashes of addresses that come more than once.
    var shared: Set<UInt64> = []

    /// - Parameter isSharing: whether shared addresses matter; see `RuleBook.countsByAddress`.
    /// - Throws: `SourceError`.
    static func look(at book: RuleBook, _ source: any CustomerSource, isSharing: Bool) throws -> AddressSurvey {
        var survey = AddressSurvey()
        var ranking = SegmentRanking(book.segments, zone: book.house.business.zone)
        guard !ranking.isEmpty || isSharing else { return survey }
        var hashes: [UInt64] = []
        try source.forEachPage(size: ForecastCrew.page) { page in
            for customer in page {
                ranking.add(customer)
                if isSharing, let hash = SharedAddresses.hash(customer) { hashes.append(hash) }
            }
        }
        if !ranking.isEmpty { survey.ranks = ranking.ranks() }
        hashes.sort()
        for (one, next) in zip(hashes, hashes.dropFirst()) where one == next { survey.shared.insert(one) }
        return survey
    }
}

/// Puts customers aside who share an address, because what one of them gets counts for all, and they are judged together.
struct SharedAddresses {
    /// More customers than this under one address are no family but a placeholder; they are judged in parts.
    private static let most = 500

    private let shared: Set<UInt64>
    private var apart: [UInt64: [String]] = [:]
    private var order: [UInt64] = []

    init(_ shared: Set<UInt64>) { self.shared = shared }

    /// - Returns: those who have an address to themselves, or none.
    mutating func keepApart(_ page: some Collection<Customer>) -> [Customer] {
        guard !shared.isEmpty else { return Array(page) }
        return page.filter { customer in
            guard let hash = SharedAddresses.hash(customer), shared.contains(hash) else { return true }
            if apart[hash] == nil { order.append(hash) }
            apart[hash, default: []].append(customer.id)
            return false
        }
    }

    /// Ids of those who share an address.
    var households: [[String]] {
        order.flatMap { hash in
            let ids = apart[hash] ?? []
            return stride(from: 0, to: ids.count, by: SharedAddresses.most).map {
                Array(ids[$0..<min(ids.count, $0 + SharedAddresses.most)])
            }
        }
    }

    /// Of the address as the ledger compares it; nil for a customer without one. FNV-1a: two addresses of one hash would
    /// only be judged together without need.
    static func hash(_ customer: Customer) -> UInt64? {
        customer.record.withText(CustomerColumn.email.rawValue) { bytes in
            guard let bytes, !bytes.isEmpty else { return nil }
            guard bytes.allSatisfy({ $0 < 0x80 }) else { return hash(String(decoding: bytes, as: UTF8.self).lowercased().utf8) }
            return hash(bytes.lazy.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 })
        }
    }

    private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}

extension RuleBook {
    /// Whether what one customer gets has a say about what others at the same address get.
    var countsByAddress: Bool {
        !house.limits.budgets.isEmpty || rules.contains { ($0.sameAddress ?? house.limits.sameAddress) == .once }
    }
}
