package import RegardsCore
import RegardsDelivery
package import RegardsRules

/// Makes the channels that a configuration names. Reading secrets is the only I/O.
package enum ChannelBuilder {
    /// - Parameters:
    ///   - pace: what an earlier daemon kept of the pace of mail.
    ///   - isCheck: by somebody to whom systemd passes no credentials: those are a warning then, and no mistake.
    /// - Returns: nil when a mistake was found. Webhooks and relay are all checked before the answer.
    package static func channels(
        for configuration: Configuration, environment: [String: String], clock: any WallClock, pace: String? = nil, isCheck: Bool = false
    ) -> (channels: ChannelSet?, mistakes: [Mistake]) {
        var mistakes: [Mistake] = []
        var channels: [ChannelName: any Channel] = [:]
        let directory = environment["CREDENTIALS_DIRECTORY"]
        let shares = SessionShares(
            configuration.smtp.map { .smtp($0.sessions) } + configuration.webhooks.map { .webhook($0.sessions) })
        if !configuration.smtp.isEmpty {
            let members = configuration.smtp.compactMap { one in
                collecting(&mistakes, one.place, "smtp", isCheck) {
                    RelayGroup.Member(SMTPRelay(name: one.name, settings: try settings(one, directory, shares)), weight: one.weight)
                }
            }
            if !members.isEmpty {
                channels[.mail] = RelayGroup(name: "smtp", members: members, pace: Pace(configuration.pace, restoring: pace ?? ""), clock: clock.now)
            }
        } else if let maildir = configuration.maildir {
            channels[.mail] = MaildirChannel(name: "maildir", directory: maildir)
        }
        for webhook in configuration.webhooks {
            channels[.webhook(webhook.name)] = collecting(&mistakes, webhook.place, "webhooks.\(webhook.name)", isCheck) {
                WebhookEndpoint(name: webhook.name, settings: try settings(webhook, directory, shares))
            }
        }
        guard mistakes.isEmpty else { return (nil, mistakes) }
        return (ChannelSet(channels, clock: clock), [])
    }

    private static func collecting<Made>(
        _ mistakes: inout [Mistake], _ place: Place, _ path: String, _ isCheck: Bool, _ make: () throws -> Made
    ) -> Made? {
        do {
            return try make()
        } catch let error as SettingsError {
            mistakes.append(Mistake(at: place, path: "\(path).\(error.setting)", error.description))
        } catch CredentialError.noDirectory(let name) where isCheck {
            let message = "credential \(name) is passed to the service alone, and is not looked at here"
            mistakes.append(Mistake(.warning, at: place, path: path, message))
        } catch {
            mistakes.append(Mistake(at: place, path: path, "\(error)"))
        }
        return nil
    }

    private static func settings(_ smtp: SMTPConfiguration, _ directory: String?, _ shares: SessionShares) throws -> SMTPSettings {
        let security: SMTPSettings.Security =
            switch smtp.security {
            case .none: .none
            case .starttls: .startTLS
            case .tls: .implicitTLS
            }
        return try SMTPSettings(
            host: smtp.host, port: smtp.port, security: security, login: try login(smtp, directory), caFile: smtp.caFile,
            heloName: smtp.helo, allowPlaintext: smtp.allowPlaintext, sessions: shares.sessions(for: .smtp(smtp.sessions)))
    }

    /// The secret is read once here, so that a mistake shows at once. A token is read anew for each connection: it is good
    /// for an hour, and somebody puts a new one in its place.
    private static func login(_ smtp: SMTPConfiguration, _ directory: String?) throws -> SMTPLogin? {
        guard let user = smtp.user, let reference = smtp.secret else { return nil }
        let found = try secret(reference, directory)
        switch smtp.authentication {
        case .xoauth2: return SMTPLogin(user: user, mechanism: .xoauth2) { try secret(reference, directory) }
        case .plain: return SMTPLogin(user: user, mechanism: .plain) { found }
        case .login: return SMTPLogin(user: user, mechanism: .login) { found }
        case nil: return SMTPLogin(user: user, password: found)
        }
    }

    private static func settings(
        _ webhook: WebhookConfiguration, _ directory: String?, _ shares: SessionShares
    ) throws -> WebhookSettings {
        try WebhookSettings(
            url: webhook.url, secrets: try webhook.secrets.map { try secret($0, directory) },
            allowPrivate: webhook.allowPrivate, timeout: webhook.timeout, sessions: shares.sessions(for: .webhook(webhook.sessions)),
            headers: try webhook.headers.map { WebhookHeader(name: $0.name, value: try value($0.value, directory)) })
    }

    private static func value(_ value: HeaderSetting.Value, _ directory: String?) throws -> Secret {
        switch value {
        case .text(let text): Secret(text)
        case .secret(let reference): try secret(reference, directory)
        }
    }

    private static func secret(_ reference: SecretReference, _ directory: String?) throws -> Secret {
        switch reference {
        case .credential(let name): try Credentials.credential(name, directory: directory)
        case .file(let path): try Credentials.file(path)
        }
    }
}
