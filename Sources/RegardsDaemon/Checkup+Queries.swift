import RegardsCore
import RegardsRules
import RegardsStore

/// The queries: whether they can be run, and whether they have the columns that files name.
extension Checkup {
    /// - Returns: the source, where all of its queries work.
    mutating func lookAtQueries(_ assembly: Assembly) -> (any CustomerSource)? {
        var settings = Workshop.sourceSettings(assembly)
        // Nothing could be read of it, which is among the mistakes already.
        guard !settings.path.isEmpty, !settings.query.isEmpty else { return nil }
        var isWhole = true
        while true {
            do {
                let source = try SQLiteCustomerSource(settings)
                mistakes += try source.describe().mistakes
                return isWhole ? source : nil
            } catch let error as SourceError {
                isWhole = false
                guard tell(error, assembly), leaveOut(error, &settings) else { return nil }
            } catch {
                mistakes.append(Mistake(at: settings.place, path: "customers", "\(error)"))
                return nil
            }
        }
    }

    /// - Returns: whether other queries may have mistakes of their own.
    private mutating func tell(_ error: SourceError, _ assembly: Assembly) -> Bool {
        let source = assembly.configuration.source
        guard case .badQuery(let name, let detail) = error else {
            // A mistake, because nothing can be sent without it, even if it is back tomorrow.
            isSourceUnreachable = !hasErrors && error.isPassing
            let words = "the customer database cannot be read: \(error.description)"
            mistakes.append(Mistake(at: source.databasePlace, path: "customers.database", words))
            return false
        }
        let event = assembly.configuration.events.first { $0.name == name }
        let lookup = name == "customers.lookup" ? source.lookup : nil
        let path = event.map { "events.\($0.name).query" } ?? (lookup == nil ? "customers.query" : "customers.lookup")
        mistakes.append(Mistake(at: event?.query.place ?? (lookup ?? source.query).place, path: path, detail))
        return true
    }

    /// Takes the query that failed out, so that the next one is tried.
    private func leaveOut(_ error: SourceError, _ settings: inout SourceSettings) -> Bool {
        guard case .badQuery(let name, _) = error else { return false }
        if name == "customers.lookup", settings.lookup != nil {
            settings.lookup = nil
            return true
        }
        if let index = settings.events.firstIndex(where: { $0.kind == name }) {
            settings.events.remove(at: index)
            return true
        }
        let isTried = settings.query != Checkup.noCustomers
        settings.query = Checkup.noCustomers
        settings.lookup = nil
        // Whatever columns the real query has, this one lacks.
        settings.customers.columns.forgetPlaces(since: RecordSchema(known: []))
        return isTried
    }

    private static let noCustomers = "SELECT NULL AS id WHERE 0"
}
