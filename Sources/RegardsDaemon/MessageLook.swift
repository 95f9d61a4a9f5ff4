import Glibc
package import RegardsCalendar
package import RegardsCore
package import RegardsMessage

/// A mail as a reader sees it.
package struct MessageLook: Sendable {
    package var card: String
    package var from: Contact
    package var to: Contact
    package var sentAt: Instant
    package var zone: Zone
    package var rendered: RenderedCard

    /// Lines for a terminal: who, when and what, then the words of the card.
    package var lines: [String] {
        let when = "\(Words.moment(sentAt, zone)) \(zone.name)"
        let head = [("When", when), ("From", MessageLook.words(from)), ("To", MessageLook.words(to)), ("Subject", rendered.subject)]
        let pictures = rendered.pictures.isEmpty ? [] : ["[\(rendered.pictures.map(\.name).joined(separator: ", "))]", ""]
        return head.map { "\(DisplayWidth.padded($0 + ":", 8)) \($1)" } + [""] + pictures
            + rendered.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func words(_ contact: Contact) -> String {
        contact.name.isEmpty ? contact.address.text : "\(contact.name) <\(contact.address.text)>"
    }

    /// Writes a page for a browser, with its pictures, into a folder.
    /// - Returns: the page's path.
    /// - Throws: `GalleryError`.
    package func writePage(to folder: String) throws(GalleryError) -> String {
        try Gallery.makeFolder(folder)
        var html = rendered.html
        for picture in rendered.pictures {
            try Gallery.write(picture.bytes, to: "\(folder)/\(picture.name)")
            html = html.replacing("cid:" + picture.contentID, with: picture.name)
        }
        let path = folder + "/message.html"
        try Gallery.write(Array(html.utf8), to: path)
        return path
    }
}
