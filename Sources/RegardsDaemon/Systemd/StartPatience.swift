import Dispatch
package import RegardsCalendar

/// Asks systemd for more time while a start takes long: a migration of a large state file, a first pass over many
/// customers. A start that does not get on runs into `TimeoutStartSec=` all the same.
package final class StartPatience: @unchecked Sendable {
    private let notify: Notify
    private let every: TimeSpan
    private let limit: Int
    private let queue = DispatchQueue(label: "regards.start")

    // Everything below is touched on `queue` only.
    private var isGettingOn: @Sendable () -> Bool = { true }
    private var beatsWithout = 0
    private var isOver = false

    /// - Parameters:
    ///   - every: how often systemd is asked, each time for fifteen times as long.
    ///   - limit: after so many beats in which nothing got on systemd is asked no more.
    package init(notify: Notify, every: TimeSpan = .seconds(1), limit: Int = 60) {
        self.notify = notify
        self.every = every
        self.limit = limit
    }

    /// Until something else is said, what is under way cannot say whether it gets on (a migration is one statement
    /// after the other): it is believed.
    package func begin() {
        queue.async { [weak self] in self?.beat() }
    }

    /// From now on there is somebody to ask.
    package func ask(_ isGettingOn: @escaping @Sendable () -> Bool) {
        queue.async { [self] in
            self.isGettingOn = isGettingOn
            beatsWithout = 0
        }
    }

    /// The start is over: systemd is asked no more once this has returned.
    package func end() {
        queue.sync { isOver = true }
    }

    private func beat() {
        guard !isOver else { return }
        beatsWithout = isGettingOn() ? 0 : beatsWithout + 1
        if beatsWithout < limit { notify.extendTimeout(by: TimeSpan(microseconds: every.microseconds * 15)) }
        // No repeating timer: a cancelled one goes on to wake the process, in libdispatch on Linux.
        queue.asyncAfter(deadline: .now() + .microseconds(Int(every.microseconds))) { [weak self] in self?.beat() }
    }
}
