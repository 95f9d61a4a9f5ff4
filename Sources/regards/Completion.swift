import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsRules

/// What a shell offers after Tab where the files know the answer. The rest of the scripts is made by the parser itself:
/// regards --generate-completion-script bash.
extension CompletionKind {
    /// The names of the rules; nothing while the files have mistakes.
    static var rules: CompletionKind { .custom { words, _, _ in Completion.rules(words) } }
    static var states: CompletionKind { .list(OutboxList.states.split(separator: ", ").map(String.init)) }
    static var configurationFile: CompletionKind { .file(extensions: ["yaml"]) }
}

private enum Completion {
    /// - Parameter words: the command line so far, which may name another configuration.
    static func rules(_ words: [String]) -> [String] {
        var options = ConfigurationOptions()
        let place = words.firstIndex { ["-c", "--config"].contains($0) }
        options.file = place.map { $0 + 1 }.flatMap { words.indices.contains($0) ? words[$0] : nil }
        // Neither the cards nor the database are looked at: this runs at each press of a key.
        let loader = ConfigurationLoader(environment: Process.environment, zones: ZoneCatalog())
        return loader.load(file: options.path).configuration?.ruleBook.rules.map(\.name).sorted() ?? []
    }
}
