import CCurl
import Glibc

/// The sockets that a thread waits for, by epoll(7), and a bell by which other threads wake it.
final class SocketWatch: Sendable {
    struct Interest: OptionSet, Sendable {
        let rawValue: Int32
        static let reading = Interest(rawValue: Int32(REGARDS_READABLE))
        static let writing = Interest(rawValue: Int32(REGARDS_WRITABLE))
    }

    private let epoll: Int32
    private let bell: Int32

    /// - Returns: nil when the system has no descriptor left to give.
    init?() {
        epoll = regards_epoll_make()
        bell = regards_eventfd_make()
        guard epoll >= 0, bell >= 0, regards_epoll_add(epoll, bell, Interest.reading.rawValue) == 0 else { return nil }
    }

    deinit { for descriptor in [epoll, bell] where descriptor >= 0 { close(descriptor) } }

    /// Wakes the thread that waits, or spares it the next wait. Any thread may.
    func ring() { regards_eventfd_raise(bell) }

    /// - Returns: false when the system has no memory for it.
    func add(_ socket: Int32, _ interest: Interest) -> Bool { regards_epoll_add(epoll, socket, interest.rawValue) == 0 }

    func change(_ socket: Int32, _ interest: Interest) { _ = regards_epoll_change(epoll, socket, interest.rawValue) }

    /// A socket that is closed is forgotten by itself.
    func remove(_ socket: Int32) { regards_epoll_remove(epoll, socket) }

    /// Waits until something can be done, the bell rings or the time is over.
    /// - Parameters:
    ///   - ready: as long as as many as are wanted at once.
    ///   - milliseconds: below zero: no limit.
    /// - Returns: the first of `ready`, without the bell.
    func wait(_ ready: inout [regards_ready], milliseconds: Int32) -> ArraySlice<regards_ready> {
        let count = max(0, Int(regards_epoll_wait(epoll, &ready, Int32(ready.count), milliseconds)))
        guard let place = ready[..<count].firstIndex(where: { $0.descriptor == bell }) else { return ready[..<count] }
        regards_eventfd_clear(bell)
        ready.swapAt(place, count - 1)
        return ready[..<(count - 1)]
    }
}
