internal import CExpat

/// A page of the objects of a bucket, as `ListObjectsV2` answers it.
public struct BucketListing: Hashable, Sendable {
  public struct Object: Hashable, Sendable {
    public var key = ""
    /// -1 where it is not told.
    public var byteCount = -1
    public var tag = ""
  }

  public private(set) var objects: [Object] = []
  /// What the next page is asked for with; nil for the last.
  public private(set) var nextPage: String?
  /// Why the store gives none, where it says so: `NoSuchBucket`.
  public private(set) var errorCode: String?

  /// - Returns: nil for what is no such answer.
  public init?(_ answer: [UInt8]) {
    let reader = Reader()
    guard reader.read(answer) else { return nil }
    objects = reader.objects
    nextPage = reader.isTruncated ? reader.nextPage : nil
    errorCode = reader.errorCode
  }

  /// Takes what libexpat finds.
  private final class Reader {
    var objects: [Object] = []
    var nextPage: String?
    var isTruncated = false
    var errorCode: String?
    private var names: [String] = []
    private var text = ""

    /// No page is longer.
    private static let longestText = 1 << 16

    func read(_ bytes: [UInt8]) -> Bool {
      guard let parser = unsafe XML_ParserCreate("UTF-8") else { return false }
      defer { unsafe XML_ParserFree(parser) }
      unsafe XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
      unsafe XML_SetElementHandler(
        parser,
        { reader, name, _ in
          guard let name = unsafe name else { return }
          unsafe Reader.of(reader)?.begin(String(cString: name))
        }, { reader, _ in unsafe Reader.of(reader)?.end() })
      unsafe XML_SetCharacterDataHandler(parser) { reader, text, count in
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: Int(count))
        unsafe Reader.of(reader)?.take(String(decoding: bytes, as: UTF8.self))
      }
      let status = unsafe bytes.withUnsafeBytes { buffer in
        unsafe XML_Parse(
          parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: buffer.count), 1)
      }
      return status == XML_STATUS_OK && isKnown
    }

    private var isKnown = false

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> Reader? {
      unsafe pointer.map { unsafe Unmanaged<Reader>.fromOpaque($0).takeUnretainedValue() }
    }

    private func begin(_ name: String) {
      names.append(name)
      text = ""
      switch names {
      case ["ListBucketResult"], ["Error"]: isKnown = true
      case ["ListBucketResult", "Contents"]: objects.append(Object())
      default: break
      }
    }

    private func take(_ part: String) {
      if text.utf8.count < Self.longestText { text += part }
    }

    private func end() {
      switch names {
      case ["ListBucketResult", "IsTruncated"]: isTruncated = text == "true"
      case ["ListBucketResult", "NextContinuationToken"]: nextPage = text
      case ["ListBucketResult", "Contents", "Key"]: objects[objects.count - 1].key = text
      case ["ListBucketResult", "Contents", "Size"]: objects[objects.count - 1].byteCount = max(Int(text) ?? -1, -1)
      case ["ListBucketResult", "Contents", "ETag"]: objects[objects.count - 1].tag = text
      case ["Error", "Code"]: errorCode = text
      default: break
      }
      names.removeLast()
      text = ""
    }
  }
}
