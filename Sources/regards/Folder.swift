import Glibc

enum Folder {
    /// Made with mode 0700 where it is missing, with the folders above it.
    static func make(_ path: String) throws {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        let code = errno
        guard code == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw Failure(.cannotCreate, "\(path): \(String(cString: strerror(code)))")
        }
        try make(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw Failure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// The rules and cards that come with the program.
    /// - Parameter given: look nowhere else; nil: where they usually are.
    /// - Throws: `Failure` 66 where they are not.
    static func shipped(_ given: String?) throws -> String {
        let folders = given.map { [$0] } ?? ["config", "/usr/share/regards/config", "/etc/regards"]
        for folder in folders
        where access(folder + "/rules.d", F_OK) == 0 && access(folder + "/cards", F_OK) == 0 {
            return folder
        }
        let looked = folders.joined(separator: ", ")
        throw Failure(.noInput, "\(looked): no rules.d and cards; name their folder with --shipped")
    }

    /// A new one, for this user alone, in the place for such things.
    static func makeTemporary(_ name: String) throws -> String {
        let parent = Process.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(parent)/\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(.cannotCreate, "\(parent): \(String(cString: strerror(errno)))") }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// With the files in it; there must be no folder among them.
    static func remove(_ path: String) {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(folder)
        rmdir(path)
    }

    /// Copies a folder with all below it; files that are there already stay as they are, and what `leavesOut` says is not copied.
    static func copy(_ source: String, to target: String, leavesOut: (String) -> Bool = { _ in false }) throws {
        guard let folder = opendir(source) else { throw Failure(.noInput, "\(source): \(String(cString: strerror(errno)))") }
        defer { closedir(folder) }
        try make(target)
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard !name.hasPrefix("."), !leavesOut(name) else { continue }
            var status = stat()
            guard stat("\(source)/\(name)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try copy("\(source)/\(name)", to: "\(target)/\(name)", leavesOut: leavesOut)
            } else if access("\(target)/\(name)", F_OK) != 0 {
                try write(try read("\(source)/\(name)"), to: "\(target)/\(name)")
            }
        }
    }

    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Failure(.noInput, "\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&part, 1, part.count, file), count > 0 { all += part[..<count] }
        return all
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))") }
        let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
        // What the buffer holds is written only now.
        guard fclose(file) == 0, isWritten else { throw Failure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))") }
    }

    /// Whether anything lies in it; false where there is no such folder.
    static func hasFiles(_ path: String) -> Bool {
        guard let folder = opendir(path) else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            // `.` and `..`, and hidden files.
            if entry.pointee.d_name.0 != 0x2e { return true }
        }
        return false
    }
}
