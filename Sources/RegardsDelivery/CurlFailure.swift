import CCurl

/// What one or several of libcurl's errors mean, in the operator's words. These rows are the code, the test and the tables
/// of `docs/outcomes.md`. The channels have rows of their own for what is told better where it happened.
struct CurlFailure: Sendable {
    /// libcurl's numbers, which never change, and their names.
    var codes: [UInt32]
    var names: [String]
    var problem: String
    var advice: String

    init(_ code: CURLcode, _ name: String, problem: String, advice: String) {
        self.init([(code.rawValue, name)], problem: problem, advice: advice)
    }

    /// By number, because the headers of an older libcurl do not know all names.
    private init(_ codes: [(UInt32, String)], problem: String, advice: String) {
        self.codes = codes.map(\.0)
        names = codes.map(\.1)
        self.problem = problem
        self.advice = advice
    }

    /// The channel's own row, else the one for everywhere.
    /// - Returns: nil for an error of a libcurl that is newer than this table.
    static func row(_ code: CURLcode, in own: [CurlFailure]) -> CurlFailure? {
        own.first { $0.codes.contains(code.rawValue) } ?? elsewhere.first { $0.codes.contains(code.rawValue) }
    }

    /// What no channel has words of its own for.
    static let elsewhere: [CurlFailure] = [
        CurlFailure(
            [(1, "CURLE_UNSUPPORTED_PROTOCOL")],
            problem: "the installed libcurl does not speak the protocol",
            advice: "install the distribution's libcurl"),
        CurlFailure(
            [(2, "CURLE_FAILED_INIT")],
            problem: "libcurl could not be started",
            advice: "see what else runs on this machine"),
        CurlFailure(
            [(3, "CURLE_URL_MALFORMAT")],
            problem: "libcurl cannot read the address",
            advice: "check host and port, or url"),
        CurlFailure(
            [(4, "CURLE_NOT_BUILT_IN")],
            problem: "the installed libcurl was built without something that is needed",
            advice: "install the distribution's libcurl"),
        CurlFailure(
            [(5, "CURLE_COULDNT_RESOLVE_PROXY"), (97, "CURLE_PROXY")],
            problem: "a proxy failed",
            advice: "Regards uses none: please report it"),
        CurlFailure(
            [(9, "CURLE_REMOTE_ACCESS_DENIED"), (22, "CURLE_HTTP_RETURNED_ERROR"), (25, "CURLE_UPLOAD_FAILED")],
            problem: "the other side refused",
            advice: "see its log"),
        CurlFailure(
            [(8, "CURLE_WEIRD_SERVER_REPLY")],
            problem: "the answer cannot be read",
            advice: "check host and port, or url"),
        CurlFailure(
            [(18, "CURLE_PARTIAL_FILE")],
            problem: "the answer ended before its announced length",
            advice: "see the other side's log"),
        CurlFailure(
            [
                (16, "CURLE_HTTP2"), (92, "CURLE_HTTP2_STREAM"), (95, "CURLE_HTTP3"),
                (96, "CURLE_QUIC_CONNECT_ERROR"),
            ],
            problem: "the answer is in another version of HTTP",
            advice: "see the other side's log"),
        CurlFailure(
            [
                (23, "CURLE_WRITE_ERROR"), (26, "CURLE_READ_ERROR"), (42, "CURLE_ABORTED_BY_CALLBACK"),
                (88, "CURLE_CHUNK_FAILED"),
            ],
            problem: "Regards itself ended the transfer",
            advice: "nothing is to be done, unless it stays: please report it then"),
        CurlFailure(
            [(27, "CURLE_OUT_OF_MEMORY")],
            problem: "libcurl has no memory left",
            advice: "see what else runs on this machine"),
        CurlFailure(
            [(35, "CURLE_SSL_CONNECT_ERROR")],
            problem: "TLS could not be agreed",
            advice: "check that the other side speaks TLS 1.2 or later at this port"),
        CurlFailure(
            [
                (43, "CURLE_BAD_FUNCTION_ARGUMENT"), (48, "CURLE_UNKNOWN_OPTION"),
                (49, "CURLE_SETOPT_OPTION_SYNTAX"), (81, "CURLE_AGAIN"), (93, "CURLE_RECURSIVE_API_CALL"),
            ],
            problem: "libcurl was called in a way that it does not allow",
            advice: "please report it"),
        CurlFailure(
            [(45, "CURLE_INTERFACE_FAILED")],
            problem: "no network interface could be used",
            advice: "check the machine's network"),
        CurlFailure(
            [(47, "CURLE_TOO_MANY_REDIRECTS")],
            problem: "the answer leads elsewhere, and nothing is followed",
            advice: "correct url"),
        CurlFailure(
            [(52, "CURLE_GOT_NOTHING")],
            problem: "the other side closed the connection without a word",
            advice: "see its log"),
        CurlFailure(
            [
                (53, "CURLE_SSL_ENGINE_NOTFOUND"), (54, "CURLE_SSL_ENGINE_SETFAILED"), (59, "CURLE_SSL_CIPHER"),
                (66, "CURLE_SSL_ENGINE_INITFAILED"),
            ],
            problem: "OpenSSL cannot do what its configuration asks for",
            advice: "check openssl.cnf"),
        CurlFailure(
            [(58, "CURLE_SSL_CERTPROBLEM"), (98, "CURLE_SSL_CLIENTCERT")],
            problem: "a client certificate is wanted",
            advice: "Regards has none: use a login or a signature instead"),
        CurlFailure(
            [(61, "CURLE_BAD_CONTENT_ENCODING")],
            problem: "the answer is packed in an unknown way",
            advice: "see the other side's log"),
        CurlFailure(
            [(63, "CURLE_FILESIZE_EXCEEDED"), (100, "CURLE_TOO_LARGE")],
            problem: "the answer is larger than libcurl takes",
            advice: "see the other side's log"),
        CurlFailure(
            [(64, "CURLE_USE_SSL_FAILED")],
            problem: "encryption was asked for and not granted",
            advice: "check port and encryption"),
        CurlFailure(
            [(65, "CURLE_SEND_FAIL_REWIND")],
            problem: "what was sent would have had to be sent again",
            advice: "nothing is to be done: it is not sent twice unseen"),
        CurlFailure(
            [(67, "CURLE_LOGIN_DENIED"), (94, "CURLE_AUTH_ERROR")],
            problem: "the login failed",
            advice: "check user and secret"),
        CurlFailure(
            [(80, "CURLE_SSL_SHUTDOWN_FAILED")],
            problem: "the encrypted connection did not end as it should",
            advice: "see the other side's log"),
        CurlFailure(
            [
                (82, "CURLE_SSL_CRL_BADFILE"), (83, "CURLE_SSL_ISSUER_ERROR"),
                (90, "CURLE_SSL_PINNEDPUBKEYNOTMATCH"), (91, "CURLE_SSL_INVALIDCERTSTATUS"),
                (101, "CURLE_ECH_REQUIRED"),
            ],
            problem: "the other side's certificate could not be checked",
            advice: "see its certificate with `openssl s_client`"),
        CurlFailure(
            [(89, "CURLE_NO_CONNECTION_AVAILABLE")],
            problem: "libcurl has no connection to give",
            advice: "see what else runs on this machine"),
        CurlFailure(
            [(99, "CURLE_UNRECOVERABLE_POLL")],
            problem: "the system cannot watch the connection",
            advice: "see what else runs on this machine"),
        CurlFailure(
            [
                (10, "CURLE_FTP_ACCEPT_FAILED"), (11, "CURLE_FTP_WEIRD_PASS_REPLY"),
                (12, "CURLE_FTP_ACCEPT_TIMEOUT"), (13, "CURLE_FTP_WEIRD_PASV_REPLY"),
                (14, "CURLE_FTP_WEIRD_227_FORMAT"), (15, "CURLE_FTP_CANT_GET_HOST"),
                (17, "CURLE_FTP_COULDNT_SET_TYPE"), (19, "CURLE_FTP_COULDNT_RETR_FILE"), (21, "CURLE_QUOTE_ERROR"),
                (30, "CURLE_FTP_PORT_FAILED"), (31, "CURLE_FTP_COULDNT_USE_REST"), (33, "CURLE_RANGE_ERROR"),
                (34, "CURLE_HTTP_POST_ERROR"), (36, "CURLE_BAD_DOWNLOAD_RESUME"),
                (37, "CURLE_FILE_COULDNT_READ_FILE"), (38, "CURLE_LDAP_CANNOT_BIND"),
                (39, "CURLE_LDAP_SEARCH_FAILED"), (41, "CURLE_FUNCTION_NOT_FOUND"), (68, "CURLE_TFTP_NOTFOUND"),
                (69, "CURLE_TFTP_PERM"), (70, "CURLE_REMOTE_DISK_FULL"), (71, "CURLE_TFTP_ILLEGAL"),
                (72, "CURLE_TFTP_UNKNOWNID"), (73, "CURLE_REMOTE_FILE_EXISTS"), (74, "CURLE_TFTP_NOSUCHUSER"),
                (78, "CURLE_REMOTE_FILE_NOT_FOUND"), (79, "CURLE_SSH"), (84, "CURLE_FTP_PRET_FAILED"),
                (85, "CURLE_RTSP_CSEQ_ERROR"), (86, "CURLE_RTSP_SESSION_ERROR"), (87, "CURLE_FTP_BAD_FILE_LIST"),
            ],
            problem: "libcurl speaks of a protocol that Regards does not use",
            advice: "please report it"),
    ]
}
