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

            With --with-rules the shipped regards.yaml, rules, their cases and the cards are put beside it, so that the \
            folder is a whole configuration to begin with.

            EXAMPLES
              regards init /var/lib/shop/business.sqlite
              regards init shop/business.sqlite --with-rules
            """)

    @Argument(help: "The file to make.", completion: .file())
    var file: String

    @Flag(help: "Put regards.yaml, rules.d, tests and cards beside it.")
    var withRules = false

    @Option(
        help: ArgumentHelp(
            "Where these come from. Default: config in this folder, or /usr/share/regards/config.", valueName: "folder"))
    var shipped: String?

    func run() throws {
        try carryOut {
            // Looked for before anything is made.
            let shipped = withRules ? try Folder.shipped(shipped) : nil
            if shipped != nil, access(folder + "/regards.yaml", F_OK) == 0 {
                throw Failure(.cannotCreate, "\(folder)/regards.yaml: is there already; nothing is overwritten")
            }
            if withRules { try Folder.make(folder) }
            _ = try BusinessDatabase.create(at: file)
            Terminal.write("made \(file), with empty tables")
            guard let shipped else {
                Terminal.write("the shipped regards.yaml has the query for it; name the file there:")
                return Terminal.write("  database: sqlite:\(wholePath)")
            }
            try copy(shipped)
            Terminal.write("put regards.yaml, rules.d, tests and cards beside it; then:")
            Terminal.write("  \(Process.command) check --config \(folder)/regards.yaml")
        }
    }

    /// Paths in regards.yaml are taken from its own folder, so that the whole can be moved.
    private func copy(_ shipped: String) throws {
        for name in ["rules.d", "tests", "cards"] where access("\(shipped)/\(name)", F_OK) == 0 {
            try Folder.copy("\(shipped)/\(name)", to: "\(folder)/\(name)") { $0.hasSuffix(".svg") }
        }
        let text = String(decoding: try Folder.read(shipped + "/regards.yaml"), as: UTF8.self)
            .replacing("sqlite:/var/lib/regards/business.sqlite", with: "sqlite:\(name)")
            .replacing("sqlite:/var/lib/regards/regards.sqlite", with: "sqlite:state/regards.sqlite")
        try Folder.write(Array(text.utf8), to: folder + "/regards.yaml")
    }

    private var folder: String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    private var name: Substring { file.lastIndex(of: "/").map { file[file.index(after: $0)...] } ?? file[...] }

    /// regards.yaml reads other paths from its own folder.
    private var wholePath: String {
        guard let whole = realpath(file, nil) else { return file }
        defer { free(whole) }
        return String(cString: whole)
    }
}
