package import RegardsRules

extension Case {
    /// Lives through the case, with the rules of an assembly in a database and a ledger that are thrown away, and
    /// compares.
    /// - Throws: `SimulationError`, `WorkshopError`, `SourceError`, `OutboxError`: nothing is known of the case then.
    package func run(_ assembly: Assembly) throws -> CaseResult {
        CaseResult(testCase: self, differences: try CaseWorld(self, assembly).run().differences(from: self))
    }
}
