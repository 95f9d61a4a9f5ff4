package import RegardsCore

/// Reads the files of `regards test`.
package struct CaseLoader: Sendable {
    package struct Result: Sendable {
        /// In the order of files and lines; without those that have mistakes.
        package var cases: [Case] = []
        /// All are errors, in the order of file, line and column.
        package var mistakes: [Mistake] = []
    }

    private let book: RuleBook
    private let files: FileAccess

    /// - Parameter book: with the columns that the cards need.
    package init(book: RuleBook) {
        self.init(book: book, files: .disk)
    }

    init(book: RuleBook, files: FileAccess) {
        self.book = book
        self.files = files
    }

    /// The folder of cases beside a `regards.yaml`.
    package static func folder(beside file: String) -> String { FilePath.join(FilePath.folder(of: file), "tests") }

    /// The `*.yaml` and `*.yml` files of a folder, in the order of their names; empty where there is no such folder.
    package func files(in folder: String) -> [String] {
        guard case .success(let names) = files.names(folder) else { return [] }
        return names.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { FilePath.join(folder, $0) }
    }

    /// Never throws: whatever is wrong, a file that is missing included, is among the mistakes.
    package func load(_ paths: [String]) -> Result {
        let report = Report()
        var cases: [Case] = []
        for path in paths {
            guard let bytes = files.contents(of: path, report),
                let value = YAMLComposer.read(bytes, file: path, report: report)
            else { continue }
            let item = Item(value: value, path: "", report: report)
            for entry in item.entries("cases, each under its name") ?? [] {
                // The place names the case; its sentence in each path would be too much.
                let inside = Item(value: entry.item.value, path: "", report: report)
                let reader = CaseReader(book: book, name: entry.name, place: entry.place)
                if let found = reader.read(inside) { cases.append(found) }
            }
        }
        return Result(cases: cases, mistakes: report.mistakes)
    }
}
