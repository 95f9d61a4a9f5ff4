@testable import RegardsMessage

/// The derived text, for tests of cards that have a written one.
enum PlainTextProbe {
    static func derive(_ html: String) -> String { PlainText.derive(from: html) }
}
