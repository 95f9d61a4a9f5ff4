import RegardsCalendar
import RegardsCore

/// Reads where the ledger lives and which ways out there are.
struct ChannelReader {
    let draft: Draft
    /// The folder of regards.yaml, which relative paths start from.
    let folder: String

    // MARK: The ledger

    func state(_ item: Item) -> StateSettings? {
        item.database(in: folder).map { database in
            switch database {
            case .sqlite(let path): .sqlite(path: path)
            }
        }
    }

    /// What a budget, a condition or a yearly occasion may ask for lies within 402 days.
    func retention(_ item: Item) -> TimeSpan? {
        item.scalar == "off" ? nil : item.span(.days(430)...(.days(36_600)), named: "430d to 36600d, or off")
    }

    func keepCopies(_ item: Item) -> TimeSpan? {
        item.scalar == "off" ? nil : item.span(.days(1)...(.days(36_600)), named: "1d to 36600d, or off")
    }

    /// systemd gives several folders in one variable, separated by colons.
    static func defaultState(environment: [String: String], folder: String) -> StateSettings {
        let given = environment["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init)
        return .sqlite(path: FilePath.join(given ?? FilePath.join(folder, "state"), "regards.sqlite"))
    }

    // MARK: Mail

    /// One relay, or a list of them.
    func smtp(_ item: Item) -> [SMTPConfiguration] {
        let items = item.oneOrMore()
        var relays: [SMTPConfiguration] = []
        for one in items {
            guard let relay = relay(one, isOneOfSeveral: items.count > 1) else { continue }
            if let first = relays.first(where: { $0.name == relay.name }) {
                one.fail(.repeated("relay", relay.name, first: first.place))
            }
            relays.append(relay)
        }
        if let first = relays.first, relays.count > 1, relays.allSatisfy({ $0.weight == 0 }) {
            item.fail(.outside("a weight above 0 for one relay at least", got: "0"), at: first.place)
        }
        return relays
    }

    private static let relayKeys = Keys(
        "host", "port", "security", "allow_plaintext", "user", "password", "auth", "token", "ca_file", "helo", "sessions",
        "rate", "name", "weight", later: ["bounces", "dkim"])

    private func relay(_ item: Item, isOneOfSeveral: Bool) -> SMTPConfiguration? {
        guard let form = item.form(Self.relayKeys) else { return nil }
        let host = form.required("host", "the relay's name")?.hostName()
        // On the machine itself there is nobody on the way; a relay there seldom has a certificate to verify.
        let usual = host.map { Host.isLoopback($0) ? SMTPSecurity.none : .starttls } ?? .starttls
        let security = form["security"].map { $0.word(SMTPSecurity.self) } ?? usual
        let port = form["port"]?.integer(1...65_535)
        let allowsPlaintext = form["allow_plaintext"]?.flag() ?? false
        let login = login(form)
        if let host, security == SMTPSecurity.none, !Host.isLoopback(host) {
            if !allowsPlaintext { (form["security"] ?? item).fail(.plaintext(host: host)) }
            if let user = form["user"], allowsPlaintext { user.fail(.plaintextLogin(host: host)) }
        }
        for key in ["name", "weight"] where form[key] != nil && !isOneOfSeveral {
            item.fail(.onlyWith(key, "a list of several relays"), at: form.place(of: key))
        }
        let name = form["name"].map { $0.ruleName() } ?? host
        let helo = form["helo"]?.helloName()
        let caFile = form["ca_file"]?.filePath(in: folder)
        let sessions = form["sessions"]?.integer(1...100) ?? Self.usualSessions
        let weight = form["weight"]?.integer(0...1_000) ?? 1
        let rate = form["rate"]?.rate()
        guard let host, let security, let name else { return nil }
        return SMTPConfiguration(
            name: name, host: host, port: port ?? security.defaultPort, security: security,
            allowPlaintext: allowsPlaintext, user: login.user, secret: login.secret, authentication: login.way,
            caFile: caFile, helo: helo, sessions: sessions, weight: weight, rate: rate, place: item.place)
    }

    /// Enough that the answers of a relay far away do not set the pace, and no more than relays grant without being asked.
    private static let usualSessions = 4

    /// A password, or with `auth: xoauth2` a token.
    private func login(_ form: Form) -> (user: String?, secret: SecretReference?, way: SMTPAuthentication?) {
        let way = form["auth"]?.word(SMTPAuthentication.self)
        let key = way == .xoauth2 ? "token" : "password"
        let other = way == .xoauth2 ? "password" : "token"
        if form[other] != nil {
            let condition = way == .xoauth2 ? "auth: plain or login; xoauth2 takes a token" : "auth: xoauth2"
            form.item.fail(.onlyWith(other, condition), at: form.place(of: other))
        }
        for (one, needed) in [("user", key), (key, "user"), ("auth", "user")] where form[one] != nil && form[needed] == nil {
            form.item.fail(.needs(one, also: needed), at: form.place(of: one))
        }
        return (form["user"]?.text("a user name"), form[key].flatMap(secret), way)
    }

    // MARK: Webhooks

    func webhooks(_ item: Item) -> [WebhookConfiguration] {
        guard let entries = item.entries() else { return [] }
        draft.webhooks = entries.map(\.name)
        return entries.compactMap { entry in
            guard Name.isKind(entry.name) else {
                return item.refuse(.expected(Name.kindForm, got: entry.name), at: entry.place)
            }
            return webhook(entry.item, name: entry.name)
        }
    }

    private func webhook(_ item: Item, name: String) -> WebhookConfiguration? {
        let keys = Keys("url", "secret", "allow_private", "timeout", "sessions", "headers")
        guard let form = item.form(keys) else { return nil }
        let allowsPrivate = form["allow_private"]?.flag() ?? false
        let url = form.required("url", "where to send, such as https://crm.example.com/regards")?
            .webAddress(allowsPlain: allowsPrivate)
        let references = "{credential: NAME} or {file: PATH}, or none for an endpoint that checks no signature"
        let secrets = form.required("secret", references).map(secrets)
        let timeout = form["timeout"].map { $0.span(.seconds(1) ... .minutes(10), named: "1s to 10min") } ?? .seconds(20)
        let sessions = form["sessions"]?.integer(1...100) ?? Self.usualSessions
        let headers = form["headers"].map(headers) ?? []
        guard let url, let secrets, let timeout else { return nil }
        return WebhookConfiguration(
            name: name, url: url, secrets: secrets, allowPrivate: allowsPrivate, timeout: timeout, sessions: sessions,
            headers: headers, place: item.place)
    }

    private func headers(_ item: Item) -> [HeaderSetting] {
        var seen: Set<String> = []
        return (item.entries() ?? []).compactMap { entry -> HeaderSetting? in
            guard HeaderSetting.isUsable(name: entry.name), seen.insert(entry.name.lowercased()).inserted else {
                return item.refuse(.expected("the name of a header that Regards does not set itself", got: entry.name), at: entry.place)
            }
            if entry.item.isMapping || HeaderSetting.secrets.contains(entry.name.lowercased()) {
                return secret(entry.item).map { HeaderSetting(name: entry.name, value: .secret($0)) }
            }
            let value = entry.item.parsed("visible ASCII, or {credential: NAME} or {file: PATH} for a secret") { text in
                text.utf8.count <= 1_000 && text.utf8.allSatisfy { (0x20...0x7e).contains($0) } ? text : nil
            }
            return value.map { HeaderSetting(name: entry.name, value: .text($0)) }
        }
    }

    private func secrets(_ item: Item) -> [SecretReference] {
        item.scalar == "none" ? [] : item.oneOrMore().compactMap(secret)
    }

    /// What is written in place of a reference may be the secret itself and is never repeated.
    private func secret(_ item: Item) -> SecretReference? {
        guard item.isMapping else { return item.refuse(.openSecret) }
        guard let form = item.form(Keys("credential", "file")), let key = form.exactlyOne(of: ["credential", "file"]) else {
            return nil
        }
        if key == "file" { return form[key]?.filePath(in: folder).map { .file($0) } }
        return form[key]?.parsed("a credential's name, without a folder") { name in
            name.contains("/") || name == "." || name == ".." ? nil : .credential(name)
        }
    }
}

/// Names of hosts, as text.
enum Host {
    static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    static func withoutBrackets(_ text: String) -> String {
        text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    }

