import RegardsMessage

/// Writes the gallery's one page: every card in each of its languages, by light and by dark, as wide as on a desk and
/// as on a phone.
///
/// There is no script: each view is the whole mail in a shadow root of its own, with the questions that its style asks of
/// the window answered beforehand.
struct GalleryPage {
    /// One card in one language.
    struct Entry {
        var card: String
        var file: String
        var rendered: RenderedCard
        /// The mail with its pictures as files.
        var html: String
        /// The file of its first picture.
        var picture: String?
    }

    struct View {
        var name: String
        /// Of the window, in pixels.
        var width: Int
        var isDark: Bool

        static let all = [
            View(name: "desk", width: 664, isDark: false), View(name: "desk", width: 664, isDark: true),
            View(name: "phone", width: 375, isDark: false), View(name: "phone", width: 375, isDark: true),
        ]
    }

    let business: String
    let entries: [Entry]

    func html() -> String {
        var page = GalleryPage.head(GalleryPage.escaped(business))
        var cards: [String] = []
        page += "<nav>\n"
        for entry in entries where cards.last != entry.card {
            cards.append(entry.card)
            page += tile(entry)
        }
        page += "</nav>\n"
        for card in cards {
            page += "<section id=\"\(card)\">\n<h2>\(card)</h2>\n"
            for entry in entries where entry.card == card { page += row(entry) }
            page += "</section>\n"
        }
        return page + "</main>\n</body>\n</html>\n"
    }

    /// A card at a glance: its picture, or its subject where it has none.
    private func tile(_ entry: Entry) -> String {
        let subject = GalleryPage.escaped(entry.rendered.subject)
        let face = entry.picture.map { "<img src=\"\($0)\" alt=\"\">" } ?? "<b>\(subject)</b>"
        return "<a href=\"#\(entry.card)\">\(face)\(entry.card)</a>\n"
    }

    private func row(_ entry: Entry) -> String {
        let locale = entry.rendered.locale
        let text = GalleryPage.escaped(entry.rendered.text)
        var row = """
            <h3 lang="\(locale)"><a href="\(entry.file)">\(GalleryPage.escaped(entry.rendered.subject))</a> <small>\(locale)</small></h3>
            <div class="views">

            """
        for view in View.all {
            row += """
                <div class="\(view.name)\(view.isDark ? " dark" : "")"><template shadowrootmode="open">
                \(GalleryPage.answered(entry.html, view))
                </template></div>

                """
        }
        return row + "</div>\n<details><summary>Plain text</summary><pre lang=\"\(locale)\">\(text)</pre></details>\n"
    }

    /// A document's style sheet asks the window for its width and its colours. In a shadow root there is but one window,
    /// so each question is replaced by one that is always, or never, true.
    static func answered(_ html: String, _ view: View) -> String {
        func answer(_ isTrue: Bool) -> String { isTrue ? "(min-width:0)" : "(max-width:0)" }
        let dark = html.replacing(/\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)/) { match in
            answer((match.1 == "dark") == view.isDark)
        }
        return dark.replacing(/\(\s*(max|min)-width\s*:\s*([0-9]+)px\s*\)/) { match in
            let limit = Int(match.2) ?? 0
            return answer(match.1 == "max" ? view.width <= limit : view.width >= limit)
        }
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    private static func head(_ business: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'">
        <title>Cards of \(business)</title>
        <style>
        :root{--page:#fff;--text:#22262b;--quiet:#5f6770;--line:#e6e8eb}
        @media (prefers-color-scheme:dark){:root{--page:#0e0f11;--text:#e3e6ea;--quiet:#9aa3ad;--line:#2a2d31}}
        body{margin:0;background:var(--page);color:var(--text);font:15px/22px system-ui,sans-serif}
        main{max-width:1560px;margin:0 auto;padding:24px}
        a{color:inherit}
        nav{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:16px;margin:0 0 40px;font-size:13px}
        nav a{text-decoration:none}
        nav img,nav b{display:block;width:100%;aspect-ratio:12/7;border-radius:4px;margin:0 0 4px}
        nav b{box-sizing:border-box;padding:16px;border:1px solid var(--line);font:16px/20px Georgia,serif;overflow:hidden}
        section{border-top:1px solid var(--line);padding:16px 0 32px}
        h1{font-size:24px;line-height:32px}
        h2{font-size:17px;margin:0}
        h3{font-size:15px;font-weight:400;margin:16px 0 8px}
        small,summary{color:var(--quiet);font-size:13px}
        .views{display:flex;gap:24px;align-items:flex-start;overflow-x:auto;padding-bottom:8px}
        .views>div{flex:none;zoom:.68;color-scheme:light;background:#f3efe8;border-radius:8px;overflow:hidden}
        .views>.dark{color-scheme:dark;background:#17181a}
        .desk{width:664px}
        .phone{width:375px}
        pre{white-space:pre-wrap;max-width:80ch;font-size:13px;line-height:19px}
        </style>
        </head>
        <body>
        <main>
        <h1>Cards of \(business)</h1>
        <p>By light and by dark, on a desk and on a phone. A subject opens the mail by itself, at its own size.</p>

        """
    }
}
