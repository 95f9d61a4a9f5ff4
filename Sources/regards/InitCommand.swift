import ArgumentParser
import Glibc
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make an empty customer database for a business that has none.",
        discussion: """
            A SQLite file with customers, staff, orders, interactions and responses, to be filled by any tool that \
            writes SQLite; the shipped configuration reads it as it is. A file that is there is left alone.

            EXAMPLES
              regards init /var/lib/shop/business.sqlite
            """)

    @Argument(help: "The file to make.")
    var file: String

    func run() throws {
        try carryOut {
            guard access(file, F_OK) != 0 else { throw Failure(.cannotCreate, "\(file): is already there; nothing was changed") }
            do {
                _ = try BusinessDatabase.create(at: file)
            } catch {
                throw Failure(.cannotCreate, "\(error)")
            }
            Terminal.write("made \(file)")
            Terminal.write("in regards.yaml: customers: {database: sqlite:\(file), query: …}; the shipped regards.yaml holds the query")
        }
    }
}