    /// A name, an IPv4 address, or an IPv6 address.
    static func isValid(_ host: String) -> Bool {
        guard (1...253).contains(host.utf8.count) else { return false }
        if host.contains(":") {
            return host.split(separator: ":", omittingEmptySubsequences: false).count >= 3
                && host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        }
    }
}

extension Item {
    /// A name or an address; brackets around an IPv6 address are taken off.
    func hostName() -> String? {
        parsed("a host name such as mail.example.com, without a port") { text in
            let host = Host.withoutBrackets(text)
            return Host.isValid(host) ? host : nil
        }
    }

    /// What may be said in EHLO: a name, or an address in brackets (RFC 5321 4.1.3).
    func helloName() -> String? {
        parsed("a host name such as mail.example.com, or an address such as [192.0.2.1]") { text in
            Host.isValid(Host.withoutBrackets(text)) ? text : nil
        }
    }

    /// `https://host[:port][/path]`. A user or password in it would be a secret in this file.
    func webAddress(allowsPlain: Bool) -> String? {
        guard let text = text("an address that begins with https://") else { return nil }
        let isPlain = text.hasPrefix("http://")
        guard isPlain || text.hasPrefix("https://"), text.utf8.count <= 2_000,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            return refuse(.badURL(text))
        }
        let authority = text.dropFirst(isPlain ? 7 : 8).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { return refuse(.badURL("…")) }
        guard let host = Item.host(of: authority) else { return refuse(.badURL(text)) }
        guard !isPlain || allowsPlain || Host.isLoopback(host) else { return refuse(.notSecureURL) }
        return text
    }

    /// The host of `host`, `host:port` or `[address]:port`; nil for anything else.
    private static func host(of authority: Substring) -> String? {
        let bracket = authority.first == "[" ? authority.firstIndex(of: "]") : nil
        let end = bracket.map(authority.index(after:)) ?? authority.firstIndex(of: ":") ?? authority.endIndex
        let host = Host.withoutBrackets(String(authority[..<end]))
        let port = authority[end...]
        let isPort = port.isEmpty || (port.first == ":" && UInt16(port.dropFirst()).map { $0 > 0 } == true)
        return isPort && Host.isValid(host) ? host : nil
    }
}
