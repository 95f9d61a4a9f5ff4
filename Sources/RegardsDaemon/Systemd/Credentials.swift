import Glibc
package import RegardsCore

/// Reads secrets from where they may lie: credentials that systemd passes, or files that only their owner reads.
package enum Credentials {
    /// A password or a key; more is a wrong file.
    static let largest = 64 * 1024

    /// The credential that the unit loads by `LoadCredential=NAME:…` or `SetCredential…=` (systemd.exec(5)).
    /// - Parameter directory: the value of `$CREDENTIALS_DIRECTORY`; nil where systemd passed none.
    package static func credential(_ name: String, directory: String?) throws(CredentialError) -> Secret {
        guard !name.isEmpty, name.utf8.count <= 255, !name.contains("/"), name != ".", name != ".." else {
            throw .badName(name)
        }
        guard let directory, !directory.isEmpty else { throw .noDirectory(name) }
        let path = directory + "/" + name
        do {
            return try read(path, mustBePrivate: false)
        } catch .missing {
            throw .notLoaded(name)
        }
    }

    /// A file that neither group nor others can read.
    package static func file(_ path: String) throws(CredentialError) -> Secret {
        try read(path, mustBePrivate: true)
    }

    /// The mode is asked of the opened file, so that no other can be put in its place between the two.
    private static func read(_ path: String, mustBePrivate: Bool) throws(CredentialError) -> Secret {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw errno == ENOENT ? .missing(path) : .unreadable(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path) }
        if mustBePrivate, status.st_mode & 0o077 != 0 { throw .readableByOthers(path, mode: status.st_mode & 0o777) }
        guard status.st_size <= largest else { throw .tooLarge(path) }
        return try secret(in: bytes(of: descriptor, path), path)
    }

    private static func bytes(of descriptor: Int32, _ path: String) throws(CredentialError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: largest + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
            if got == 0 { break }
            if got > 0 { count += got } else if errno != EINTR { throw .unreadable(path, errno) }
        }
        guard count <= largest else { throw .tooLarge(path) }
        return Array(bytes[..<count])
    }

    /// Editors and `echo` end a file with a line end that is not part of the secret: one is taken off.
    private static func secret(in bytes: [UInt8], _ path: String) throws(CredentialError) -> Secret {
        var bytes = bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw .empty(path) }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { throw .notText(path) }
        return Secret(text)
    }
}

/// Why a secret cannot be used. Holds paths and names, never content.
package enum CredentialError: Error, Hashable, Sendable, CustomStringConvertible {
    case badName(String)
    case noDirectory(String)
    case notLoaded(String)
    case missing(String)
    case unreadable(String, Int32)
    case notAFile(String)
    case readableByOthers(String, mode: UInt32)
    case tooLarge(String)
    case empty(String)
    case notText(String)

    package var description: String {
        switch self {
        case .badName(let name): "\(name): not the name of a credential; expected a file name without /"
        case .noDirectory(let name):
            "credential \(name): $CREDENTIALS_DIRECTORY is not set; run under systemd with LoadCredential=\(name):PATH, or use file: PATH"
        case .notLoaded(let name): "credential \(name): not passed by systemd; add LoadCredential=\(name):PATH to the unit"
        case .missing(let path): "\(path): no such file"
        case .unreadable(let path, let code): "\(path): cannot be read: \(String(cString: strerror(code)))"
        case .notAFile(let path): "\(path): not a regular file"
        case .readableByOthers(let path, let mode):
            "\(path): readable by group or others (mode \(octal(mode))); run: chmod 600 \(path)"
        case .tooLarge(let path): "\(path): larger than \(Credentials.largest / 1024) KiB; expected one secret"
        case .empty(let path): "\(path): empty; expected one secret"
        case .notText(let path): "\(path): not UTF-8 text"
        }
    }

    private func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
