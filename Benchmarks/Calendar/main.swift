import RegardsCalendar
let catalog = ZoneCatalog()
while let line = readLine() {
    let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
    guard let zone = catalog.zone(named: String(parts[0])) else { print("nil"); continue }
    do {
        let e = try OnCalendar(String(parts[2]), zones: catalog)
        var t = Instant(seconds: Int64(parts[1])!)
        var out: [String] = []
        while out.count < 5, let n = e.next(after: t, in: zone) { out.append(String(n.seconds)); t = n }
        print("\(e)|\(out.joined(separator: ","))")
    } catch { print("ERR") }
}
