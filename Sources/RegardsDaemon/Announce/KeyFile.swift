import Glibc

/// The key of one state directory's address hashes: 16 random bytes in a file of their own, made at first start.
package enum KeyFile {
    package static let name = "journal.key"

    /// Reads the key, or makes it. Two processes that start together end with the same key: the file is written
    /// under another name and linked into place, and who comes second reads the first one's.
    package static func load(stateDirectory: String) throws(KeyFileError) -> AddressHash.Key {
        let path = stateDirectory + "/" + name
        if let key = try read(path) { return key }
        try make(path, bytes: randomBytes())
        guard let key = try read(path) else { throw KeyFileError(path: path, code: ENOENT) }
        return key
    }

    private static func randomBytes() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// nil where there is no file yet.
    private static func read(_ path: String) throws(KeyFileError) -> AddressHash.Key? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw KeyFileError(path: path, code: errno) }
            return nil
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw KeyFileError(path: path, code: errno) }
        guard count == 16 else { throw KeyFileError(path: path, code: EINVAL) }
        return AddressHash.Key(first: word(bytes[..<8]), second: word(bytes[8...]))
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private static func make(_ path: String, bytes: [UInt8]) throws(KeyFileError) {
        let draft = "\(path).\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KeyFileError(path: draft, code: errno) }
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        var failure = count == bytes.count && fsync(descriptor) == 0 ? 0 : (count < 0 ? errno : ENOSPC)
        close(descriptor)
        if failure == 0, link(draft, path) != 0, errno != EEXIST { failure = errno }
        unlink(draft)
        guard failure == 0 else { throw KeyFileError(path: path, code: failure) }
    }
}

package struct KeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: String
    /// errno; EINVAL where the file has not 16 bytes.
    package var code: Int32

    package var description: String {
        code == EINVAL
            ? "\(path): expected 16 bytes; remove the file and a new key is made"
            : "\(path): \(String(cString: strerror(code)))"
    }
}
