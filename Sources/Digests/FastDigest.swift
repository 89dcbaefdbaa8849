internal import CXXHash

/// XXH3 with 128 bits: finds damage and tells contents apart at the speed of memory. It keeps no secret and stops nobody
/// who wants two contents to look the same; `SHA256Digest` does.
public struct FastDigest: Hashable, Sendable, CustomStringConvertible {
  private let high: UInt64
  private let low: UInt64

  private init(_ value: XXH128_hash_t) {
    high = value.high64
    low = value.low64
  }

  /// The digest of `bytes`.
  public init(of bytes: RawSpan) {
    self = unsafe bytes.withUnsafeBytes { FastDigest(unsafe XXH3_128bits($0.baseAddress, $0.count)) }
  }

  /// The digest of a text's UTF-8.
  public init(of text: String) {
    let bytes = Array(text.utf8)
    self.init(of: unsafe bytes.span.bytes)
  }

  /// Reads 32 hexadecimal digits; nil where it is something else.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
      let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.high = high
    self.low = low
  }

  /// 32 hexadecimal digits, as `xxhsum -H2` prints them.
  public var description: String { Self.digits(high) + Self.digits(low) }

  private static func digits(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Takes in contents part by part.
  @safe public struct Stream: ~Copyable {
    private let state: OpaquePointer

    public init() {
      // Allocation of a few hundred bytes: xxHash answers nil only when memory is exhausted.
      guard let state = unsafe XXH3_createState() else { preconditionFailure("no memory for a digest") }
      unsafe self.state = unsafe state
      _ = unsafe XXH3_128bits_reset(state)
    }

    deinit { _ = unsafe XXH3_freeState(state) }

    public mutating func add(_ bytes: RawSpan) {
      unsafe bytes.withUnsafeBytes { _ = unsafe XXH3_128bits_update(state, $0.baseAddress, $0.count) }
    }

    public mutating func add(_ text: String) {
      let bytes = Array(text.utf8)
      add(unsafe bytes.span.bytes)
    }

    /// The digest of what was taken in so far.
    public var digest: FastDigest { FastDigest(unsafe XXH3_128bits_digest(state)) }
  }
}
