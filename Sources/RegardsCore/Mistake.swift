/// Where something stands in a file. Lines and columns count from 1, columns in characters.
package struct Place: Hashable, Sendable, CustomStringConvertible {
    /// The path as the operator would type it.
    package var file: String
    package var line: Int
    package var column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `rules.d/win-back.yaml:14:18`; the file alone when the line is 0.
    package var description: String { line == 0 ? file : "\(file):\(line):\(column)" }
}

/// Something wrong in the files the operator wrote. All mistakes of one pass are reported together.
package struct Mistake: Hashable, Sendable, CustomStringConvertible {
    package enum Severity: String, Sendable { case error, warning }

    package var severity: Severity
    package var place: Place
    /// The key path inside the file, such as `quiet_hours.end`; empty for the file as a whole.
    package var path: String
    /// What was expected, what was found, and what to do: one sentence without a final stop.
    package var message: String

    package init(_ severity: Severity = .error, at place: Place, path: String = "", _ message: String) {
        self.severity = severity
        self.place = place
        self.path = path
        self.message = message
    }

    package var description: String {
        let key = path.isEmpty ? "" : "\(path): "
        return "\(place): \(severity == .warning ? "warning: " : "")\(key)\(message)"
    }
}

/// Suggestions for a name that is not known.
package enum NearestName {
    /// `; did you mean "gold"?`, to stand behind a sentence; empty where nothing is close enough.
    package static func hint(_ name: String, among candidates: some Sequence<String>) -> String {
        of(name, among: candidates).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// The candidate with the smallest edit distance, if it is close enough to be meant: at most a third of the shorter
    /// name, or one letter of several; else the first of which one begins with the other, as `gold` and `golden` do. The
    /// letters A-Z compare without case; ties go to the first.
    package static func of(_ name: String, among candidates: some Sequence<String>) -> String? {
        let wanted = name.utf8.map(TextMatch.folded)
        var best: (name: String, distance: Int)?
        var longer: String?
        for candidate in candidates {
            let known = candidate.utf8.map(TextMatch.folded)
            let distance = editDistance(wanted, known)
            let shorter = min(wanted.count, known.count)
            if shorter > 2, longer == nil, distance > 0, wanted.starts(with: known) || known.starts(with: wanted) { longer = candidate }
            guard distance < max(1, shorter), distance <= max(1, shorter / 3) else { continue }
            if best == nil || distance < best!.distance { best = (candidate, distance) }
        }
        return best?.name ?? longer
    }

    /// Levenshtein distance with transpositions of neighbours (optimal string alignment).
    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (left[row] == right[column] ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
