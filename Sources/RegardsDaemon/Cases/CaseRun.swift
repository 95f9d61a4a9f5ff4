import Dispatch
package import RegardsRules
import Synchronization

extension Case {
    /// Lives through the case, with the rules of an assembly in a database and a ledger that are thrown away, and
    /// compares.
    /// - Throws: `SimulationError`, `WorkshopError`, `SourceError`, `OutboxError`: nothing is known of the case then.
    package func run(_ assembly: Assembly) throws -> CaseResult {
        CaseResult(testCase: self, differences: try CaseWorld(self, assembly).run().differences(from: self))
    }

    /// Lives through many, as many at once as there are cores: each has a world of its own.
    /// - Parameter progress: told after each how many are done, on any thread.
    /// - Returns: in the order given.
    /// - Throws: as `run`, for the first that failed.
    package static func run(
        _ cases: [Case], _ assembly: Assembly, progress: @Sendable (Int) -> Void = { _ in }
    ) throws -> [CaseResult] {
        let results = Mutex([Result<CaseResult, any Error>?](repeating: nil, count: cases.count))
        DispatchQueue.concurrentPerform(iterations: cases.count) { index in
            let result = Result { try cases[index].run(assembly) }
            let done = results.withLock { results in
                results[index] = result
                return results.count { $0 != nil }
            }
            progress(done)
        }
        return try results.withLock { $0 }.compactMap { try $0?.get() }
    }
}
