/// A picture that travels inside the message.
package struct CardPicture: Sendable {
    /// File name as in `src="…"`.
    package var name: String
    /// Content-ID without angle brackets, derived from the picture's bytes.
    package var contentID: String
    package var bytes: [UInt8]
}
