import RegardsCalendar
import RegardsCore
import Testing

/// The ledger's words, and what files and commands spell.
@Suite struct WordsTests {
    @Test(arguments: [
        ("anniversery", "anniversary"), ("aniversary", "anniversary"), ("Schedule", "schedule"), ("SCHEDULE", "schedule"), ("schedlue", "schedule"),
        ("evnt", "event"), ("whn", "when"), ("hwen", "when"), ("purpose", "purpose"), ("sendd", "send"), ("x", nil), ("", nil), ("zzzzzz", nil),
        ("a", nil), ("birthday", nil),
    ] as [(String, String?)])
    func theNearestName(name: String, nearest: String?) {
        #expect(NearestName.of(name, among: ["when", "send", "event", "purpose", "schedule", "anniversary", "b"]) == nearest)
    }

    @Test func tiesGoToTheFirst() {
        #expect(NearestName.of("cart", among: ["card", "care"]) == "card")
        #expect(NearestName.of("cart", among: ["care", "card"]) == "care")
        #expect(NearestName.of("card", among: ["care", "card"]) == "card")
        #expect(NearestName.of("card", among: []) == nil)
        #expect(NearestName.of("", among: [""]) == "")
    }

    @Test func placesAndMistakes() {
        let place = Place(file: "rules.d/win-back.yaml", line: 14, column: 18)
        #expect(place.description == "rules.d/win-back.yaml:14:18")
        #expect(Place(file: "regards.yaml", line: 0, column: 0).description == "regards.yaml")
        let mistake = Mistake(at: place, path: "quiet_hours.end", "expected HH:MM, got \"25:00\"")
        #expect(mistake.description == "rules.d/win-back.yaml:14:18: quiet_hours.end: expected HH:MM, got \"25:00\"")
        #expect(Mistake(.warning, at: place, "unused").description == "rules.d/win-back.yaml:14:18: warning: unused")
    }

    /// Stored numbers and words: a change of any of them is a change of format.
    @Test func whatIsStored() {
        #expect(OutreachState.allCases.map(\.rawValue) == [0, 1, 2, 3, 10, 11, 12, 13])
        #expect(OutreachState.allCases.map(\.description) == ["planned", "claimed", "sending", "held", "sent", "failed", "skipped", "cancelled"])
        #expect(OutreachState.allCases.filter(\.hasEnded) == [.sent, .failed, .skipped, .cancelled])
        #expect(OutreachState.allCases.allSatisfy { OutreachState(name: $0.description) == $0 })
        #expect(OutreachState(name: "lost") == nil)
        #expect(Lane.allCases.map(\.rawValue) == [0, 1])
        #expect(
            CancelReason.allCases.map(\.rawValue) == [
                "customer-gone", "rule-gone", "occasion-gone", "condition-false", "do-not-contact", "no-consent", "no-address", "event-ended",
                "rule-off", "not-sampled", "suppressed", "reachable", "overtaken", "by-hand",
            ])
    }

    @Test(arguments: ["late", "rehearsed", "redirected", "baseline", "budget:birthday-card", "replaced:birthday-card", "same-address"])
    func skipReasons(text: String) { #expect(SkipReason(text)?.description == text) }

    @Test(arguments: ["", "budget", "budget:", "replaced:", "Late"])
    func noSkipReasons(text: String) { #expect(SkipReason(text) == nil) }

    @Test(arguments: ["mail", "webhook:crm", "webhook:a:b", "list:calls"])
    func channelNames(text: String) { #expect(ChannelName(text)?.description == text) }

    @Test(arguments: ["", "Mail", "webhook", "webhook:", "list:", "smtp"])
    func noChannelNames(text: String) { #expect(ChannelName(text) == nil) }

    @Test(arguments: ["in-doubt", "open:complaint", "open:a:b", "paused", "approval", "guard-day", "by-hand", "customers-missing"])
    func holdReasons(text: String) { #expect(HoldReason(text)?.description == text) }

    @Test(arguments: ["", "open", "open:", "late"])
    func noHoldReasons(text: String) { #expect(HoldReason(text) == nil) }

    @Test func cardsOfTheMonth() throws {
        let card = CardPattern("monthly/{month}")
        #expect(card.name(on: try date("2027-05-05")) == "monthly/05")
        #expect(card.name(on: try date("2027-12-31")) == "monthly/12")
        #expect(card.names.count == 12)
        #expect(card.names.first == "monthly/01")
        #expect(CardPattern("birthday").names == ["birthday"])
        #expect(CardPattern("birthday").name(on: try date("2027-05-05")) == "birthday")
        #expect(CardPattern("{month}-{month}").name(on: try date("2027-05-05")) == "05-05")
    }

    @Test func latenessByPurpose() {
        for purpose in Purpose.allCases {
            let rule = Rule(name: "r", purpose: purpose, trigger: .event(.init(kind: 0)), steps: [])
            #expect(rule.lateness == (purpose == .care ? .forever : .untilMidnight))
        }
    }

    @Test func rolesAndChannelsOfActions() {
        let card = CardPattern("x")
        #expect(Step.Action.send(card).recipientRole == .customer)
        #expect(Step.Action.tell(Role("manager"), card).recipientRole == Role("manager"))
        #expect(Step.Action.webhook(endpoint: "crm", card).recipientRole == .customer)
        #expect(Step.Action.webhook(endpoint: "crm", card).channel == .webhook("crm"))
        #expect(Step.Action.tell(Role("manager"), card).channel == .mail)
        #expect(Step.Action.send(card).card == card)
        #expect(Step.Action.tell(Role("manager"), card).card == card)
        #expect(Step.Action.webhook(endpoint: "crm", card).card == card)
    }
}
