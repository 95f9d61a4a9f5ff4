import RegardsCalendar
import RegardsCore
import RegardsStore

extension Forecast {
    /// A plan that is under way. Used by one thread at a time.
    package final class Session {
        private let forecast: Forecast
        private let asked: Asked
        private let crew: ForecastCrew
        private var shared: SharedAddresses
        private var scan = ScanReport()

        init(_ forecast: Forecast, _ asked: Asked, _ crew: ForecastCrew, _ shared: Set<UInt64>) {
            (self.forecast, self.asked, self.crew) = (forecast, asked, crew)
            self.shared = SharedAddresses(shared)
        }

        /// Looked at so far.
        package var customers: Int { crew.counted().customers }

        /// What was looked at so far, without lines.
        package func report() -> Report {
            let (customers, unusable) = crew.counted()
            return Report(customers: customers, scan: scan, unusable: unusable)
        }

        /// Calls `body` with the lines of some customers at a time: customers in the order of their ids, each customer's
        /// lines in the order of time. Those who share an address, and steps of events, come last.
        /// - Throws: `SourceError`, `OutboxError`, and what `body` throws.
        package func forEach(_ body: ([Line]) throws -> Void) throws {
            try forEachPage { try body($1) }
            try forEachOfRest(body)
        }

        /// The customers who have an address to themselves, page by page, with the ids of all on the page.
        func forEachPage(_ body: ([String], [Line]) throws -> Void) throws {
            if let customer = asked.customer {
                let found = try forecast.source.lookUp([customer])[customer]
                return try body([customer], try forecast.walk(found.map { [$0] } ?? [], crew))
            }
            scan = try forecast.source.forEachPage(size: ForecastCrew.page) { page in
                try body(page.map(\.id), try forecast.walk(shared.keepApart(page), crew))
            }
        }

        /// The same for customers whose page another session reads; those who share an address are put aside.
        func lines(of ids: [String]) throws -> [Line] {
            let found = try forecast.source.lookUp(ids)
            let customers = ids.compactMap { found[$0] }
            return try forecast.walk(asked.customer == nil ? shared.keepApart(customers) : customers, crew)
        }

        /// All that `forEachPage` left.
        func rest() throws -> [Line] {
            var lines: [Line] = []
            try forEachOfRest { lines += $0 }
            return lines
        }

        private func forEachOfRest(_ body: ([Line]) throws -> Void) throws {
            for household in shared.households {
                let found = try forecast.source.lookUp(household)
                try body(try forecast.walk(household.compactMap { found[$0] }, crew, isHousehold: true))
            }
            try forecast.forEachOfEvents(asked, crew.period.standing, body)
        }
    }
}
