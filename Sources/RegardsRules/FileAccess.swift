import Glibc

/// The two things the loader asks of the file system.
struct FileAccess: Sendable {
    enum Fault: Error {
        /// In the system's words.
        case reason(String)
        case missing
    }

    /// The content, cut off one byte past the largest size that is read.
    var read: @Sendable (String) -> Result<[UInt8], Fault>
    /// Names in a folder; nil where there is none.
    var names: @Sendable (String) -> Result<[String], Fault>

    static let disk = FileAccess(read: readFile, names: namesInFolder)

    static func memory(_ files: [String: [UInt8]]) -> FileAccess {
        FileAccess(
            read: { path in files[path].map { .success($0) } ?? .failure(.missing) },
            names: { folder in
                let inside = files.keys.filter { FilePath.folder(of: $0) == folder }
                let names = inside.map { String($0.split(separator: "/").last ?? "") }
                return names.isEmpty ? .failure(.missing) : .success(names)
            })
    }

    private static func readFile(_ path: String) -> Result<[UInt8], Fault> {
        // A FIFO would block open(2) without O_NONBLOCK.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(fault(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(fault(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.reason("it is not a regular file")) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= SourceText.maximumBytes {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(fault(errno)) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return .success(bytes)
    }

    private static func namesInFolder(_ path: String) -> Result<[String], Fault> {
        guard let folder = opendir(path.isEmpty ? "." : path) else { return .failure(fault(errno)) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return .success(names)
    }

    private static func fault(_ code: Int32) -> Fault {
        code == ENOENT ? .missing : .reason(String(cString: strerror(code)))
    }
}
