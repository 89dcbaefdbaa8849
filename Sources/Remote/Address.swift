internal import Bytes
internal import CCurl

/// An address of the web, taken apart by libcurl.
struct Address: Sendable {
  /// Without user, password, query and fragment: what messages and outputs may hold.
  let path: String
  let isEncrypted: Bool
  /// Whether it is of this machine.
  let isLoopback: Bool
  /// What is secret.
  let query: String?
  /// `user:password`.
  let password: String?

  /// nil for what is no address of http or https.
  init?(_ text: String) {
    guard let url = unsafe curl_url() else { return nil }
    defer { unsafe curl_url_cleanup(url) }
    guard unsafe curl_url_set(url, CURLUPART_URL, text, UInt32(CURLU_URLENCODE)) == CURLUE_OK else { return nil }
    func part(_ part: CURLUPart, decoded: Bool = false) -> String? {
      var found: UnsafeMutablePointer<CChar>?
      guard unsafe curl_url_get(url, part, &found, decoded ? UInt32(CURLU_URLDECODE) : 0) == CURLUE_OK,
        let start = unsafe found
      else { return nil }
      defer { unsafe curl_free(start) }
      return unsafe String(cString: start)
    }
    guard let scheme = part(CURLUPART_SCHEME), scheme == "https" || scheme == "http", let host = part(CURLUPART_HOST)
    else { return nil }
    let port = part(CURLUPART_PORT).map { ":\($0)" } ?? ""
    path = "\(scheme)://\(host.lowercased())\(port)\(part(CURLUPART_PATH) ?? "/")"
    isEncrypted = scheme == "https"
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    isLoopback =
      host == "localhost" || host == "[::1]" || numbers.count == 4 && numbers[0] == 127 && !numbers.contains(nil)
    query = part(CURLUPART_QUERY)
    let user = part(CURLUPART_USER, decoded: true)
    let secret = part(CURLUPART_PASSWORD, decoded: true)
    password = user == nil && secret == nil ? nil : "\(user ?? ""):\(secret ?? "")"
  }

  /// A path with what an address cannot hold written as `%20`.
  /// - Parameter keepsEscapes: whether what is written so already stays.
  static func escaped(_ path: some StringProtocol, keepsEscapes: Bool = false) -> String {
    let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)
    let more = Set("!$&'()*+,;=:@%[]".utf8)
    return path.utf8.reduce(into: "") { text, byte in
      if plain.contains(byte) || keepsEscapes && more.contains(byte) {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
  }
}
