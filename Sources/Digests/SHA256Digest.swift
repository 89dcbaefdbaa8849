internal import CCrypto

/// SHA-256, by OpenSSL's libcrypto.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
  /// 32 of them.
  public let bytes: [UInt8]

  /// 64 hexadecimal digits, as `sha256sum` prints them.
  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The digest of `bytes`.
  public init(of bytes: [UInt8]) {
    var stream = Stream()
    stream.add(unsafe bytes.span.bytes)
    self = stream.finish()
  }

  /// Takes in contents part by part.
  @safe public struct Stream: ~Copyable {
    private let context: OpaquePointer

    public init() {
      guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("no memory for a digest") }
      unsafe self.context = unsafe context
      _ = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    public mutating func add(_ part: RawSpan) {
      unsafe part.withUnsafeBytes { _ = unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    }

    /// The digest of everything that was taken in.
    public consuming func finish() -> SHA256Digest {
      var bytes = [UInt8](repeating: 0, count: 32)
      unsafe bytes.withUnsafeMutableBufferPointer {
        _ = unsafe EVP_DigestFinal_ex(context, $0.baseAddress, nil)
      }
      return SHA256Digest(bytes: bytes)
    }
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// Of all bytes at once.
  public init(of bytes: RawSpan) {
    var stream = Stream()
    stream.add(bytes)
    self = stream.finish()
  }
}
