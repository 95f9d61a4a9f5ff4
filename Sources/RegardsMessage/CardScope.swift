import Mustache
import RegardsCore

/// The names one rendering can reach, in the form swift-mustache asks for.
///
/// `{{x}}`, `{{#x}}` and `{{^x}}` make the same look-up, so a NULL cannot refuse when it is found: it is a sentinel that
/// counts as absent for a section and notes a refusal only when it is written out. A group answers a section with a
/// truth value and so opens no scope: inside `{{#complaint}}` the name is still `complaint.subject`. This is the bottom
/// frame: what a section pushes above it knows no names, so a name unknown here is unknown. The list `items` alone
/// opens one for each item (`ItemScope`).
struct CardScope: MustacheParent {
    /// Names that the renderer itself fills.
    static let ownNames = Set(CardFields.ownGroups.flatMap { group in group.value.map { "\(group.key).\($0)" } })
    /// Stands for the dot of a name in compiled templates.
    static let dot = UInt8(ascii: "*")

    let fields: CardFields
    var own: [String: CardFields.Value]
    /// Names that nothing need fill: NULL then.
    let optional: Set<String>
    let text: LocalText
    let refusals: Refusals

    init(
        fields: CardFields, own: [String: CardFields.Value], optional: Set<String> = [], locale: String,
        refusals: Refusals
    ) {
        self.fields = fields
        self.own = own
        self.optional = optional
        text = LocalText(locale: locale)
        self.refusals = refusals
    }

    func child(named name: String) -> Any? {
        switch value(of: name, dot: CardScope.dot) {
        case nil: isOptional(name) ? CardNull(name: name, refusals: refusals) : nil
        case .group(let members)?: members.values.contains { $0 != .null }
        case .list(let items)?: items.map { ItemScope(values: $0, text: text, refusals: refusals) }
        case .some(let value): CardScope.leaf(value, name, text, refusals)
        }
    }

    /// What stands for a value that is neither group nor list.
    static func leaf(_ value: CardFields.Value, _ name: String, _ text: LocalText, _ refusals: Refusals) -> Any {
        switch value {
        case .null, .group, .list: CardNull(name: name, refusals: refusals)
        case .text(let text): CardText(renderText: text)
        case .date, .moment, .span, .month, .zodiac: CardText(renderText: text.write(value))
        }
    }

    private func isOptional(_ name: String) -> Bool {
        !optional.isEmpty && optional.contains(CardScope.written(name))
    }

    /// A compiled template's name as the card has it.
    static func written(_ name: String) -> String { String(name.map { $0 == "*" ? "." : $0 }) }

    /// The first variable that does not exist, or is a group where a value is asked for.
    func firstUnknown(among variables: [CardVariable]) -> String? {
        variables.first { variable in
            switch value(of: variable.name, dot: UInt8(ascii: ".")) {
            case nil: !optional.contains(variable.name)
            case .group?, .list?: !variable.isSection
            default: false
            }
        }?.name
    }

    private func value(of name: String, dot: UInt8) -> CardFields.Value? {
        guard let end = name.utf8.firstIndex(of: dot) else {
            return own[name] ?? fields.values[name] ?? (name == CardFields.itemsName ? .list([]) : nil)
        }
        let group = String(name[..<end])
        guard case .group(let members)? = own[group] ?? fields.values[group] else { return nil }
        return members[String(name[name.utf8.index(after: end)...])]
    }
}

/// The names that one item of a list has inside `{{#items}}`; all others mean what they mean outside.
private struct ItemScope: MustacheParent {
    private static let members = Set(CardFields.itemMembers)

    let values: [String: CardFields.Value]
    let text: LocalText
    let refusals: Refusals

    /// An item that leaves a member out must not show the outer one: a call list would name somebody else's phone.
    func child(named name: String) -> Any? {
        let written = CardScope.written(name)
        guard ItemScope.members.contains(written) else { return nil }
        return CardScope.leaf(values[written] ?? .null, name, text, refusals)
    }
}

/// What a rendering could not write. One per rendering, used by one thread.
final class Refusals {
    private(set) var first: String?
    func note(_ name: String) { first = first ?? CardScope.written(name) }
}

private struct CardText: MustacheCustomRenderable, MustacheParent {
    let renderText: String
    var isNull: Bool { false }
    /// A section pushes its text on the stack; names are looked up below it.
    func child(named: String) -> Any? { nil }
}

private struct CardNull: MustacheCustomRenderable {
    let name: String
    let refusals: Refusals
    var isNull: Bool { true }
    var renderText: String {
        refusals.note(name)
        return ""
    }
}
