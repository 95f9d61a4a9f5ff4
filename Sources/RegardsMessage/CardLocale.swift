/// Which language of a card a person gets.
enum CardLocale {
    /// Locales to try, best first: the tag itself, then shorter forms (RFC 4647 3.4), then "" for the file without a
    /// language, then the default.
    ///
    /// Takes `zh_CN.UTF-8` as well as `zh-CN`. A Chinese region without a script stands for the script it writes, so
    /// that Taipei is not greeted in simplified characters where traditional ones are at hand.
    static func candidates(for locale: String?, defaultLocale: String) -> [String] {
        var result: [String] = []
        if let locale {
            let tag = locale.prefix { $0 != "." && $0 != "@" }
            var parts = tag.split { $0 == "_" || $0 == "-" }.map { $0.lowercased() }
            let script = parts.first == "zh" ? chineseScript(of: parts) : nil
            while !parts.isEmpty {
                if parts.count == 1, let script { result.append("zh-" + script) }
                result.append(parts.joined(separator: "-"))
                parts.removeLast()
            }
        }
        result += ["", defaultLocale.lowercased()]
        return result
    }

    private static func chineseScript(of parts: [String]) -> String? {
        if parts.contains("hant") || parts.contains("hans") { return nil }
        if parts.contains(where: { ["tw", "hk", "mo"].contains($0) }) { return "hant" }
        return parts.contains { ["cn", "sg", "my"].contains($0) } ? "hans" : nil
    }

    /// The usual spelling: `zh-Hans`, `pt-BR`.
    static func canonical(_ tag: String) -> String {
        let parts = tag.split(separator: "-")
        return parts.enumerated().map { index, part in
            if index == 0 { return part.lowercased() }
            switch part.utf8.count {
            case 2: return part.uppercased()
            case 4: return part.prefix(1).uppercased() + part.dropFirst().lowercased()
            default: return part.lowercased()
            }
        }.joined(separator: "-")
    }

    /// True for what may stand between a card's name and its extension: `en`, `pt-BR`, `zh-Hans`.
    static func isTag(_ text: Substring) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let language = parts.first, (2...3).contains(language.utf8.count),
            language.utf8.allSatisfy({ (0x61...0x7a).contains($0 | 0x20) })
        else { return false }
        return parts.dropFirst().allSatisfy { part in
            (2...8).contains(part.utf8.count)
                && part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) }
        }
    }
}
