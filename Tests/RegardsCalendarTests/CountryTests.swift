import RegardsCalendar
import Testing

/// What names of countries mean, over the tables of this machine.
@Suite struct CountryTests {
    private let countries = CountryZones()

    @Test(arguments: [
        ("CN", "CN"), ("china", "CN"), ("Germany", "DE"), ("Bosnia and Herzegovina", "BA"), ("Bosnia & Herzegovina", "BA"),
        ("Trinidad and Tobago", "TT"), ("UK", "GB"), ("Burma", "MM"), ("Czechia", "CZ"), ("South Georgia and the South Sandwich Islands", "GS"),
        ("North Macedonia", "MK"), ("Republic of the Congo", "CG"),
    ]) func aCountryIsKnownByItsNames(name: String, code: String) { #expect(countries.code(of: name) == code) }

    @Test(arguments: ["", "and", "Germny", "Deutschland", "XQ"]) func othersAreNoCountry(name: String) {
        #expect(countries.code(of: name) == nil)
    }
}
