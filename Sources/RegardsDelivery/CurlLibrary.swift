import CCurl

/// libcurl as a whole.
enum CurlLibrary {
    /// Initialised once for the process, and never cleaned up: other threads may still be inside OpenSSL then
    /// (curl_global_cleanup(3)).
    private static let started: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    /// A fresh easy handle, or nil when libcurl could not start or memory ran out.
    static func makeHandle() -> UnsafeMutableRawPointer? {
        guard started == CURLE_OK else { return nil }
        return curl_easy_init()
    }

    static func makeMulti() -> UnsafeMutableRawPointer? {
        guard started == CURLE_OK else { return nil }
        return curl_multi_init()
    }

    /// libcurl's own words for a code, for codes that no table of ours knows.
    static func words(for code: CURLcode) -> String {
        String(cString: curl_easy_strerror(code))
    }
}
