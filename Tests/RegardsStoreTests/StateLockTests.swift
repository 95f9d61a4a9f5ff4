import Dispatch
import Glibc
import Synchronization
import Testing

@testable import RegardsStore

/// Who holds the lock is asked by other processes at any moment; two open files of one process stand for them.
@Suite struct StateLockTests {
    @Test func theHolderIsFoundWhileItWritesItsNote() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        let lock = try StateLock(state: path)
        let isDone = Mutex(false)
        let notes = Mutex(Int64(0))
        let started = DispatchSemaphore(value: 0)
        let writer = DispatchQueue(label: "writer")
        writer.async {
            repeat {
                lock.note(newestSent: notes.withLock { $0 += 1; return $0 })
                started.signal()
            } while !isDone.withLock { $0 }
        }
        started.wait()
        var found: Set<Int32?> = []
        var asked = 0
        while asked < 2000 || notes.withLock({ $0 }) < 2000 {
            found.insert(StateLock.holder(ofState: path))
            asked += 1
        }
        isDone.withLock { $0 = true }
        writer.sync {}
        #expect(found == [getpid()])
        lock.release()
        #expect(StateLock.holder(ofState: path) == nil)
        #expect(try StateLock(state: path).newestSent == notes.withLock { $0 })
    }

    @Test func whoeverOnlyAsksKeepsNoDaemonFromItsStart() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        try StateLock(state: path).release()
        let isDone = Mutex(false)
        let asked = Mutex(0)
        let started = DispatchSemaphore(value: 0)
        let asker = DispatchQueue(label: "asker")
        asker.async {
            repeat {
                _ = StateLock.holder(ofState: path)
                asked.withLock { $0 += 1 }
                started.signal()
            } while !isDone.withLock { $0 }
        }
        started.wait()
        defer {
            isDone.withLock { $0 = true }
            asker.sync {}
        }
        var starts = 0
        while starts < 500 || asked.withLock({ $0 }) < 500 {
            try StateLock(state: path).release()
            starts += 1
        }
        #expect(starts >= 500)
    }

    @Test func aShorterNoteLeavesNothingOfTheOneBefore() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        let lock = try StateLock(state: path)
        lock.note(newestSent: 1_234_567)
        lock.note(newestSent: 7)
        lock.release()
        #expect(try StateLock(state: path).newestSent == 7)
    }
}
