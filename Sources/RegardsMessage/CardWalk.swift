import RegardsCore

/// Follows a card through its partials as rendering will, with blocks put in place.
struct CardWalk {
    private let partials: [String: CardLoader.Source]
    private(set) var variables: [CardVariable] = []
    private(set) var mistakes: [Mistake] = []
    private(set) var unknown: [(name: String, place: Place)] = []
    /// Names of the partials that the card reaches.
    private(set) var used: Set<String> = []
    private var seen: Set<CardVariable> = []
    /// Blocks inside blocks can multiply beyond what the files' sizes tell.
    private static let itemMembers = Set(CardFields.itemMembers)
    private var stepsLeft = 100_000

    private typealias Blocks = [String: [CardTemplate.Node]]

    init(partials: [String: CardLoader.Source]) { self.partials = partials }

    var isComplete: Bool { stepsLeft > 0 }

    /// Bytes of a card with every partial in its place; at most a little over the limit.
    func expandedSize(of source: CardLoader.Source) -> Int {
        var known: [String: Int] = [:]
        return size(of: source, known: &known)
    }

    private func size(of source: CardLoader.Source, known: inout [String: Int]) -> Int {
        var sum = source.body.utf8.count
        for mention in source.template.partials {
            guard let partial = partials[mention.name] else { continue }
            let part = known[mention.name] ?? size(of: partial, known: &known)
            known[mention.name] = part
            // Doubling at each level would overflow long before it is too slow.
            sum = min(sum + part, 1 << 30)
        }
        return sum
    }

    mutating func visit(_ template: CardTemplate) { visit(template.nodes, blocks: [:], guards: [], inside: []) }

    /// - Parameters:
    ///   - blocks: contents given from outside; the outermost wins.
    ///   - guards: names whose sections stand around.
    ///   - inside: blocks whose given contents are being visited.
    private mutating func visit(
        _ nodes: [CardTemplate.Node], blocks: Blocks, guards: Set<String>, inside: Set<String>
    ) {
        for node in nodes {
            stepsLeft -= 1
            guard stepsLeft > 0 else { return }
            switch node {
            case .variable(let name, _) where guards.contains(CardFields.itemsName) && CardWalk.itemMembers.contains(name):
                continue
            case .variable(let name, let place):
                note(CardVariable(name: name, place: place, needsValue: !guards.contains(name)))
            case .section(let name, let isInverted, let nodes, let place):
                if !guards.contains(CardFields.itemsName) || !CardWalk.itemMembers.contains(name) {
                    note(CardVariable(name: name, place: place, needsValue: false, isSection: true))
                }
                if name == CardFields.itemsName, guards.contains(name) {
                    mistakes.append(Mistake(at: place, "{{#\(name)}} stands inside itself"))
                }
                visit(nodes, blocks: blocks, guards: isInverted ? guards : guards.union([name]), inside: inside)
            case .partial(let name, let place):
                guard let partial = find(name, place) else { continue }
                visit(partial.template.nodes, blocks: blocks, guards: guards, inside: inside)
            case .parent(let name, let given, let place):
                guard let partial = find(name, place) else { continue }
                let merged = blocks.merging(given) { outer, _ in outer }
                visit(partial.template.nodes, blocks: merged, guards: guards, inside: inside)
            case .block(let name, let standard, let place):
                guard let given = blocks[name] else {
                    visit(standard, blocks: blocks, guards: guards, inside: inside)
                    continue
                }
                guard !inside.contains(name) else {
                    mistakes.append(
                        Mistake(at: place, "the block \(name) would stand inside itself; give the inner one another name"))
                    continue
                }
                visit(given, blocks: blocks, guards: guards, inside: inside.union([name]))
            }
        }
    }

    private mutating func find(_ name: String, _ place: Place) -> CardLoader.Source? {
        guard let partial = partials[name] else {
            unknown.append((name, place))
            return nil
        }
        used.insert(name)
        return partial
    }

    private mutating func note(_ variable: CardVariable) {
        if seen.insert(variable).inserted { variables.append(variable) }
    }
}
