package import RegardsCalendar

/// One message of a rule.
package struct Step: Sendable {
    /// Unique in the rule: `name:`, else verb and target (`send`, `tell-director`). Part of the ledger's key.
    package var name: String
    package var action: Action
    package var time: StepTime
    /// `at: 2d after start at 10:00`: moves the step to that wall time in the customer's zone, as `Delay` has it.
    package var at: WallTime?
    /// Of this step alone, beside the rule's.
    package var condition: Condition
    /// Sends again after this span, `atMost` times in all; nil: once. A repetition takes the place of the one before:
    /// what could not go until then goes no more, so that nobody gets three at once after a failure.
    package var every: TimeSpan?
    /// At least 1; counts only together with `every`.
    package var atMost: Int
    package var place: Place

    package init(
        name: String, action: Action, time: StepTime = .occasion, at: WallTime? = nil, condition: Condition = .always,
        every: TimeSpan? = nil, atMost: Int = 1, place: Place = Place(file: "", line: 0, column: 0)
    ) {
        self.name = name
        self.action = action
        self.time = time
        self.at = at
        self.condition = condition
        self.every = every
        self.atMost = atMost
        self.place = place
    }

    package enum Action: Sendable {
        /// A card to the customer.
        case send(CardPattern)
        /// A card to whoever holds the role for this customer.
        case tell(Role, CardPattern)
        /// A body to a named endpoint.
        case webhook(endpoint: String, CardPattern)
        /// An item of a list: somebody calls, or picks a gift.
        case list(ListTarget)

        /// nil for a list.
        package var card: CardPattern? {
            switch self {
            case .send(let card), .tell(_, let card), .webhook(_, let card): card
            case .list: nil
            }
        }
    }
}

/// When a step is due.
package enum StepTime: Hashable, Sendable {
    /// When the trigger fires; for an event, its `at` (`start`).
    case occasion
    /// Before (negative) or after the event's `at`.
    case start(TimeSpan)
    /// Before or after the promise's limit; never before the event's `at`, however short the promise.
    case limit(TimeSpan)
    /// Before or after an instant in a column of the event; not due while the column is empty.
    case column(slot: Int, TimeSpan)
}

/// A card's name, in which `{month}` stands for the occasion's month, `01` to `12`, and in rules about feasts `{feast}`
/// for the feast's name.
package struct CardPattern: Hashable, Sendable {
    package static let feast = "{feast}"

    package var text: String
    /// Further cards of a series, in order; `text` is the first.
    package var others: [String]
    /// A card is not sent again within so many occasions of the rule while the series has another; 0: no matter.
    package var noRepeat: Int

    package init(_ text: String, others: [String] = [], noRepeat: Int = 0) {
        self.text = text
        self.others = others
        self.noRepeat = noRepeat
    }

    /// - Parameter feast: the feast's name; left as it is written where nil.
    package func name(on date: CivilDate, feast: String? = nil) -> String {
        let month = date.month
        let name = CardPattern.filled(text, "{month}", month < 10 ? "0\(month)" : "\(month)")
        return feast.map { CardPattern.filled(name, CardPattern.feast, $0) } ?? name
    }

    /// Every name the pattern can take.
    package func names(feasts: [String]) -> [String] {
        let byFeast =
            text.contains(CardPattern.feast) ? feasts.map { CardPattern.filled(text, CardPattern.feast, $0) } : [text]
        return byFeast.flatMap { CardPattern($0).names }
    }

    /// Every name the pattern can take outside rules about feasts.
    package var names: [String] {
        guard text.split(separator: "{month}", omittingEmptySubsequences: false).count > 1 else { return [text] }
        return (1...12).map { name(on: CivilDate(year: 2000, month: $0, day: 1)!) }
    }

    private static func filled(_ text: String, _ word: String, _ value: String) -> String {
        text.split(separator: word, omittingEmptySubsequences: false).joined(separator: value)
    }
}
