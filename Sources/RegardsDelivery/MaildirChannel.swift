package import RegardsCalendar
package import RegardsCore
import Dispatch
import Synchronization

/// A maildir as a way out: every message becomes a file that a mail reader opens.
///
/// The way before a relay is configured, and the way of rehearsals. It ends like a delivery agent (RFC 5321 4.4): the
/// envelope is written on top as `Return-Path` and `Delivered-To`, where every mail reader and parser knows it. A
/// message without an envelope (a webhook's body) is written as it is, as `.json`.
///
/// Files are written one after another on one queue, each durable (unless told otherwise) before its `ended` is called.
package final class MaildirChannel: Channel {
    private struct Shared {
        var state = ChannelState.idle
        var handler: (@Sendable (ChannelState) -> Void)?
        var isClosing = false
    }

    package let name: String
    /// One file at a time.
    package let sessions = 1
    private let maildir: Maildir
    private let queue: DispatchQueue
    private let shared = Mutex(Shared())

    /// - Parameters:
    ///   - directory: the maildir; made with its three folders at `open()`, mode 0700, if missing.
    ///   - isDurable: false for what nobody would miss after a crash (a simulation): files are then not forced to disk.
    package init(name: String, directory: String, isDurable: Bool = true) {
        self.name = name
        maildir = Maildir(path: directory, isDurable: isDurable)
        queue = DispatchQueue(label: "regards.maildir.\(name)")
    }

    package func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) {
        shared.withLock { $0.handler = handler }
    }

    package func open() {
        queue.async { [self] in
            do throws(MaildirError) {
                try maildir.make()
                try maildir.tryWriting()
                change(to: .ready)
            } catch {
                change(to: .down(.storage, detail: error.description))
            }
        }
    }

    package func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void) {
        queue.async { [self] in
            guard !shared.withLock({ $0.isClosing }) else {
                return ended(AttemptReport(.deferred(.shutdown, notBefore: nil), detail: "the daemon stopped"))
            }
            ended(write(outgoing))
        }
    }

    /// Files are local and written in milliseconds: the one being written is finished, the others end at once.
    package func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        shared.withLock { $0.isClosing = true }
        queue.async { [self] in
            change(to: .closed)
            done()
        }
    }

    package func ping(_ answer: @escaping @Sendable () -> Void) {
        queue.async(execute: answer)
    }

    private func write(_ outgoing: Outgoing) -> AttemptReport {
        do throws(MaildirError) {
            switch outgoing.destination {
            case .mailbox(let envelope):
                let top = "Return-Path: <\(envelope.sender.text)>\r\nDelivered-To: \(envelope.recipient.text)\r\n"
                try maildir.write(Array(top.utf8), outgoing.message.bytes, id: outgoing.message.id, suffix: ".eml")
            case .endpoint:
                try maildir.write([], outgoing.message.bytes, id: outgoing.message.id, suffix: ".json")
            }
            return AttemptReport(.delivered)
        } catch {
            change(to: .down(.storage, detail: error.description))
            return AttemptReport(.deferred(.storage, notBefore: nil), detail: error.description)
        }
    }

    private func change(to state: ChannelState) {
        let handler = shared.withLock { shared -> (@Sendable (ChannelState) -> Void)? in
            guard shared.state != state, shared.state != .closed else { return nil }
            shared.state = state
            return shared.handler
        }
        handler?(state)
    }
}
