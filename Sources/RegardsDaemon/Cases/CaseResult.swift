package import RegardsCore
package import RegardsRules

/// What became of one case of `regards test`.
package struct CaseResult: Sendable {
    package enum Difference: Hashable, Sendable {
        /// Expected, and nothing like it went. `instead`: what became of it, as far as that is known.
        case missing(CaseOutreach, instead: [String])
        /// The same message of the same rule, at another time, with another card or to somebody else.
        case other(CaseOutreach, went: String)
        /// Went, and nobody expected it.
        case unexpected(String)
    }

    package var testCase: Case
    package var differences: [Difference]

    package var isPassed: Bool { differences.isEmpty }

    /// A line that names the case, and one for each difference.
    package var lines: [String] {
        ["\(testCase.place): \(testCase.name)"] + differences.flatMap(\.lines)
    }
}

extension CaseResult.Difference {
    /// `missing`, `other` or `unexpected`.
    package var word: String {
        switch self {
        case .missing: "missing"
        case .other: "other"
        case .unexpected: "unexpected"
        }
    }

    /// Where it was expected; nil where it was not.
    package var place: Place? {
        switch self {
        case .missing(let expected, _), .other(let expected, _): expected.place
        case .unexpected: nil
        }
    }

    fileprivate var lines: [String] {
        switch self {
        case .missing(let expected, let instead):
            ["  missing     \(expected.text)  (line \(expected.place.line))"] + instead.map { "              but \($0)" }
        case .other(let expected, let went):
            ["  expected    \(expected.text)  (line \(expected.place.line))", "  but it was  \(went)"]
        case .unexpected(let went): ["  unexpected  \(went)"]
        }
    }
}
