package import RegardsCalendar
// Stand-in until the real one lands.
extension Record {
    package func instant(_ slot: Int, zone: Zone) -> Instant? { nil }
}
extension Record {
    package func birthDate(_ slot: Int) -> BirthDate? { nil }
}
