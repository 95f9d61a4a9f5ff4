/// Numbers in sentences.
package enum Words {
    /// `1 rule`, `3 rules`.
    package static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }
}
