import Glibc
import Synchronization

/// The time zones of a machine, by name, each read from its file once. Safe to use from any thread.
///
/// The directory is an argument and the variable `TZDIR` is not read: one daemon serves customers
/// of many zones, and two tools on one machine must not disagree because of a shell's environment.
package final class ZoneCatalog: Sendable {
    package static let systemDirectory = "/usr/share/zoneinfo"

    private let directory: String

    private struct State {
        /// nil for a name that has no usable file.
        var zones: [String: Zone?] = [:]
        var stamps: [String: SystemFiles.Stamp?] = [:]
    }
    private let state = Mutex(State())

    /// Unknown names are remembered too, so that a million customers with one misspelling cost one
    /// look at the disk; not more than this, as names come from data.
    private static let namesRemembered = 4096
    /// The largest file of tzdata 2025b has 3,700 bytes.
    private static let largestFile = 65_536

    package init(directory: String = ZoneCatalog.systemDirectory) { self.directory = directory }

    /// The zone with this exact name; nil when the name is unknown, is no plain relative name, or
    /// its file is damaged. `UTC` is known even on a machine without zone files.
    package func zone(named name: String) -> Zone? {
        state.withLock { state in
            if let known = state.zones[name] { return known }
            guard ZoneCatalog.isPlain(name) else { return nil }
            let path = "\(directory)/\(name)"
            // The stamp first: a file replaced in between is then seen as changed, never missed.
            let stamp = SystemFiles.stamp(path)
            let zone = stamp == nil ? nil : read(path, name)
            if state.zones.count < ZoneCatalog.namesRemembered {
                state.zones[name] = .some(zone)
                state.stamps[name] = .some(stamp)
            }
            return zone
        } ?? (name == "UTC" ? .utc : nil)
    }

    private func read(_ path: String, _ name: String) -> Zone? {
        SystemFiles.read(path, limit: ZoneCatalog.largestFile).flatMap(ZoneFile.init).map { Zone(name: name, file: $0) }
    }

    /// Letters, digits, `+`, `-` and `_` in parts divided by single slashes. `localtime` and
    /// `posixrules` are left out: they are other names of whatever the machine is set to.
    private static func isPlain(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 64, name != "localtime", name != "posixrules" else { return false }
        return name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.allSatisfy { $0.isLetter || $0.isDigit || "+-_".utf8.contains($0) }
        }
    }

    /// Forgets every table when the file of any zone asked for so far has changed on disk (an update
    /// of tzdata), appeared or vanished. Returns whether it did: then look zones up anew, parse
    /// calendar expressions anew and plan anew. Zones already handed out keep their old tables.
    package func reloadIfChanged() -> Bool {
        state.withLock { state in
            let isChanged = state.stamps.contains { name, stamp in SystemFiles.stamp("\(directory)/\(name)") != stamp }
            if isChanged { state = State() }
            return isChanged
        }
    }

    /// The release of the zone data, such as `2025b`; nil when the directory does not say.
    package var release: String? {
        let prefix = Array("# version ".utf8)
        for file in ["tzdata.zi", "+VERSION", "version"] {
            guard let bytes = SystemFiles.read("\(directory)/\(file)", limit: 1 << 20) else { continue }
            let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
            return String(decoding: line.starts(with: prefix) ? line.dropFirst(prefix.count) : line, as: UTF8.self)
        }
        return nil
    }

    /// The zone the machine is set to: the variable `TZ` (a name, or a POSIX rule such as
    /// `CET-1CEST,M3.5.0,M10.5.0/3`), else the name that the link `/etc/localtime` points at.
    /// nil when neither gives a zone.
    package func systemZone() -> Zone? {
        systemZone(variable: getenv("TZ").map { String(cString: $0) }, link: "/etc/localtime")
    }

    /// The same from a given variable and link.
    package func systemZone(variable: String?, link: String) -> Zone? {
        if let variable {
            let name = variable.hasPrefix(":") ? String(variable.dropFirst()) : variable
            // An empty TZ means UTC (tzset(3)).
            if name.isEmpty { return .utc }
            if let zone = zone(named: name) { return zone }
            return PosixZoneRule(name).map { Zone(name: name, file: ZoneFile(rule: $0)) }
        }
        guard let target = SystemFiles.linkTarget(link) else { return nil }
        let marker = "zoneinfo/"
        var rest = Substring(target)
        while !rest.isEmpty {
            if rest.hasPrefix(marker) { return zone(named: String(rest.dropFirst(marker.count))) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
