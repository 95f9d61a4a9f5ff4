import Glibc
package import RegardsCalendar
import RegardsCore
package import RegardsMessage
package import RegardsStore

/// All cards of a folder as pages that a browser shows: one with everything side by side, and each mail by itself.
package struct Gallery {
    private let assembly: Assembly
    private let sample: GallerySample
    private let customers: [Customer]

    /// - Parameters:
    ///   - source: whose customers are greeted; nil: made-up ones.
    ///   - id: greet this customer in every card; nil: the first ones that have an address.
    /// - Throws: `SourceError`, `TrialError`.
    package init(_ assembly: Assembly, source: (any CustomerSource)?, customer id: String?, now: Instant) throws {
        self.assembly = assembly
        sample = GallerySample(assembly, now: now)
        guard let source else {
            customers = []
            return
        }
        if let id {
            guard let customer = try source.lookUp([id])[id] else { throw TrialError.noCustomer(id) }
            customers = [customer]
        } else {
            customers = try Gallery.first(of: source)
        }
    }

    /// Enough for a different one in most cards.
    private static let wanted = 60

    private struct Enough: Error {}

    private static func first(of source: any CustomerSource) throws -> [Customer] {
        var ids: [String] = []
        do {
            try source.forEachPage(size: 500) { page in
                for customer in page where customer.text(.email) != nil && ids.count < wanted { ids.append(customer.id) }
                if ids.count == wanted { throw Enough() }
            }
        } catch is Enough {
            // The rest of the table is of no interest.
        }
        let found = try source.lookUp(ids)
        return ids.compactMap { found[$0] }
    }

    /// Writes `index.html`, a page for each card and language, and `pictures/`. Files of an earlier gallery are
    /// replaced.
    /// - Returns: how many cards were written, each language counted.
    /// - Throws: `GalleryError`.
    @discardableResult
    package func write(to folder: String) throws(GalleryError) -> Int {
        try Gallery.makeFolder(folder)
        try Gallery.makeFolder(folder + "/pictures")
        var entries: [GalleryPage.Entry] = []
        for card in assembly.cards.cards {
            for locale in assembly.cards.locales(of: card) {
                let entry = try entry(card, locale, number: entries.count, folder)
                try Gallery.write(entry.html, to: "\(folder)/\(entry.file)")
                entries.append(entry)
            }
        }
        let page = GalleryPage(business: assembly.book.house.business.name, entries: entries)
        try Gallery.write(page.html(), to: folder + "/index.html")
        return entries.count
    }

    private func entry(
        _ card: String, _ locale: String, number: Int, _ folder: String
    ) throws(GalleryError) -> GalleryPage.Entry {
        let rendered: RenderedCard
        do throws(CardError) {
            rendered = try assembly.cards.render(
                card, locale: locale, fields: sample.fields(for: card, locale: locale, customer: customer(locale, number)),
                unsubscribe: assembly.book.house.business.email)
        } catch {
            throw .card(error)
        }
        var html = rendered.html
        var first: String?
        for picture in rendered.pictures {
            let file = "pictures/" + picture.contentID.prefix { $0 != "@" } + "-" + picture.name
            try Gallery.write(picture.bytes, to: "\(folder)/\(file)")
            html = html.replacing("cid:" + picture.contentID, with: file)
            first = first ?? file
        }
        let file = card.replacing("/", with: "-") + ".\(locale).html"
        return GalleryPage.Entry(card: card, file: file, rendered: rendered, html: html, picture: first)
    }

    /// One who reads the language, where there is one.
    private func customer(_ locale: String, _ number: Int) -> Customer? {
        let language = locale.prefix { $0 != "-" }
        let readers = customers.filter { $0.text(.locale)?.hasPrefix(language) == true }
        let choice = readers.isEmpty ? customers : readers
        return choice.isEmpty ? nil : choice[number / 2 % choice.count]
    }

    // MARK: Files

    static func makeFolder(_ path: String) throws(GalleryError) {
        guard mkdir(path, 0o755) != 0, errno != EEXIST else { return }
        throw .file(path, errno)
    }

    private static func write(_ text: String, to path: String) throws(GalleryError) {
        try write(Array(text.utf8), to: path)
    }

    static func write(_ bytes: [UInt8], to path: String) throws(GalleryError) {
        guard let file = fopen(path, "w") else { throw .file(path, errno) }
        let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
        // What the buffer holds is written only now.
        guard fclose(file) == 0, isWritten else { throw .file(path, errno) }
    }
}

package enum GalleryError: Error, CustomStringConvertible {
    case card(CardError)
    /// A file or folder that cannot be made, and errno.
    case file(String, Int32)

    package var description: String {
        switch self {
        case .card(let error): error.description
        case .file(let path, let code): "\(path): \(String(cString: strerror(code)))"
        }
    }
}
