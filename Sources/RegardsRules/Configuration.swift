package import RegardsCalendar
package import RegardsCore

/// All that `regards.yaml` and the rule files say, checked. Immutable; a reload loads a new one.
///
/// Paths are as the operator would type them: relative ones in a file are taken from the folder of
/// `regards.yaml` and come out joined with it. No path has been opened except the rule files themselves.
package struct Configuration: Sendable {
    /// Path of `regards.yaml`.
    package var file: String
    /// Rules, event kinds, the customers' columns and the house. Cards add columns later.
    package var ruleBook: RuleBook
    package var state: StateSettings
    /// How long the ledger keeps what has ended, 430 to 36,600 days; nil: for ever. Default 1,100 days.
    package var retention: TimeSpan?
    /// How long copies of what was sent are kept beside the state file, 1 to 36,600 days; nil, the default: there are none.
    package var keepCopies: TimeSpan?
    package var source: CustomerSettings
    /// One for each of `ruleBook.eventKinds`, in the same order.
    package var events: [EventSettings]
    /// The relays; empty where mail goes to `maildir`.
    package var smtp: [SMTPConfiguration]
    /// How fast mail may go.
    package var pace: PaceLimits
    /// A folder; nil exactly when `smtp` is given. Default: `maildir` beside the state file.
    package var maildir: String?
    package var webhooks: [WebhookConfiguration]
    /// Default: `rules.d` beside `regards.yaml`. It need not exist unless the file names it.
    package var rulesFolder: String
    /// Default: `cards` beside `regards.yaml`.
    package var cardsFolder: String
    /// Where regards.yaml names the folder; nil where it does not.
    package var cardsPlace: Place?
    /// The files of `rulesFolder` that were read, in the order of their names.
    package var ruleFiles: [String]
}

/// Where the ledger lives.
package enum StateSettings: Hashable, Sendable {
    /// Default: `regards.sqlite` in the first folder of `$STATE_DIRECTORY`, else `state/regards.sqlite`
    /// beside `regards.yaml`.
    case sqlite(path: String)
}

/// A database of the business.
package enum DatabaseLocation: Hashable, Sendable {
    case sqlite(path: String)
}

/// A statement as written, without a final semicolon, and where its value starts in the file.
package struct Query: Hashable, Sendable {
    package var text: String
    package var place: Place
}

/// `customers:`: how customers are read.
package struct CustomerSettings: Hashable, Sendable {
    package var database: DatabaseLocation
    package var databasePlace: Place
    package var query: Query
    /// A second query with `:ids` for look-ups by id, where wrapping the first is too slow.
    package var lookup: Query?
    /// How often all customers are read anew. 1 second to 31 days, default 15 minutes.
    package var refresh: TimeSpan
}

/// `events: KIND:`, the part that the source needs; the rest is in `EventKind`.
package struct EventSettings: Hashable, Sendable {
    /// The kind's name.
    package var name: String
    package var place: Place
    package var query: Query
    /// Events older than this are read only while they are open. 1 hour to 3,660 days, default 31 days.
    package var horizon: TimeSpan
}

/// Where a secret is kept; its value is never in `regards.yaml`.
package enum SecretReference: Hashable, Sendable {
    /// A file of this name in `$CREDENTIALS_DIRECTORY` (systemd.exec(5), LoadCredential).
    case credential(String)
    /// A file of its own, which only its owner may read (mode 0600).
    case file(String)
}

/// How the connection to a relay is protected. Default: `none` to the machine itself, else `starttls`.
package enum SMTPSecurity: String, CaseIterable, Hashable, Sendable {
    /// TLS is demanded after EHLO (RFC 3207).
    case starttls
    /// TLS from the first byte (RFC 8314).
    case tls
    /// Plain text; only to the machine itself unless `allow_plaintext: yes`.
    case none

    /// 587, 465, 25.
    package var defaultPort: Int {
        switch self {
        case .starttls: 587
        case .tls: 465
        case .none: 25
        }
    }
}

/// How to log in to a relay.
package enum SMTPAuthentication: String, CaseIterable, Hashable, Sendable {
    case plain
    case login
    /// With an OAuth 2.0 access token in place of a password.
    case xoauth2
}

/// `smtp:`: a relay that takes mail.
package struct SMTPConfiguration: Hashable, Sendable {
    /// Tells relays apart; the host unless the file gives one.
    package var name: String
    package var host: String
    /// 1 to 65,535.
    package var port: Int
    package var security: SMTPSecurity
    /// The operator accepts `security: none` to another machine.
    package var allowPlaintext: Bool
    /// `user` and `secret` are given together or not at all.
    package var user: String?
    /// The password, or the token of `xoauth2`.
    package var secret: SecretReference?
    /// nil: the best that the relay offers.
    package var authentication: SMTPAuthentication?
    /// PEM file of the authorities to trust instead of the system's.
    package var caFile: String?
    /// The name said in EHLO; nil: the machine's.
    package var helo: String?
    /// Connections at once, 1 to 100.
    package var sessions: Int
    /// Its share beside the other relays' weights, 0 to 1,000; 0: only when all others are down.
    package var weight: Int
    package var rate: Rate?
    package var place: Place
}

/// `webhooks: NAME:`: an endpoint that takes events by HTTP.
package struct WebhookConfiguration: Hashable, Sendable {
    package var name: String
    /// `https://…`, or `http://…` to the machine itself or with `allow_private`.
    package var url: String
    /// The first signs; all are sent, so that a secret can be changed without a gap. Empty: unsigned.
    package var secrets: [SecretReference]
    /// The host may resolve to an address of a private network.
    package var allowPrivate: Bool
    /// Longest time for one request, 1 second to 10 minutes.
    package var timeout: TimeSpan
    /// Requests at once, 1 to 100.
    package var sessions: Int
    /// Sent with each request beside those that Regards sets itself.
    package var headers: [HeaderSetting] = []
    package var place: Place
}

/// A header of a webhook's requests.
package struct HeaderSetting: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case text(String)
        /// A token, which does not stand in the file.
        case secret(SecretReference)
    }

    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }

    /// What Standard Webhooks and HTTP/1.1 (RFC 9110, RFC 9112) want is set by Regards alone.
    static let own: Set<String> = [
        "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "expect",
        "upgrade", "te", "trailer", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature",
    ]
    /// What stands in these is a secret.
    static let secrets: Set<String> = ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"]

    static func isUsable(name: String) -> Bool {
        !own.contains(name.lowercased()) && (1...100).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
