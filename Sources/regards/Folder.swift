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
