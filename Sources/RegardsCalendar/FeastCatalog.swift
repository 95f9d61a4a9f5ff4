/// A feast that rules can name.
package struct Feast: Hashable, Sendable {
    /// Lower case with hyphens, such as `mid-autumn`.
    package var name: String
    package var rule: FeastRule

    package init(name: String, rule: FeastRule) {
        self.name = name
        self.rule = rule
    }
}

/// The feasts a house knows: the built-in ones and its own.
package struct FeastCatalog: Sendable {
    private let byName: [String: Feast]
    /// In the order of the table below, a house's own after them.
    package let all: [Feast]
    /// Those that some country's customers are greeted on, and a house's own: what a customer's row may name. Days of
    /// mourning are not among them.
    package let greeted: [Feast]

    /// - Parameter own: the house's feasts; one with the name of a built-in feast takes its place.
    package init(own: [Feast] = []) {
        let ownNames = Set(own.map(\.name))
        all = FeastCatalog.builtIn.filter { !ownNames.contains($0.name) } + own
        byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        let greetedNames = FeastCatalog.countries.values.reduce(into: ownNames) { $0.formUnion($1) }
        greeted = all.filter { greetedNames.contains($0.name) }
    }

    /// nil for a name that nobody defined.
    package func feast(named name: String) -> Feast? { byName[name] }

    /// What `feast: by_country` stands for: feasts on which customers of a country (ISO 3166 code, in any
    /// case) are commonly greeted, in the order of the year. For other countries the first of January alone.
    ///
    /// Days of mourning (Qingming, Zhongyuan, Good Friday) are left out: nobody is congratulated on them.
    package func feasts(country: String) -> [Feast] {
        (FeastCatalog.countries[country.uppercased()] ?? ["new-year"]).compactMap { byName[$0] }
    }

    package static let builtIn: [Feast] = [
        // The Chinese year.
        ("spring-festival", "lunar 1-1"), ("lantern", "lunar 1-15"), ("longtaitou", "lunar 2-2"),
        ("qingming", "qingming"), ("dragon-boat", "lunar 5-5"), ("qixi", "lunar 7-7"), ("zhongyuan", "lunar 7-15"),
        ("mid-autumn", "lunar 8-15"),
        ("double-ninth", "lunar 9-9"), ("xiayuan", "lunar 10-15"), ("dongzhi", "dongzhi"), ("laba", "lunar 12-8"),
        ("lunar-new-years-eve", "lunar year-end"),
        // Fixed days.
        ("new-year", "01-01"), ("epiphany", "01-06"), ("orthodox-christmas", "01-07"), ("valentines-day", "02-14"),
        ("womens-day", "03-08"), ("st-patricks-day", "03-17"), ("labour-day", "05-01"), ("childrens-day", "06-01"),
        ("canada-day", "07-01"), ("independence-day", "07-04"), ("bastille-day", "07-14"), ("assumption", "08-15"),
        ("teachers-day", "09-10"), ("national-day-cn", "10-01"), ("german-unity", "10-03"), ("halloween", "10-31"),
        ("all-saints", "11-01"), ("singles-day", "11-11"), ("st-nicholas", "12-06"), ("christmas-eve", "12-24"),
        ("christmas", "12-25"), ("boxing-day", "12-26"), ("new-years-eve", "12-31"),
        // Around Easter.
        ("carnival-monday", "48 days before easter"), ("shrove-tuesday", "47 days before easter"),
        ("ash-wednesday", "46 days before easter"), ("mothering-sunday", "21 days before easter"),
        ("palm-sunday", "7 days before easter"), ("maundy-thursday", "3 days before easter"),
        ("good-friday", "2 days before easter"), ("easter", "easter"), ("easter-monday", "1 day after easter"),
        ("ascension", "39 days after easter"), ("pentecost", "49 days after easter"),
        ("whit-monday", "50 days after easter"), ("corpus-christi", "60 days after easter"),
        ("orthodox-good-friday", "2 days before orthodox easter"), ("orthodox-easter", "orthodox easter"),
        ("orthodox-easter-monday", "1 day after orthodox easter"),
        ("orthodox-pentecost", "49 days after orthodox easter"),
        // Weekdays of a month.
        ("martin-luther-king-day", "3rd mon of january"), ("presidents-day", "3rd mon of february"),
        ("mothers-day", "2nd sun of may"), ("memorial-day", "last mon of may"), ("fathers-day", "3rd sun of june"),
        ("us-labor-day", "1st mon of september"), ("columbus-day", "2nd mon of october"),
        ("canadian-thanksgiving", "2nd mon of october"), ("thanksgiving", "4th thu of november"),
        ("black-friday", "1 day after 4th thu of november"), ("first-advent", "3 days after last thu of november"),
    ].compactMap { name, text in FeastRule(text).map { Feast(name: name, rule: $0) } }

    private static let chinese = [
        "new-year", "spring-festival", "lantern", "dragon-boat", "mid-autumn", "double-ninth",
    ]
    private static let western = ["new-year", "easter", "christmas"]
    private static let orthodox = ["new-year", "orthodox-easter", "christmas"]

    private static let countries: [String: [String]] = {
        var table: [String: [String]] = [
            "CN": chinese + ["national-day-cn"], "HK": chinese + ["christmas"], "MO": chinese + ["christmas"],
            "TW": chinese,
            "SG": ["new-year", "spring-festival", "mid-autumn", "christmas"],
            "MY": ["new-year", "spring-festival", "mid-autumn", "christmas"],
            "US": ["new-year", "independence-day", "thanksgiving", "christmas"],
            "CA": ["new-year", "canada-day", "canadian-thanksgiving", "christmas"],
            "RU": ["new-year", "orthodox-christmas", "womens-day", "orthodox-easter"],
            "RS": ["new-year", "orthodox-christmas", "orthodox-easter"],
        ]
        for country in ["GR", "CY", "RO", "BG", "UA", "MD", "MK"] { table[country] = orthodox }
        let westernCountries = """
            AR AT AU BE BO BR CH CL CO CR CZ DE DK EC EE ES FI FR GB GT HR HU IE IS IT LI LT LU LV MT MX NL NO NZ PE \
            PH PL PT PY SE SI SK UY ZA
            """
        for country in westernCountries.split(separator: " ") { table[String(country)] = western }
        return table
    }()
}
