import RegardsDaemon

/// Sentences broken at spaces so that they fit a terminal.
enum Wrapping {
    /// - Parameters:
    ///   - width: cells; nil: one line, as into a pipe.
    ///   - indent: spaces before every line but the first, which the caller has begun with as many cells.
    static func lines(_ text: String, width: Int? = Terminal.width, indent: Int = 0) -> [String] {
        guard let width, width - indent >= 20 else { return [text] }
        let lines = DisplayWidth.wrapped(text, to: width - indent)
        return lines.enumerated().map { $0 == 0 ? $1 : String(repeating: " ", count: indent) + $1 }
    }
}
