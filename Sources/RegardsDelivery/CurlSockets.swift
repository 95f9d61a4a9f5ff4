import CCurl
import Glibc

/// The sockets of a multi handle, watched by epoll(7) as libcurl wants it, and the time at which it wants to be called
/// whatever they do (curl_multi_socket_action(3)).
///
/// A request that ends stops its socket being watched, and the next one on the same connection has it watched again:
/// epoll is told only what is different when a wait begins. That works for sockets that are opened and closed here
/// (`open`, `close`), because a number must not be mistaken for another socket of the same number. Others, which libcurl
/// has for looking up names, are watched at once. Owned by one thread, and alive as long as the multi handle.
final class CurlSockets {
    /// When libcurl wants to be called.
    private(set) var nextCall = Monotonic.never

    private struct Place {
        var wanted: SocketWatch.Interest = []
        var watched: SocketWatch.Interest = []
        /// Opened and closed here.
        var isOwn = false
    }

    private let watch: SocketWatch
    private let multi: UnsafeMutableRawPointer
    /// By descriptor: the system always gives the lowest that is free, so there are few.
    private var places: [Place] = []
    /// Whose wishes may differ from what epoll knows; some of them more than once.
    private var changed: [Int32] = []
    private var ready = [regards_ready](repeating: regards_ready(), count: 64)

    init(_ multi: UnsafeMutableRawPointer, _ watch: SocketWatch) {
        self.multi = multi
        self.watch = watch
        let context = Unmanaged.passUnretained(self).toOpaque()
        regards_curl_multi_set_timer_function(multi, { _, milliseconds, context in
            guard let context else { return 0 }
            CurlSockets.at(context).nextCall = milliseconds < 0 ? .never : .now + Double(milliseconds) / 1000
            return 0
        }, context)
        regards_curl_multi_set_socket_function(multi, { _, socket, what, context, _ in
            guard let context else { return 0 }
            CurlSockets.at(context).follow(socket, what)
            return 0
        }, context)
    }

    private static func at(_ context: UnsafeMutableRawPointer) -> CurlSockets {
        Unmanaged<CurlSockets>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: - Opening and closing

    /// Has the sockets of an easy handle closed here.
    func adopt(_ handle: UnsafeMutableRawPointer) {
        regards_curl_set_pointer(handle, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(self).toOpaque())
        regards_curl_set_close_socket_function(handle) { context, socket in
            if let context { CurlSockets.at(context).forget(socket) }
            return close(socket)
        }
    }

    /// - Returns: CURL_SOCKET_BAD when the system has none to give.
    func open(_ address: curl_sockaddr) -> curl_socket_t {
        let new = socket(address.family, address.socktype | Int32(SOCK_CLOEXEC.rawValue), address.protocol)
        if new >= 0 { change(new) { $0.isOwn = true } }
        return new
    }

    private func forget(_ socket: curl_socket_t) { change(socket) { $0 = Place() } }

    private func change(_ socket: Int32, _ update: (inout Place) -> Void) {
        while places.count <= Int(socket) { places.append(Place()) }
        update(&places[Int(socket)])
    }

    // MARK: - What libcurl wants

    private func follow(_ socket: curl_socket_t, _ what: Int32) {
        let wanted: SocketWatch.Interest =
            switch what {
            case CURL_POLL_IN: .reading
            case CURL_POLL_OUT: .writing
            case CURL_POLL_INOUT: [.reading, .writing]
            default: []
            }
        change(socket) { $0.wanted = wanted }
        if places[Int(socket)].isOwn { changed.append(socket) } else { tell(socket) }
    }

    private func tell(_ socket: Int32) {
        let (now, before) = (places[Int(socket)].wanted, places[Int(socket)].watched)
        guard now != before else { return }
        places[Int(socket)].watched = now
        if before.isEmpty {
            if !watch.add(socket, now) { places[Int(socket)].watched = [] }
        } else if now.isEmpty {
            watch.remove(socket)
        } else {
            watch.change(socket, now)
        }
    }

    /// Calls libcurl if it wants to be called by now.
    func callIfDue() {
        guard nextCall <= .now else { return }
        // It says anew until when it waits, if it does.
        nextCall = .never
        act(CURL_SOCKET_TIMEOUT, 0)
    }

    /// Waits for the sockets and lets libcurl do what can be done.
    /// - Parameter limit: waits no longer; nil: does not wait.
    func wait(until limit: Monotonic?) {
        for socket in changed { tell(socket) }
        changed.removeAll(keepingCapacity: true)
        let end = limit.map { min($0, nextCall).pollTimeout(from: .now) }
        for one in watch.wait(&ready, milliseconds: end ?? 0) where !places[Int(one.descriptor)].wanted.isEmpty {
            act(one.descriptor, one.flags)
        }
    }

    private func act(_ socket: curl_socket_t, _ flags: Int32) {
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, flags, &running)
    }
}
