import RegardsCore

/// A value of a YAML file: text, a list, or a mapping with text keys. Scalars have no types here; the key
/// that holds one says how it is read.
struct YAMLValue: Sendable {
    struct Pair: Sendable {
        var key: String
        var keyPlace: Place
        var value: YAMLValue
    }

    enum Content: Sendable {
        case text(String)
        case list([YAMLValue])
        case mapping([Pair])
    }

    var content: Content
    var place: Place

    /// Levels below and including this one.
    var height: Int {
        switch content {
        case .text: 1
        case .list(let values): 1 + (values.lazy.map(\.height).max() ?? 0)
        case .mapping(let pairs): 1 + (pairs.lazy.map(\.value.height).max() ?? 0)
        }
    }

    /// Adds the meaning to a hash: what is written, but not where, in which style or in which order of keys.
    func add(to hash: inout StableHash) {
        switch content {
        case .text(let text):
            hash.add("=")
            hash.add(text)
        case .list(let values):
            hash.add("[\(values.count)")
            for value in values { value.add(to: &hash) }
        case .mapping(let pairs):
            hash.add("{\(pairs.count)")
            for pair in pairs.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                hash.add(pair.key)
                pair.value.add(to: &hash)
            }
        }
    }
}
