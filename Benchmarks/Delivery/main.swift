import Glibc

// Delivery beside its peers, interleaved in one run: the channel alone, the whole path, webhooks.
//
// DeliveryBenchmarks [channel] [whole] [slow-disk] [webhooks]: all of them, unless some are named.
// REGARDS_BENCH_QUICK=1 takes fewer messages and rounds, to see that it works.

if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "http-sink" {
    HTTPSink.run(port: Int(CommandLine.arguments[2]) ?? 0)
}

signal(SIGPIPE, SIG_IGN)
let isQuick = getenv("REGARDS_BENCH_QUICK") != nil
let rounds = isQuick ? 1 : 5
let count = isQuick ? 4_000 : 20_000
let folder = temporaryFolder()
let wanted = CommandLine.arguments.count > 1 ? Set(CommandLine.arguments.dropFirst()) : ["channel", "whole", "slow-disk", "webhooks"]
print("delivery")
describeMachine(folder)

if let sinkTool = Tools.find("smtp-sink"), let source = Tools.find("smtp-source") {
    let sinks = [Sink(sinkTool), Sink(sinkTool)]
    if wanted.contains("channel") { ChannelPath.run(source: source, sinks: sinks, rounds: rounds, count: count) }
    let sizes = isQuick ? [(32, count)] : [(8, 20_000), (32, 20_000), (32, 100_000), (100, 20_000), (100, 100_000)]
    if wanted.contains("whole") { compareWholePath(source, sinks, sizes) }
    if wanted.contains("slow-disk"), let disk = SlowDisk(folder) {
        print("\nthe same behind a disk that takes 2 ms longer for each fdatasync")
        disk.run { compareWholePath(source, sinks, isQuick ? [(32, count)] : [(32, 20_000), (100, 20_000)]) }
    }
    for sink in sinks { _ = sink.stop() }
} else {
    print("SKIPPED: smtp-sink and smtp-source are missing (scripts/install-deps bench): no figures for mail")
}
if wanted.contains("webhooks") { Webhooks.run(wrk: Tools.find("wrk"), rounds: rounds, count: count, folder: folder) }
_ = Program(["rm", "-rf", folder])?.wait()

/// The daemon between runs of smtp-source and of the script, so that a machine that is slow for a while is slow for all.
func compareWholePath(_ source: String, _ sinks: [Sink], _ sizes: [(sessions: Int, customers: Int)]) {
    let regards = ".build/static/release/regards"
    guard access(regards, X_OK) == 0 else { return print("SKIPPED: \(regards) is not built: no figures for the whole path") }
    print("\nwhole path, regards serve, two smtp-sinks, 4 KB cards, durable; each beside the same number of sessions of smtp-source")
    print(
        pad("sessions", 10) + pad("messages", 10) + pad("/s", 8) + pad("of smtp-source", 16) + pad("x script", 12)
            + pad("CPU s/1000", 12) + pad("MiB", 6) + pad("first after due", 17) + "load")
    for (sessions, customers) in sizes {
        let place = "\(folder)/whole-\(sessions)-\(customers)"
        _ = Program(["rm", "-rf", place])?.wait()
        mkdir(place, 0o700)
        var peers = [ChannelPath.postfix(source, sinks, sessions: sessions, count: count).rate]
        var scripts = [script(sinks[0], place + "/a")]
        let ours = WholePath(regards: regards, folder: place, sinks: sinks, sessions: sessions, customers: customers).run()
        peers.append(ChannelPath.postfix(source, sinks, sessions: sessions, count: count).rate)
        scripts.append(script(sinks[0], place + "/b"))
        let (peer, python) = (peers.reduce(0, +) / 2, scripts.compactMap { $0 }.reduce(0, +) / 2)
        print(
            pad("\(sessions)", 10) + pad("\(customers)", 10) + pad("\(Int(ours.rate))", 8)
                + pad("\(round2(ours.rate / peer)) of \(Int(peer))", 16)
                + pad(python > 0 ? "\(Int(ours.rate / python)) (\(Int(python)))" : "no Python", 12)
                + pad(round3(ours.cpu), 12) + pad("\(ours.memory >> 20)", 6) + pad("\(Int(ours.delay * 1000)) ms", 17)
                + round2(load()))
    }
}

/// A disk that answers later than this machine's, for the programs that are started while it is there.
struct SlowDisk {
    private let library: String

    /// - Returns: nil, and says so, where there is no C compiler.
    init?(_ folder: String) {
        library = folder + "/slow_disk.so"
        let arguments = ["cc", "-shared", "-fPIC", "-O2", "-o", library, "Benchmarks/Delivery/slow_disk.c", "-ldl"]
        guard let compiler = Program(arguments), compiler.wait().status == 0 else {
            print("SKIPPED: no C compiler, so no figures for a slow disk")
            return nil
        }
    }

    func run(_ body: () -> Void) {
        setenv("LD_PRELOAD", library, 1)
        setenv("SLOW_DISK_US", "2000", 1)
        body()
        unsetenv("LD_PRELOAD")
        unsetenv("SLOW_DISK_US")
    }
}

/// Processes that want to run, over the last minute (proc(5)).
func load() -> Double { text(of: "/proc/loadavg").split(separator: " ").first.flatMap { Double($0) } ?? 0 }

/// Messages in a second of a script that commits each one.
func script(_ sink: Sink, _ place: String) -> Double? {
    mkdir(place, 0o700)
    let body = place + "/body"
    write("Subject: Happy birthday\n\n" + String(repeating: String(repeating: "x", count: 70) + "\n", count: 57), to: body)
    let amount = isQuick ? 500 : 2_000
    let path = "Benchmarks/Delivery/one_by_one.py"
    guard let program = Program(["python3", path, "\(sink.port)", "\(amount)", body, place], output: place + "/out"),
        program.wait().status == 0
    else { return nil }
    return Double(text(of: place + "/out").filter { $0 != "\n" }).map { Double(amount) / $0 }
}
