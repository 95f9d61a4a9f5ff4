import Synchronization

/// Asks every part of the daemon for a sign of life, so that the watchdog is fed only while all of them move.
///
/// A part that waits for work answers at once. One that is in the middle of long work answers late, and counts as long
/// as it gets on. A thread that does neither has stopped, whatever stopped it: a lock that never comes, a call into a
/// library that never returns, a wake-up that was lost.
///
/// A beat has five turns, and a part is asked in one of them, so that an idle daemon answers with the threads that it has:
/// asked at once, each part would get one of its own, which wakes up once more to end.
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

    /// The turns of a beat.
    static let turns = 5
    /// So many turns a part has to answer before the beat, or it counts as silent.
    private static let patience = 2

    let parts: [Part]
    private struct State {
        /// The turn in which each was asked that has not answered, by its place.
        var asked: [Int: Int] = [:]
    }
    private let state = Mutex(State())
    // Both are touched by the thread that calls `turn`.
    private nonisolated(unsafe) var turnsTaken = 0
    /// Whether some part did long work between the last two beats.
    private(set) nonisolated(unsafe) var hasWorked = false

    package init(_ parts: [Part]) { self.parts = parts }

    /// Asks those whose turn it is and who do not owe an answer. To be called five times a beat, by one thread.
    /// - Returns: nil before the fifth turn; with it, names of those that have neither answered nor got on.
    package func turn() -> [String]? {
        let turn = turnsTaken
        turnsTaken += 1
        for place in parts.indices where place % Pulse.turns == turn % Pulse.turns { ask(place, turn) }
        return turnsTaken.isMultiple(of: Pulse.turns) ? silent(at: turn) : nil
    }

    private func ask(_ place: Int, _ turn: Int) {
        let owesAnswer = state.withLock { state in
            guard state.asked[place] == nil else { return true }
            state.asked[place] = turn
            return false
        }
        guard !owesAnswer else { return }
        parts[place].ask { [weak self] in self?.state.withLock { $0.asked[place] = nil } }
    }

    private func silent(at turn: Int) -> [String] {
        // Each is asked once a beat: its answer is about the time since the last question.
        var moved: [ObjectIdentifier: Bool] = [:]
        for work in parts.flatMap(\.work) where moved[ObjectIdentifier(work)] == nil {
            moved[ObjectIdentifier(work)] = work.hasMoved()
        }
        hasWorked = moved.values.contains(true)
        let asked = state.withLock { $0.asked }
        return parts.indices.filter { place in
            guard let since = asked[place], turn - since >= Pulse.patience else { return false }
            return !parts[place].work.contains { moved[ObjectIdentifier($0)] == true }
        }.map { parts[$0].name }
    }
}
