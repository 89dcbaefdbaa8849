public import Bytes

/// The stores that a program may read from, over connections and memory that they share.
public final class RemoteAccess: Sendable {
  private let transfers: Transfers
  private let web: HTTPStore
  private let hub: HubStore
  private let buckets: BucketStore
  /// To be added to `RemoteStores`.
  public let stores: [any RemoteStore]

  /// - Parameters:
  ///   - environment: what says where things are, and with what rights they are fetched.
  ///   - agent: what servers are told of who asks.
  public convenience init(_ environment: RemoteEnvironment, agent: String) {
    self.init(environment, agent: agent, Patience())
  }

  init(_ environment: RemoteEnvironment, agent: String, _ patience: Patience) {
    let transfers = Transfers(
      Transfers.Settings(
        certificates: environment.path("CURL_CA_BUNDLE", "SSL_CERT_FILE"),
        certificateFolder: environment.path("SSL_CERT_DIR"), agent: agent, patience: patience))
    let cache = BlockCache()
    self.transfers = transfers
    hub = HubStore(environment, transfers, cache)
    // The hub's names are the ones that look like paths, and come last.
    web = HTTPStore(transfers, cache)
    buckets = BucketStore(environment, transfers, cache)
    stores = [web, buckets, hub]
  }

  /// Bytes that were fetched so far.
  public var fetchedByteCount: Int { transfers.receivedByteCount }

  /// Requests so far.
  public var requestCount: Int { transfers.requestCount }

  /// What was found where, a sentence each.
  public var remarks: [String] {
    let told = (hub.opened + buckets.opened).compactMap(\.hasToldDigest)
    let checked = told.count { $0 }
    guard !told.isEmpty else { return hub.remarks }
    return hub.remarks + [
      "of \(told.count) files the store tells a SHA-256: \(checked) have it"
        + (checked < told.count ? ", and of \(told.count - checked) not all was read in order" : "")
    ]
  }

  /// A word of a command line without the password and the query of an address, which may be secret: they are kept for what is
  /// asked of that address, and the word is what may be told.
  /// - Throws: `FileError` for an address that is none, or must not be asked so.
  public func withoutSecrets(_ word: String) throws(FileError) -> String {
    if let path = try web.path(naming: word) { return path }
    guard word.hasPrefix("--"), let sign = word.firstIndex(of: "=") else { return word }
    let value = word.index(after: sign)
    return String(word[..<value]) + (try web.path(naming: String(word[value...])) ?? String(word[value...]))
  }
}
