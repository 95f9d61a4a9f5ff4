import RegardsCore

/// Reads how fast mail may go: `limits: {rate: …, rate_per_domain: …}`, and the rates of the relays.
struct PaceReader {
    func limits(_ item: Item?, relays: [SMTPConfiguration]) -> PaceLimits {
        var limits = PaceLimits()
        for relay in relays { limits.relays[relay.name] = relay.rate }
        // LimitsReader has reported what is no key of `limits`.
        guard let item, case .mapping(let pairs) = item.value.content else { return limits }
        let form = Form(item: item, pairs: pairs)
        limits.overall = form["rate"]?.rate()
        if let perDomain = form["rate_per_domain"] { domains(perDomain, &limits) }
        return limits
    }

    /// One rate for each domain, or rates by domain with `others:` for all the rest.
    private func domains(_ item: Item, _ limits: inout PaceLimits) {
        guard item.isMapping else { return limits.everyDomain = item.rate() }
        for entry in item.entries() ?? [] {
            if entry.name == "others" {
                limits.everyDomain = entry.item.rate()
            } else if let domain = domain(entry.name) {
                limits.domains.updateValue(entry.item.scalar == "none" ? nil : entry.item.rate(), forKey: domain)
            } else {
                item.fail(.expected("a domain such as example.com, or others", got: entry.name), at: entry.place)
            }
        }
    }

    /// As it stands in an address, in small letters.
    private func domain(_ text: String) -> String? {
        (try? Address("postmaster@" + text)).map { $0.domain.lowercased() }
    }
}

extension Item {
    func rate() -> Rate? { parsed("a rate such as 10/s, 100/min, 2000/h or 50000/d") { Rate($0) } }
}
