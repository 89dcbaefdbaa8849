internal import CCurl

/// One request as libcurl carries it out. Used by one thread.
@safe final class Transfer {
  static let mostRedirects = 5

  let handle: UnsafeMutableRawPointer
  private let request: Request
  private var list: UnsafeMutablePointer<curl_slist>?
  private var fields: [String: String] = [:]
  private var body: [UInt8] = []
  private(set) var isCut = false

  /// nil where libcurl does not take it.
  init?(_ request: Request, _ settings: Transfers.Settings) {
    guard let handle = unsafe curl_easy_init() else { return nil }
    unsafe self.handle = unsafe handle
    self.request = request
    unsafe list = nil
    var isTaken = true
    func check(_ code: CURLcode) { isTaken = isTaken && code == CURLE_OK }
    func set(_ option: CURLoption, _ value: Int) { check(unsafe decant_curl_set_number(handle, option, value)) }
    func set(_ option: CURLoption, _ value: String) { check(unsafe decant_curl_set_text(handle, option, value)) }
    let isEncrypted = request.address.hasPrefix("https://")
    set(CURLOPT_URL, request.address)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_USERAGENT, settings.agent)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    // Never from an encrypted address to another.
    set(CURLOPT_REDIR_PROTOCOLS_STR, isEncrypted ? "https" : "http,https")
    set(CURLOPT_FOLLOWLOCATION, request.followsRedirects ? 1 : 0)
    set(CURLOPT_MAXREDIRS, Self.mostRedirects)
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    if let path = settings.certificates { set(CURLOPT_CAINFO, path) }
    if let path = settings.certificateFolder { set(CURLOPT_CAPATH, path) }
    set(CURLOPT_CONNECTTIMEOUT, settings.patience.connectSeconds)
    set(CURLOPT_LOW_SPEED_LIMIT, 1000)
    set(CURLOPT_LOW_SPEED_TIME, settings.patience.stallSeconds)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_BUFFERSIZE, 512 << 10)
    if request.isHead { set(CURLOPT_NOBODY, 1) }
    if let range = request.range {
      set(CURLOPT_RANGE, "\(range.lowerBound)-\(range.upperBound - 1)")
      body.reserveCapacity(range.count)
    }
    switch request.credentials {
    case .none: break
    case .token(let token):
      set(CURLOPT_HTTPAUTH, Int(1) << 6)  // CURLAUTH_BEARER
      set(CURLOPT_XOAUTH2_BEARER, token)
    case .password(let text):
      set(CURLOPT_HTTPAUTH, 1)  // CURLAUTH_BASIC
      set(CURLOPT_USERPWD, text)
    case .signature(let keys, let region):
      set(CURLOPT_AWS_SIGV4, "aws:amz:\(region):s3")
      set(CURLOPT_USERPWD, keys)
    }
    for field in request.fields { unsafe list = curl_slist_append(list, field) }
    if let list = unsafe list { check(unsafe decant_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list)) }
    let own = unsafe Unmanaged.passUnretained(self).toOpaque()
    for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA] { check(unsafe decant_curl_set_pointer(handle, option, own)) }
    check(
      unsafe decant_curl_set_taker(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, taker in
        unsafe Transfer.of(taker)?.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
      })
    check(
      unsafe decant_curl_set_taker(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, taker in
        unsafe Transfer.of(taker)?.takeField(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
      })
    guard isTaken else { return nil }
  }

  deinit {
    unsafe curl_slist_free_all(list)
    unsafe curl_easy_cleanup(handle)
  }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> Transfer? {
    unsafe pointer.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Returns how many bytes are taken: fewer than there are end the transfer.
  private func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
    let room = request.mostBytes - body.count
    unsafe body.append(contentsOf: bytes.prefix(room))
    guard bytes.count > room else { return bytes.count }
    isCut = true
    return 0
  }

  private func takeField(_ bytes: UnsafeRawBufferPointer) -> Int {
    let line = unsafe String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // Of the next server, or the answer behind a preliminary one.
      fields = [:]
    } else if let colon = line.firstIndex(of: ":"), fields.count < 200 {
      let name = line[..<colon].lowercased()
      fields[name] = Self.trimmed(line[line.index(after: colon)...])
    }
    return bytes.count
  }

  /// Without blanks and the end of the line, and without what could end a line elsewhere.
  private static func trimmed(_ text: Substring) -> String {
    let scalars = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
    return String(String.UnicodeScalarView(scalars)).split(separator: " ").joined(separator: " ")
  }

  /// 0 where there was no answer.
  var status: Int {
    var status = 0
    unsafe decant_curl_number(handle, CURLINFO_RESPONSE_CODE, &status)
    return status
  }

  /// How long the server asks to be left alone; nil where it does not.
  var secondsToWait: Int? {
    var seconds: curl_off_t = 0
    unsafe decant_curl_offset(handle, CURLINFO_RETRY_AFTER, &seconds)
    return seconds > 0 ? Int(seconds) : nil
  }

  var receivedByteCount: Int { body.count }

  var response: Response {
    var redirects = 0
    unsafe decant_curl_number(handle, CURLINFO_REDIRECT_COUNT, &redirects)
    var address: UnsafeMutablePointer<CChar>?
    unsafe decant_curl_text(handle, CURLINFO_EFFECTIVE_URL, &address)
    let location = unsafe address.map { unsafe String(cString: $0) }
    return Response(
      status: status, fields: fields, body: body, isCut: isCut, location: redirects > 0 ? location : nil)
  }
}
