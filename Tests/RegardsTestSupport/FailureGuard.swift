/// How long a test waits for a fact before it fails: so long that no machine, however busy, needs it. What is promised in
/// seconds is timed in `RealTimeTests`.
package enum FailureGuard {
    package static let seconds = 300
}
