/// Which time zones a country has, from the tables that tzdata installs beside its zones.
package struct CountryZones: Sendable {
    private var zones: [String: [String]] = [:]
    private var codes: [String: String] = [:]

    /// Knows no country.
    package static let none = CountryZones(codes: [:])

    private init(codes: [String: String]) { self.codes = codes }

    /// Reads `zone.tab` and `iso3166.tab` of the folder; knows no country where they are missing.
    package init(directory: String = ZoneCatalog.systemDirectory) {
        for fields in CountryZones.rows("\(directory)/iso3166.tab") where fields.count >= 2 {
            let name = fields[1].lowercased()
            codes[name] = fields[0]
            // Most people write what tzdata has as `bosnia & herzegovina` with an and.
            codes[name.split(separator: "&").map { $0.trimmingSpaces }.joined(separator: " and ")] = fields[0]
            codes[fields[0].lowercased()] = fields[0]
        }
        for fields in CountryZones.rows("\(directory)/zone.tab") where fields.count >= 3 {
            zones[fields[0], default: []].append(fields[2])
        }
        for (name, code) in CountryZones.commonNames where zones[code] != nil { codes[name] = code }
    }

    /// The zone of a country whose clocks all agree; nil where they do not, and for an unknown country.
    ///
    /// Two zones count as one when their clocks agree in the years that messages can be planned in: Germany has two
    /// names, Berlin and Busingen, and one time. The name that `zone.tab` lists first stands for all.
    /// - Parameter country: an ISO 3166 code of two letters, or the English name; case does not matter.
    package func onlyZone(of country: String, in catalog: ZoneCatalog) -> Zone? {
        guard let code = code(of: country), let names = zones[code] else { return nil }
        let found = names.compactMap { catalog.zone(named: $0) }
        guard let first = found.first, found.count == names.count else { return nil }
        return found.allSatisfy { $0.agrees(with: first, in: CountryZones.years) } ? first : nil
    }

    /// 2026 to 2099: from this release on. What clocks showed before does not matter to anybody who is written to.
    private static let years = Instant(seconds: 1_767_225_600)..<Instant(seconds: 4_102_444_800)

    /// The two-letter code of a country given as code or English name; nil when unknown.
    package func code(of country: String) -> String? { codes[country.lowercased()] }

    /// Codes and English names in lower case, in order.
    package var names: [String] { codes.keys.sorted() }

    private static func rows(_ path: String) -> [[String]] {
        guard let bytes = SystemFiles.read(path, limit: 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            line.hasPrefix("#") ? nil : line.split(separator: "\t").map(String.init)
        }
    }

    /// Names that databases use where tzdata has another spelling.
    private static let commonNames = [
        "united kingdom": "GB", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
        "czechia": "CZ", "czech republic": "CZ", "south korea": "KR", "korea": "KR", "north korea": "KP",
        "viet nam": "VN", "vietnam": "VN", "usa": "US", "united states of america": "US", "taiwan": "TW",
        "hong kong": "HK", "macau": "MO", "macao": "MO", "ivory coast": "CI", "holland": "NL",
        "the netherlands": "NL", "russian federation": "RU", "turkey": "TR", "türkiye": "TR", "uae": "AE",
        "myanmar": "MM", "burma": "MM", "eswatini": "SZ", "swaziland": "SZ", "samoa": "WS", "american samoa": "AS",
        "democratic republic of the congo": "CD", "republic of the congo": "CG", "republic of korea": "KR",
        "republic of ireland": "IE", "cape verde": "CV", "cabo verde": "CV", "east timor": "TL", "timor-leste": "TL",
        "north macedonia": "MK", "united arab emirates": "AE",
    ]
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
