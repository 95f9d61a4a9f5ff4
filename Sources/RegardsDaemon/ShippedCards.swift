import Glibc

/// The cards that come with an installed program.
package enum ShippedCards {
    /// `/usr/share/regards/config/cards` for `/usr/bin/regards`: an upgrade brings better cards to everybody who has
    /// not made them their own. nil for a program that runs from where it was built.
    package static let folder: String? = program().flatMap(folder(besideProgram:))

    /// - Parameter program: the whole path.
    static func folder(besideProgram program: String) -> String? {
        let parts = program.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 2, parts[parts.count - 2] == "bin" else { return nil }
        return parts.dropLast(2).joined(separator: "/") + "/share/regards/config/cards"
    }

    private static func program() -> String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }
}
