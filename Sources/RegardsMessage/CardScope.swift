import Mustache
import RegardsCore

/// The names one rendering can reach, in the form swift-mustache asks for.
///
/// `{{x}}`, `{{#x}}` and `{{^x}}` make the same look-up, so a NULL cannot refuse when it is found: it is a sentinel that
/// counts as absent for a section and notes a refusal only when it is written out. A group answers a section with a
/// truth value and so opens no scope: inside `{{#complaint}}` the name is still `complaint.subject`. This is the bottom
/// frame: what a section pushes above it knows no names, so a name unknown here is unknown.
struct CardScope: MustacheParent {
    /// Names that the renderer itself fills.
    static let ownNames = Set(CardFields.ownGroups.flatMap { group in group.value.map { "\(group.key).\($0)" } })
    /// Stands for the dot of a name in compiled templates.
    static let dot = UInt8(ascii: "*")

    let fields: CardFields
    var own: [String: CardFields.Value]
    let text: LocalText
    let refusals: Refusals

    init(fields: CardFields, own: [String: CardFields.Value], locale: String, refusals: Refusals) {
        self.fields = fields
        self.own = own
        text = LocalText(locale: locale)
        self.refusals = refusals
    }

    func child(named name: String) -> Any? {
        switch value(of: name, dot: CardScope.dot) {
        case nil: nil
        case .null?: CardNull(name: name, refusals: refusals)
        case .text(let text)?: CardText(renderText: text)
        case .group(let members)?: members.values.contains { $0 != .null }
        case .some(let value): CardText(renderText: text.write(value))
        }
    }

    /// The first variable that does not exist, or is a group where a value is asked for.
    func firstUnknown(among variables: [CardVariable]) -> String? {
        variables.first { variable in
            switch value(of: variable.name, dot: UInt8(ascii: ".")) {
            case nil: true
            case .group?: !variable.isSection
            default: false
            }
        }?.name
    }

    private func value(of name: String, dot: UInt8) -> CardFields.Value? {
        guard let end = name.utf8.firstIndex(of: dot) else { return own[name] ?? fields.values[name] }
        let group = String(name[..<end])
        guard case .group(let members)? = own[group] ?? fields.values[group] else { return nil }
        return members[String(name[name.utf8.index(after: end)...])]
    }
}

/// What a rendering could not write. One per rendering, used by one thread.
final class Refusals {
    private(set) var first: String?
    func note(_ name: String) { first = first ?? String(name.map { $0 == "*" ? "." : $0 }) }
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
