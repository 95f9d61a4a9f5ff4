/// Which countries keep one time zone, from the tables that tzdata installs beside its zones.
package struct CountryZones: Sendable {
    private var zones: [String: [String]] = [:]
    private var codes: [String: String] = [:]

    /// Reads `zone.tab` and `iso3166.tab` of the folder; knows no country where they are missing.
    package init(directory: String = ZoneCatalog.systemDirectory) {
        for fields in CountryZones.rows("\(directory)/iso3166.tab") where fields.count >= 2 {
            codes[fields[1].lowercased()] = fields[0]
            codes[fields[0].lowercased()] = fields[0]
        }
        for fields in CountryZones.rows("\(directory)/zone.tab") where fields.count >= 3 {
            zones[fields[0], default: []].append(fields[2])
        }
        for (name, code) in CountryZones.commonNames where zones[code] != nil { codes[name] = code }
    }

    /// The country's zone where it has only one; nil where it has several or is not known.
    /// - Parameter country: an ISO 3166 code of two letters, or the English name; case does not matter.
    package func onlyZone(of country: String) -> String? {
        guard let code = code(of: country), let found = zones[code], found.count == 1 else { return nil }
        return found[0]
    }

    /// The two-letter code of a country given as code or English name; nil when unknown.
    package func code(of country: String) -> String? { codes[country.lowercased()] }

    private static func rows(_ path: String) -> [[String]] {
        guard let bytes = SystemFiles.read(path, limit: 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            line.hasPrefix("#") ? nil : line.split(separator: "\t").map(String.init)
        }
    }

    /// Names that databases use where tzdata has another spelling.
    private static let commonNames = [
        "united kingdom": "GB", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB",
        "czechia": "CZ", "czech republic": "CZ", "south korea": "KR", "korea": "KR", "north korea": "KP",
        "viet nam": "VN", "vietnam": "VN", "usa": "US", "united states of america": "US", "taiwan": "TW",
        "hong kong": "HK", "macau": "MO", "macao": "MO", "ivory coast": "CI", "holland": "NL",
        "the netherlands": "NL", "russian federation": "RU", "turkey": "TR", "türkiye": "TR",
    ]
}
