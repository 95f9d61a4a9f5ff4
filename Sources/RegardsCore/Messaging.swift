import RegardsCalendar

/// One message of an occasion, with its place in time.
struct Message {
    /// The occasion of the ledger's key.
    var occasion: String
    /// The day and time meant, before spread and quiet hours, and the zone they are meant in.
    var meant: LocalMoment
    var zone: Zone
    /// When it is really due.
    var dueAt: Instant
    var repetition = 1
    /// When the next repetition takes its place.
    var replacedAt: Instant?
    var isOvertaken = false
}

// MARK: - From an occasion to its messages

extension Planner {
    /// A step's message for an occasion on a date; nil for a step that hangs on an event.
    mutating func message(
        of occasion: LocalOccasion, rule index: Int, step: Int, _ spread: TimeSpan, _ customer: Customer, _ zone: CustomerZone
    ) -> Message? {
        guard let meant = plans[index].steps[step].moment(of: occasion) else { return nil }
        let spread = plans[index].steps[step].isList ? .zero : spread
        let due = allowed(from: meant.dueAt + spread, plans[index].steps[step], customer, zone.zone)
        return Message(occasion: occasion.id, meant: meant, zone: occasion.zone, dueAt: due)
    }

    /// The first instant, not before a given one, at which quiet hours and days let a message of a step go.
    mutating func firstOpen(from instant: Instant, _ step: StepPlan, _ customer: Customer?, _ zone: Zone) -> Instant {
        guard step.obeysQuiet else { return instant }
        let country = quiet.asksForCountry ? customer.flatMap { countryCode(of: $0) } : nil
        return quiet.firstOpen(from: instant, in: zone, country: country)
    }

    /// When a message may go that is due at an instant: later in quiet hours, for what obeys them.
    mutating func allowed(from due: Instant, _ step: StepPlan, _ customer: Customer?, _ zone: Zone) -> Instant {
        guard step.obeysQuiet else { return due }
        let country = quiet.asksForCountry ? customer.flatMap { countryCode(of: $0) } : nil
        return quiet.allowed(from: due, in: zone, country: country)
    }

    /// Calls `body` with a candidate for each recipient.
    func emit(
        _ message: Message, rule index: Int, step number: Int, customerKey: String, customer: Customer?,
        zone: CustomerZone, _ body: (Candidate) -> Void
    ) {
        let step = plans[index].steps[number]
        func candidate(_ position: Int, _ name: String, _ recipient: String, _ channel: ChannelName) -> Candidate {
            let key = OutreachKey(
                customer: customerKey, rule: plans[index].name, occasion: message.occasion, step: name, recipient: recipient)
            let planned = PlannedOutreach(
                key: key, dueAt: message.dueAt, expiresAt: expiry(of: message, index, step, zone.zone),
                zone: message.zone.name, localDate: message.meant.date, localTime: message.meant.time, channel: channel,
                lane: plans[index].lane, ruleHash: plans[index].hash)
            return Candidate(
                outreach: planned, rule: index, step: number, position: position, zone: zone,
                belatedFrom: belatedFrom(message, index, step, zone.zone), isOvertaken: message.isOvertaken)
        }
        let name = message.repetition == 1 ? step.name : "\(step.name)#\(message.repetition)"
        body(candidate(0, name, step.recipient, step.channel))
        for position in 1..<max(1, recipientCount(step, customer, due: message.dueAt)) {
            body(candidate(position, name, "\(step.role)/\(position)", step.channel))
        }
        if message.repetition == 1, let fallback = step.fallback {
            var item = candidate(0, fallback.name, fallback.recipient, fallback.channel)
            item.isFallback = true
            body(item)
        }
    }

    /// The item of a list that is owed where a message's recipient turns out to take no mail; nil where the rule has none.
    package func fallback(of candidate: Candidate) -> PlannedOutreach? {
        guard !candidate.isFallback, let fallback = plans[candidate.rule].steps[candidate.step].fallback else { return nil }
        var item = candidate.outreach
        item.key.step = fallback.name
        item.key.recipient = fallback.recipient
        item.channel = fallback.channel
        return item
    }

    /// A role that nobody holds still has its first position, so that the gap is seen and not lost; a list has no more
    /// than one.
    func recipientCount(_ step: StepPlan, _ customer: Customer?, due: Instant) -> Int {
        step.isTell ? book.house.contacts(step.role, for: customer, on: book.house.day(of: due)).count : 1
    }

    /// What staff are told is never too late, but for a repetition whose successor's time has come.
    private func expiry(of message: Message, _ index: Int, _ step: StepPlan, _ zone: Zone) -> Instant? {
        if step.isTell { return message.replacedAt }
        let patience = plans[index].patience
        let expiry = step.isSend ? patience.expiry(due: message.dueAt, in: zone) : patience.graceEnd(due: message.dueAt, in: zone)
        guard let replacedAt = message.replacedAt else { return expiry }
        return expiry.map { min($0, replacedAt) } ?? replacedAt
    }

    private func belatedFrom(_ message: Message, _ index: Int, _ step: StepPlan, _ zone: Zone) -> Instant? {
        guard step.isSend, plans[index].patience.within != nil else { return nil }
        return plans[index].patience.graceEnd(due: message.dueAt, in: zone)
    }
}

extension Step.Action {
    package var recipientRole: Role {
        switch self {
        case .send, .webhook: .customer
        case .tell(let role, _): role
        case .list(let target): target.role
        }
    }

    package var channel: ChannelName {
        switch self {
        case .send, .tell: .mail
        case .webhook(let endpoint, _): .webhook(endpoint)
        case .list(let target): .list(target.name)
        }
    }
}
