import Synchronization

/// Asks every part of the daemon for a sign of life, so that the watchdog is fed only while all of them move.
///
/// A part that waits for work answers at once. One that is in the middle of long work answers late, and counts as long
/// as it gets on. A thread that does neither has stopped, whatever stopped it: a lock that never comes, a call into a
/// library that never returns, a wake-up that was lost.
package final class Pulse: Sendable {
    /// What is asked: a queue, or a thread.
    package struct Part: Sendable {
        /// For the journal: `plan`, `signals`.
        package var name: String
        /// Has the part call what it is given, on its own thread, as soon as it can.
        package var ask: @Sendable (@escaping @Sendable () -> Void) -> Void
        /// Long work of this part, or of those that it waits for.
        var work: [Progress]

        package init(
            name: String, work: [Progress] = [], ask: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
        ) {
            self.name = name
            self.ask = ask
            self.work = work
        }
    }

    let parts: [Part]
    private struct State {
        /// Places of parts that were asked and have not answered.
        var silent: Set<Int> = []
    }
    private let state = Mutex(State())

    package init(_ parts: [Part]) { self.parts = parts }

    /// Asks again whoever has answered. Called by one thread.
    /// - Returns: names of those that have neither answered the call before this one nor got on since.
    package func beat() -> [String] {
        let silent = state.withLock { $0.silent }
        // Each is asked once a beat: its answer is about the time since the last question.
        var moved: [ObjectIdentifier: Bool] = [:]
        for work in parts.flatMap(\.work) where moved[ObjectIdentifier(work)] == nil {
            moved[ObjectIdentifier(work)] = work.hasMoved()
        }
        for (place, part) in parts.enumerated() where !silent.contains(place) {
            state.withLock { _ = $0.silent.insert(place) }
            part.ask { [weak self] in self?.state.withLock { _ = $0.silent.remove(place) } }
        }
        return silent.sorted().filter { place in
            !parts[place].work.contains { moved[ObjectIdentifier($0)] == true }
        }.map { parts[$0].name }
    }
}
