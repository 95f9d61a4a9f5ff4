package import RegardsCalendar
package import RegardsCore

/// What became of reading the operator's files.
package struct LoadResult: Sendable {
    /// nil exactly when `mistakes` holds an error.
    package var configuration: Configuration?
    /// Errors and warnings together, in the order of file, line and column.
    package var mistakes: [Mistake]
}

/// Reads `regards.yaml` and the rule files beside it; the one function behind `check`, start and reload.
package struct ConfigurationLoader: Sendable {
    let environment: [String: String]
    let zones: ZoneCatalog

    /// - Parameter environment: of the process; `STATE_DIRECTORY` is asked.
    package init(environment: [String: String], zones: ZoneCatalog) {
        self.environment = environment
        self.zones = zones
    }

    /// Reads the file and every `*.yaml` and `*.yml` of its rules folder. Never throws: whatever is wrong,
    /// a file that is missing included, is among the mistakes.
    package func load(file: String) -> LoadResult {
        LoadResult(configuration: nil, mistakes: [Mistake(at: Place(file: file, line: 0, column: 0), "not yet read")])
    }

    /// The same for files that are held in memory: path to content.
    package func load(file: String, from files: [String: [UInt8]]) -> LoadResult { load(file: file) }
}
