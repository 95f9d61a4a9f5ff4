import ArgumentParser
import Glibc
import RegardsStore

struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make an empty customer database for a business without one.",
        discussion: """
            A SQLite file with customers, staff, orders, interactions and responses, to be filled by any tool that \
            writes SQLite; the shipped regards.yaml reads it as it is. A file that is there is left alone.

            EXAMPLES
              regards init /var/lib/shop/business.sqlite
            """)

    @Argument(help: "The file to make.", completion: .file())
    var file: String

    func run() throws {
        try carryOut {
            _ = try BusinessDatabase.create(at: file)
            Terminal.write("made \(file), with empty tables")
            Terminal.write("the shipped regards.yaml has the query for it; name the file there:")
            Terminal.write("  database: sqlite:\(wholePath)")
        }
    }

    /// regards.yaml reads other paths from its own folder.
    private var wholePath: String {
        guard let whole = realpath(file, nil) else { return file }
        defer { free(whole) }
        return String(cString: whole)
    }
}
