import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore

/// Walks many customers through a period on all cores, each core with a planner of its own.
///
/// Asked by one thread at a time, which is what makes it Sendable: while it works, each worker belongs to one core.
final class ForecastCrew: @unchecked Sendable {
    /// Customers read and walked together.
    static let page = 1000

    let period: Forecast.Period
    private var workers: [Worker]

    private final class Worker {
        var walk: ForecastWalk
        var households: [[ForecastWalk.Member]] = []
        var lines: [Forecast.Line] = []
        init(_ walk: ForecastWalk) { self.walk = walk }
    }

    /// What becomes of the decisions about one household, on the core of that number: lines to be told.
    typealias Telling = @Sendable (Int, [Forecast.Sight], [ForecastWalk.Member]) -> [Forecast.Line]
    private let tell: Telling

    init(_ assembly: Assembly, _ period: Forecast.Period, cores: Int = ForecastCrew.cores, tell: @escaping Telling) {
        self.period = period
        self.tell = tell
        workers = (0..<max(1, cores)).map { _ in Worker(ForecastWalk(assembly, period)) }
    }

    static var cores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Those of the customers who are owed something, in their order.
    /// - Parameter isHousehold: all of them share an address.
    func members(
        of customers: [Customer], _ ledgers: [ForecastWalk.Ledger], isHousehold: Bool
    ) -> [[ForecastWalk.Member]] {
        if isHousehold {
            let members = zip(customers, ledgers).compactMap { workers[0].walk.member($0, $1) }
            return members.isEmpty ? [] : [members]
        }
        onAllCores(customers.count) { worker, _, range in
            worker.households.removeAll(keepingCapacity: true)
            for index in range {
                if let member = worker.walk.member(customers[index], ledgers[index]) { worker.households.append([member]) }
            }
        }
        return workers.flatMap(\.households)
    }

    /// - Returns: what is to be told, in the order of the households.
    func walk(_ households: [[ForecastWalk.Member]]) -> [Forecast.Line] {
        let tell = tell
        onAllCores(households.count) { worker, number, range in
            worker.lines.removeAll(keepingCapacity: true)
            for index in range {
                var members = households[index]
                let sights = worker.walk.walk(&members)
                worker.lines += tell(number, sights, members)
            }
        }
        return workers.flatMap(\.lines)
    }

    /// How many customers there were, and whose rows cannot be used.
    func counted() -> (customers: Int, unusable: [CustomerProblem: UnusableCustomers]) {
        var unusable: [CustomerProblem: UnusableCustomers] = [:]
        for (problem, customers) in workers.flatMap(\.walk.unusable) {
            unusable[problem, default: UnusableCustomers()].add(count: customers.count, ids: customers.firstIDs)
        }
        return (workers.map(\.walk.customers).reduce(0, +), unusable)
    }

    /// Promises by rule, where the period is lived through.
    func promises() -> [String: PromiseCount] {
        var found: [String: PromiseCount] = [:]
        for (rule, count) in workers.flatMap(\.walk.promises) { found[rule, default: PromiseCount()] += count }
        return found
    }

    /// Gives each core a part of so many things, in their order.
    private func onAllCores(_ count: Int, _ body: @Sendable (Worker, Int, Range<Int>) -> Void) {
        let cores = workers.count
        // A few are done sooner than handed out.
        guard count > 8 * cores else {
            for worker in workers.dropFirst() { body(worker, 0, 0..<0) }
            return body(workers[0], 0, 0..<count)
        }
        DispatchQueue.concurrentPerform(iterations: cores) { core in
            body(workers[core], core, (count * core / cores)..<(count * (core + 1) / cores))
        }
    }
}

extension Forecast.Period {
    /// Tells what lies in the period, of one rule or of all.
    func telling(_ rule: String?) -> ForecastCrew.Telling {
        { _, sights, _ in
            sights.compactMap { sight in
                guard tells(sight), let line = sight.line, rule == nil || rule == line.outreach.key.rule else { return nil }
                return line
            }
        }
    }
}
