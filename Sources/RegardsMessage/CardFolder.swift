import Glibc

/// The files below one folder, by their path in it, and below a second one whose files fill in where the first has
/// none of that name. All reading of this target happens here.
struct CardFolder {
    enum Failure: Error {
        case unreadable(reason: String)
        case tooLarge(Int)
    }

    let path: String
    let shipped: String?
    /// Paths relative to their folder, sorted: `birthday.en.html`, `partials/frame.html`.
    let files: [String]
    /// Those of the second folder.
    private let filling: Set<String>

    /// - Parameter shipped: the second folder; it may be missing.
    /// - Throws: `Failure` when the first folder cannot be read.
    init(path: String, shipped: String? = nil) throws(Failure) {
        self.path = path
        var found: [String] = []
        try CardFolder.list(path, below: "", depth: 0, into: &found)
        var others: [String] = []
        if let shipped {
            do throws(Failure) {
                try CardFolder.list(shipped, below: "", depth: 0, into: &others)
                self.shipped = shipped
            } catch {
                self.shipped = nil
            }
        } else {
            self.shipped = nil
        }
        let own = Set(found)
        let hidden = Set(found.compactMap(CardFolder.stem))
        filling = Set(
            others.filter { file in
                !own.contains(file) && !(CardFolder.stem(of: file).map(hidden.contains) ?? false)
            })
        files = (found + filling).sorted()
    }

    /// `birthday.zh` for both files of a card in one language: they say the same, so they are replaced together. nil
    /// for what is replaced file by file: partials, pictures, webhooks' bodies.
    private static func stem(of file: String) -> String? {
        guard !file.hasPrefix("partials/") else { return nil }
        return [".html", ".txt"].first { file.hasSuffix($0) }.map { String(file.dropLast($0.count)) }
    }

    /// Where a file lies; the first folder for one that is in neither.
    func home(of file: String) -> String {
        guard let shipped, filling.contains(file) else { return path }
        return shipped
    }

    /// Follows links, leaves out hidden files and editors' copies.
    private static func list(
        _ root: String, below prefix: String, depth: Int, into found: inout [String]
    ) throws(Failure) {
        let folder = prefix.isEmpty ? root : "\(root)/\(prefix.dropLast())"
        guard let stream = opendir(folder) else { throw .unreadable(reason: reason()) }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), !name.hasSuffix("~") else { continue }
            var status = stat()
            guard stat("\(folder)/\(name)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                // Deep enough for any collection; stops at a link that leads back.
                if depth < 4 { try list(root, below: "\(prefix)\(name)/", depth: depth + 1, into: &found) }
            } else if status.st_mode & S_IFMT == S_IFREG {
                found.append(prefix + name)
            }
        }
    }

    /// The bytes of one file.
    func read(_ file: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = open("\(home(of: file))/\(file)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(reason: CardFolder.reason()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(reason: CardFolder.reason()) }
        guard status.st_size <= limit else { throw .tooLarge(Int(status.st_size)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(reason: CardFolder.reason()) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= limit else { throw .tooLarge(bytes.count) }
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
