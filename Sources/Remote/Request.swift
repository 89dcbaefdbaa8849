/// What is asked of a server.
struct Request: Sendable {
  /// What a request is allowed with. None of it is ever told.
  enum Credentials: Sendable {
    case none
    case token(String)
    /// `user:password`.
    case password(String)
    /// A signature by AWS's version 4.
    case signature(keys: String, region: String)
  }

  /// The whole address, with what is secret in it.
  var address: String
  /// What messages call it.
  let path: String
  var isHead = false
  /// The part that is wanted; nil for all.
  var range: Range<Int>?
  var fields: [String] = []
  var credentials = Credentials.none
  var followsRedirects = true
  /// Bytes of an answer that are taken at most: a longer one is cut off.
  var mostBytes: Int
}

/// What a server has answered.
struct Response: Sendable {
  let status: Int
  /// Of the last server that was asked, by their names in small letters.
  let fields: [String: String]
  let body: [UInt8]
  /// Whether there is more of it than was to be taken.
  let isCut: Bool
  /// Where redirects have led, which may be secret; nil where there were none.
  let location: String?
}
