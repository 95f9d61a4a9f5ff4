package import RegardsCalendar
package import RegardsCore
package import RegardsMessage

/// A message with everything a channel needs, made from one candidate.
package struct ComposedMessage: Sendable {
    package var card: String
    package var channel: ChannelName
    package var destination: Outgoing.Destination
    package var message: RenderedMessage
    /// Who it really goes to; nil for a webhook.
    package var recipient: Address?
}

/// Why no message could be made of an outreach.
package enum ComposingError: Error, CustomStringConvertible {
    case card(CardError)
    /// The people or the customer changed between deciding and composing.
    case nobody(role: Role)

    package var description: String {
        switch self {
        case .card(let error): error.description
        case .nobody(let role): "nobody usable holds the role \(role)"
        }
    }
}

/// Makes messages: the same for the daemon, preview, a test message and simulation. Thread-safe.
package struct MessageComposer: Sendable {
    package let assembly: Assembly
    /// Secret bytes of this installation, from which Message-IDs are derived.
    let salt: [UInt8]

    package init(assembly: Assembly, salt: [UInt8]) {
        self.assembly = assembly
        self.salt = salt
    }

    /// What sets a trial apart from the real thing.
    package struct Options: Sendable {
        /// Every mail goes here instead of to its recipient.
        package var redirect: Address?
        package var subjectPrefix = ""
        /// Appended to the Message-ID's key, so that a trial never shares the id of the real message.
        package var trial = ""

        package init(redirect: Address? = nil, subjectPrefix: String = "", trial: String = "") {
            self.redirect = redirect
            self.subjectPrefix = subjectPrefix
            self.trial = trial
        }
    }

    /// - Parameter card: the card pinned on the row; nil: the step's own.
    package func compose(
        _ candidate: Candidate, _ facts: Facts, card pinned: String?, now: Instant, options: Options = Options()
    ) throws(ComposingError) -> ComposedMessage {
        let rule = assembly.book.rules[candidate.rule]
        let step = rule.steps[candidate.step]
        // A pinned card that no rule names any more is not at hand after a reload: the step's own takes its place.
        let use: CardReference.Use = step.action.isWebhook ? .webhook : .mail
        let kept = pinned.flatMap { $0.isEmpty || assembly.cards.contains($0, for: use) ? $0 : nil }
        let card = kept ?? rule.card(step, for: candidate, history: facts.history.cards[rule.name] ?? [], now: now).name
        if step.action.isWebhook { return try webhook(candidate, facts, rule, card) }
        return try mail(candidate, facts, rule, step, card, now, options)
    }

    /// All that a mail is made of, before it is one.
    private struct Letter {
        var header: MessageHeader
        var fields: CardFields
        var locale: String?
    }

    private func mail(
        _ candidate: Candidate, _ facts: Facts, _ rule: Rule, _ step: Step, _ card: String, _ now: Instant,
        _ options: Options
    ) throws(ComposingError) -> ComposedMessage {
        let letter = try letter(candidate, facts, rule, step, now, options)
        do {
            let message = try assembly.cards.renderMail(
                card, locale: letter.locale, fields: letter.fields, header: letter.header)
            let recipient = letter.header.to.address
            let envelope = Envelope(sender: assembly.book.house.business.email, recipient: recipient)
            return ComposedMessage(
                card: card, channel: candidate.outreach.channel, destination: .mailbox(envelope), message: message,
                recipient: recipient)
        } catch {
            throw .card(error)
        }
    }

    private func letter(
        _ candidate: Candidate, _ facts: Facts, _ rule: Rule, _ step: Step, _ now: Instant, _ options: Options
    ) throws(ComposingError) -> Letter {
        let house = assembly.book.house
        let role = step.action.recipientRole
        let contacts = house.contacts(role, for: facts.customer, on: house.day(of: candidate.outreach.dueAt))
        guard contacts.indices.contains(candidate.position) else { throw .nobody(role: role) }
        let to = contacts[candidate.position]
        let toStaff = role != .customer
        var key = candidate.outreach.key
        key.step += options.trial
        let header = MessageHeader(
            from: toStaff ? house.signer(.house, for: nil) : house.signer(rule.sender, for: facts.customer),
            to: options.redirect.map { Contact(name: to.name, address: $0) } ?? to,
            date: now, zone: candidate.zone.zone,
            id: MessageID.make(for: key, salt: salt, domain: house.business.email.domain),
            purpose: toStaff ? .care : rule.purpose, unsubscribe: house.business.email,
            unsubscribeToken: MessageID.unsubscribeToken(customer: key.customer, salt: salt),
            subjectPrefix: options.subjectPrefix,
            extra: options.redirect == nil ? [] : [("X-Regards-Redirected", "yes")])
        return Letter(
            header: header, fields: CardFieldsBuilder.fields(for: candidate, facts, assembly.book, to: to),
            locale: toStaff ? nil : facts.customer?.text(.locale))
    }

    /// The mail as a reader sees it; nil for a webhook, which nobody reads.
    package func look(at candidate: Candidate, _ facts: Facts, now: Instant) throws(ComposingError) -> MessageLook? {
        let rule = assembly.book.rules[candidate.rule]
        let step = rule.steps[candidate.step]
        guard !step.action.isWebhook else { return nil }
        let letter = try letter(candidate, facts, rule, step, now, Options())
        let card = rule.card(step, for: candidate, history: facts.history.cards[rule.name] ?? [], now: now).name
        do {
            let rendered = try assembly.cards.render(
                card, locale: letter.locale, fields: letter.fields,
                unsubscribe: letter.header.offersUnsubscribe ? letter.header.unsubscribe : nil,
                unsubscribeToken: letter.header.unsubscribeToken)
            return MessageLook(
                card: card, from: letter.header.from, to: letter.header.to, sentAt: now, zone: candidate.zone.zone,
                rendered: rendered)
        } catch {
            throw .card(error)
        }
    }

    private func webhook(
        _ candidate: Candidate, _ facts: Facts, _ rule: Rule, _ card: String
    ) throws(ComposingError) -> ComposedMessage {
        let fields = CardFieldsBuilder.fields(for: candidate, facts, assembly.book, to: nil)
        do {
            let message = try assembly.cards.renderWebhook(
                card, id: MessageID.webhook(for: candidate.outreach.key, salt: salt), type: rule.name,
                timestamp: candidate.outreach.dueAt, fields: fields)
            return ComposedMessage(
                card: card, channel: candidate.outreach.channel, destination: .endpoint, message: message, recipient: nil)
        } catch {
            throw .card(error)
        }
    }
}

extension MessageID {
    /// Stands for a customer in `List-Unsubscribe` mail; without the salt it names nobody.
    static func unsubscribeToken(customer: String, salt: [UInt8]) -> String {
        let key = OutreachKey(customer: customer, rule: "", occasion: "", step: "unsubscribe", recipient: "")
        return String(webhook(for: key, salt: salt).dropFirst(4).prefix(24))
    }
}
