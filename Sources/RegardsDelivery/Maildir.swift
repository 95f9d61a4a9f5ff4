import CCrypto
import Glibc

/// Why a file could not be written: the step, the place and the system's reason.
struct MaildirError: Error, Hashable, Sendable, CustomStringConvertible {
    var step: String
    var path: String
    var code: Int32

    var description: String {
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "; make space there"
            case EACCES, EPERM: "; give the daemon's user the right to write there"
            case EROFS: "; the file system is read-only"
            case ENOTDIR: "; something that is no folder is in the way"
            default: ""
            }
        return "\(path): cannot \(step): \(String(cString: strerror(code)))\(advice)"
    }
}

/// A folder in the maildir format: files are written in `tmp`, made durable, and appear whole in `new`.
///
/// The name of a file follows from the message id alone. A message written again after a crash replaces the one from
/// before instead of standing beside it (unless a mail reader has moved that one to `cur` meanwhile).
struct Maildir: Sendable {
    let path: String
    /// False: nothing is forced to disk.
    var isDurable = true

    /// Makes the folders that are missing, for their owner only.
    func make() throws(MaildirError) {
        try Self.makeFolders(along: path)
        for folder in ["tmp", "new", "cur"] { try Self.makeFolder("\(path)/\(folder)") }
        try syncFolder(path)
    }

    /// Writes a file of 16 KiB and removes it: a disk that is still full is found before a message is.
    func tryWriting() throws(MaildirError) {
        let draft = "\(path)/tmp/.probe"
        defer { unlink(draft) }
        try writeFile(draft, [[UInt8](repeating: 0, count: 16 * 1024)])
    }

    /// Writes one message and returns when it is durable.
    /// - Throws: when any step fails; then nothing new stands in `new`, at most a file in `tmp` for the next try.
    func write(_ top: [UInt8], _ bytes: [UInt8], id: String, suffix: String) throws(MaildirError) {
        let name = Self.fileName(id: id, suffix: suffix)
        let (draft, place) = ("\(path)/tmp/\(name)", "\(path)/new/\(name)")
        do throws(MaildirError) {
            try writeFile(draft, [top, bytes])
            guard rename(draft, place) == 0 else {
                throw MaildirError(step: "move it into place", path: place, code: errno)
            }
            try syncFolder("\(path)/new")
        } catch {
            unlink(draft)
            // Folders removed under us are made again for the next message.
            if error.code == ENOENT { try make() }
            throw error
        }
    }

    /// Letters, digits and `-_.@+` of the id stay; any other byte becomes `=XX`, so that two ids never share a name.
    /// Names over 200 bytes keep their beginning and end in a hash of the whole id.
    static func fileName(id: String, suffix: String) -> String {
        var name = ""
        for (index, byte) in id.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "@"),
                UInt8(ascii: "+"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where index > 0:
                name += "."
            default:
                name += "=" + hexadecimal([byte])
            }
        }
        if name.utf8.count > 200 { name = name.prefix(120) + "=" + hexadecimal(sha256(Array(id.utf8)).prefix(16)) }
        return name + suffix
    }

    // MARK: - System calls

    private func writeFile(_ path: String, _ parts: [[UInt8]]) throws(MaildirError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw MaildirError(step: "create the file", path: path, code: errno) }
        do throws(MaildirError) {
            for part in parts { try Self.writeAll(descriptor, part, path) }
            guard !isDurable || fsync(descriptor) == 0 else {
                throw MaildirError(step: "make the file durable", path: path, code: errno)
            }
        } catch {
            close(descriptor)
            throw error
        }
        // Network file systems report a full disk here.
        guard close(descriptor) == 0 else { throw MaildirError(step: "close the file", path: path, code: errno) }
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], _ path: String) throws(MaildirError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw MaildirError(step: "write the file", path: path, code: errno) }
            done += count
        }
    }

    private static func makeFolders(along path: String) throws(MaildirError) {
        var part = path.hasPrefix("/") ? "" : "."
        for name in path.split(separator: "/") {
            part += "/" + name
            try makeFolder(part)
        }
    }

    private static func makeFolder(_ path: String) throws(MaildirError) {
        if mkdir(path, 0o700) == 0 { return }
        let code = errno
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
        throw MaildirError(step: "make the folder", path: path, code: code == EEXIST ? ENOTDIR : code)
    }

    private func syncFolder(_ path: String) throws(MaildirError) {
        guard isDurable else { return }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MaildirError(step: "open the folder", path: path, code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw MaildirError(step: "make the folder durable", path: path, code: errno)
        }
    }
}

/// SHA-256 of some bytes.
func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
    return digest
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }.joined()
}
