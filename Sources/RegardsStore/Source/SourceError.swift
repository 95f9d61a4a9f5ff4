/// What can go wrong with the business's database. `description` is the sentence for the operator.
package enum SourceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file cannot be opened or read; `remedy` says what to do.
    case unreachable(detail: String, remedy: String)
    /// A writer kept it locked for longer than we wait.
    case busy(path: String)
    /// Not a SQLite database, or a damaged one.
    case damaged(path: String, detail: String)
    /// A query that worked fails: a column or table is gone.
    case schemaChanged(detail: String)
    /// A query that never worked.
    case badQuery(name: String, detail: String)
    case unknownEventKind(String)

    /// May it work the next time, without anybody editing the configuration?
    package var isPassing: Bool {
        switch self {
        case .unreachable, .busy, .damaged, .schemaChanged: true
        case .badQuery, .unknownEventKind: false
        }
    }

    package var description: String {
        switch self {
        case .unreachable(let detail, let remedy): "\(detail); \(remedy)"
        case .busy(let path): "\(path): locked by a writer for too long; it is tried again"
        case .damaged(let path, let detail): "\(path): not a readable SQLite database (\(detail))"
        case .schemaChanged(let detail):
            "the database no longer has what the query needs (\(detail)); change the query, or bring it back"
        case .badQuery(let name, let detail): "\(name): \(detail)"
        case .unknownEventKind(let kind): "there is no event query for \(kind)"
        }
    }
}
