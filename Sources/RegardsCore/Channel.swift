package import RegardsCalendar

/// One message ready for a channel.
package struct Outgoing: Sendable {
    /// The outbox row's id, given back with the report.
    package var outreach: Int64
    package var destination: Destination
    package var message: RenderedMessage
    /// Seconds since the epoch of this attempt, for signatures that carry a time (Standard Webhooks).
    package var attemptedAt: Instant

    package enum Destination: Sendable {
        case mailbox(Envelope)
        /// The endpoint is fixed in the channel's own settings.
        case endpoint
    }

    package init(outreach: Int64, destination: Destination, message: RenderedMessage, attemptedAt: Instant) {
        self.outreach = outreach
        self.destination = destination
        self.message = message
        self.attemptedAt = attemptedAt
    }
}

/// What a channel can do at the moment.
package enum ChannelState: Hashable, Sendable {
    /// Not connected; `open()` connects.
    case idle
    case opening
    /// Takes messages.
    case ready
    /// The last attempt to connect failed; `open()` may be called again.
    case down(DeferralReason, detail: String)
    /// `close` was called; nothing is taken any more.
    case closed
}

/// A way out: one SMTP relay, one webhook endpoint, one maildir.
///
/// The send loop marks a row `sending` only when a channel is `ready`, and never holds more than `capacity`
/// marked rows of one channel: a session's message on the wire plus one ahead. Methods return at once; calls
/// and callbacks may come on any thread.
package protocol Channel: AnyObject, Sendable {
    var name: String { get }
    /// Sessions this channel may have open at once.
    var sessions: Int { get }
    /// Rows that may be marked `sending` at once, those under way included: one on the wire and one ahead for each
    /// session, or fewer where a limit of speed holds them back. A change of state tells when there is more room.
    var capacity: Int { get }
    /// Called with each change of state, on a thread of the channel.
    func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void)
    /// Connects if `idle` or `down`; the answer is a change of state.
    func open()
    /// So many messages wait, made and not marked: a channel that opens its sessions one by one may open more.
    func expect(_ waiting: Int)
    /// Asked before a row is marked: nil when it may go now, and then it counts as gone; else when its turn comes.
    /// - Parameter isUrgent: it takes the next turn there is.
    func turn(of outreach: Int64, to destination: Outgoing.Destination, isUrgent: Bool, now: Instant) -> Instant?
    /// Sends one message; `ended` is called exactly once, whatever happens.
    func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void)
    /// Takes nothing new. Messages that were not handed over end at once as `deferred(.shutdown)`; those that were
    /// wait for their answer until `grace` has passed and then end as `inDoubt(.shutdown)`. Threads are joined;
    /// `done` is called when nothing is left.
    func close(grace: TimeSpan, done: @escaping @Sendable () -> Void)
    /// Answers from the channel's own thread, which shows the watchdog that the thread still moves. A channel without
    /// a running thread answers at once.
    func ping(_ answer: @escaping @Sendable () -> Void)
}

extension Channel {
    package var capacity: Int { sessions * 2 }

    package func expect(_ waiting: Int) {}

    package func turn(of outreach: Int64, to destination: Outgoing.Destination, isUrgent: Bool, now: Instant) -> Instant? {
        nil
    }

    /// For channels that have no thread of their own.
    package func ping(_ answer: @escaping @Sendable () -> Void) { answer() }
}
