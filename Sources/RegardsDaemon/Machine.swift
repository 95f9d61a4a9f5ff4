import CSystemd
import Glibc

/// Which machine this is, so that a copied configuration cannot mail a business's customers.
package enum Machine {
    /// 32 hexadecimal digits derived from /etc/machine-id for Regards alone (sd_id128_get_machine_app_specific(3)), so
    /// that the machine's own id is not stored. Where a machine has none, `host:` and its name.
    package static func identity() -> String {
        var application = sd_id128_t()
        _ = sd_id128_from_string("6f0c5a2c1e6a4c0f9a5d5b8d2f7f4e31", &application)
        var id = sd_id128_t()
        guard sd_id128_get_machine_app_specific(application, &id) >= 0 else { return "host:" + hostName() }
        var text = [CChar](repeating: 0, count: 33)
        sd_id128_to_string(id, &text)
        return String(decoding: text.prefix(32).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
