import Glibc
import RegardsCalendar
import RegardsCore
import RegardsRules

/// Whether the service may read the customer database. Root may read everything, so a `check` by root would find nothing
/// wrong with a file that the daemon, under a user of its own, then cannot open.
struct ServiceAccess {
    /// What the unit gives the daemon beside what everybody may do.
    struct Unit: Hashable {
        var groups: Set<String> = []
        var writable: Set<String> = []
        var protectsHome = true
    }

    private var groups: Set<String> = []
    private var writable: Set<String> = []
    private var readsHome = false
    /// Files and folders that no group but root's may use.
    private var closed: [String] = []
    private let unit: Unit

    /// Lines for the operator: what is missing, and the drop-in that gives it. Empty where nothing is missing, and where
    /// nobody but systemd could tell.
    static func advice(configuration file: String) -> [String] {
        guard geteuid() == 0, access("/run/systemd/system", F_OK) == 0 else { return [] }
        let loader = ConfigurationLoader(environment: Process.environment, zones: ZoneCatalog())
        guard let configuration = loader.load(file: file).configuration else { return [] }
        guard case .sqlite(path: let path) = configuration.source.database, !isOwn(path) else { return [] }
        return ServiceAccess(to: path, unit: .running()).lines(path)
    }

    /// What is missing for a database at an absolute path.
    init(to path: String, unit: Unit) {
        self.unit = unit
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        var folder = path
        while let slash = folder.lastIndex(of: "/"), slash > folder.startIndex {
            folder = String(folder[..<slash])
            need(S_IXGRP, S_IXOTH, on: folder)
        }
        need(S_IRGRP, S_IROTH, on: path)
        if ["/home/", "/root/", "/run/user/"].contains(where: path.hasPrefix), unit.protectsHome { readsHome = true }
        guard isWriteAheadLogged(path), let slash = path.lastIndex(of: "/") else { return }
        let home = String(path[..<slash])
        need(S_IWGRP, S_IWOTH, on: home)
        if !unit.writable.contains(home) { writable.insert(home) }
    }

    private mutating func need(_ forGroup: mode_t, _ forOthers: mode_t, on path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & forOthers == 0 else { return }
        guard status.st_gid != 0, status.st_mode & forGroup != 0, let entry = getgrgid(status.st_gid) else {
            return closed.append(path)
        }
        let name = String(cString: entry.pointee.gr_name)
        if !unit.groups.contains(name) { groups.insert(name) }
    }

    /// As `lines` shows it: the settings of a drop-in.
    var settings: [String] {
        var lines: [String] = []
        if !groups.isEmpty { lines.append("SupplementaryGroups=" + groups.sorted().joined(separator: " ")) }
        if !writable.isEmpty { lines.append("ReadWritePaths=" + writable.sorted().joined(separator: " ")) }
        if readsHome { lines.append("ProtectHome=read-only") }
        return lines
    }

    private func lines(_ path: String) -> [String] {
        var lines: [String] = []
        for name in closed {
            lines.append("\(name): for the service's user, give it to a group: chgrp GROUP \(name), and chmod g+rX, or g+rwX for WAL")
        }
        guard !settings.isEmpty else { return lines }
        lines.append("\(path): the service's user needs this in /etc/systemd/system/regards.service.d/customer-database.conf:")
        lines.append("  [Service]")
        lines += settings.map { "  " + $0 }
        lines.append("and then: systemctl daemon-reload && systemctl restart regards")
        return lines
    }

    private static func isOwn(_ path: String) -> Bool {
        ["/var/lib/regards/", "/var/lib/private/regards/"].contains(where: path.hasPrefix)
    }

    /// Bytes 18 and 19 of the header are 2 in WAL mode (https://www.sqlite.org/fileformat.html, 1.3.3).
    private func isWriteAheadLogged(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var bytes: (UInt8, UInt8) = (0, 0)
        return withUnsafeMutableBytes(of: &bytes) { pread(descriptor, $0.baseAddress, 2, 18) } == 2 && bytes == (2, 2)
    }
}

extension ServiceAccess.Unit {
    /// As systemd has it now, drop-ins included.
    fileprivate static func running() -> ServiceAccess.Unit {
        var unit = ServiceAccess.Unit()
        for line in output(of: "systemctl show -p SupplementaryGroups -p ReadWritePaths -p ProtectHome regards.service 2>/dev/null") {
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            let values = Set(parts[1].split(separator: " ").map { String($0.drop { $0 == "-" || $0 == "+" }) })
            switch parts[0] {
            case "SupplementaryGroups": unit.groups = values
            case "ReadWritePaths": unit.writable = values
            default: unit.protectsHome = ["yes", "tmpfs"].contains(parts[1])
            }
        }
        return unit
    }

    private static func output(of command: String) -> [String] {
        guard let pipe = popen(command, "re") else { return [] }
        defer { pclose(pipe) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
