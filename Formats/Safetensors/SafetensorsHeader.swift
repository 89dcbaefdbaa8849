internal import Bytes
internal import Tensors

/// What the header of one file says, checked against the file's length.
struct SafetensorsHeader {
  /// By offset in the file; tensors without bytes in the order of the header.
  var tensors: [PlacedTensor] = []
  var metadata: [String: String] = [:]
  /// Where tensor data begins: 8 bytes and the JSON.
  var dataOffset: Int

  /// The reference library takes no longer header.
  static let maximumByteCount = 100_000_000
  /// PyTorch and NumPy take no more dimensions.
  static let maximumRank = 64
  static let metadataKey = "__metadata__"

  init(reading source: any ByteSource) throws(FileError) {
    func broken(_ rule: SafetensorsRule, _ message: String, code: FileError.Code = .malformed) -> FileError {
      FileError(code, path: source.path, offset: 0, message, rule: rule.citation)
    }
    guard source.byteCount >= 8 else {
      throw broken(
        .lengthField, "a safetensors file begins with 8 bytes of header length, but this has \(source.byteCount)",
        code: .truncated)
    }
    var cursor = ByteCursor(source)
    let length = try cursor.read(UInt64.self)
    guard length <= UInt64(Self.maximumByteCount) else {
      throw broken(
        .headerLimit,
        "announces a header of \(length) bytes, but \(Self.maximumByteCount) is the limit; is it a safetensors file?")
    }
    let byteCount = Int(length)
    guard byteCount <= source.byteCount - 8 else {
      throw broken(
        .headerInside, "announces a header of \(byteCount) bytes, but only \(source.byteCount - 8) follow",
        code: .truncated)
    }
    let bytes = try source.bytes(at: 8, count: byteCount)
    guard bytes.first == UInt8(ascii: "{") else {
      throw FileError(
        .malformed, path: source.path, offset: 8,
        "the header must begin with '{'", rule: SafetensorsRule.openingBrace.citation)
    }
    dataOffset = 8 + byteCount
    var parser = SafetensorsHeaderParser()
    try parser.parse(bytes, path: source.path)
    metadata = parser.metadata
    tensors = try Self.placed(parser.entries, dataOffset: dataOffset, in: source)
  }

  /// Puts tensors in the order of their bytes, which must fill the rest of the file without hole or overlap.
  private static func placed(
    _ parsed: [SafetensorsHeaderParser.Entry], dataOffset: Int, in source: any ByteSource
  ) throws(FileError) -> [PlacedTensor] {
    let order = parsed.indices.sorted {
      let (one, other) = (parsed[$0], parsed[$1])
      return (one.begin, one.end, $0) < (other.begin, other.end, $1)
    }
    let dataByteCount = source.byteCount - dataOffset
    var tensors: [PlacedTensor] = []
    tensors.reserveCapacity(parsed.count)
    var covered = 0
    for index in order {
      let entry = parsed[index]
      func broken(_ rule: SafetensorsRule, _ message: String, code: FileError.Code = .malformed) -> FileError {
        FileError(
          code, path: source.path, subject: entry.descriptor.name, offset: entry.headerOffset,
          message, rule: rule.citation)
      }
      guard entry.begin == covered else {
        throw broken(
          .coverage,
          entry.begin < covered
            ? "its data begins at \(entry.begin), inside the tensor before it, which ends at \(covered)"
            : "its data begins at \(entry.begin), but the tensor before it ends at \(covered), and no tensor has "
              + "the bytes between")
      }
      guard entry.end <= dataByteCount else {
        throw broken(
          .dataInside,
          "its data ends at \(entry.end), but the file has only \(dataByteCount) bytes of data; is it complete?",
          code: .truncated)
      }
      covered = entry.end
      tensors.append(PlacedTensor(descriptor: entry.descriptor, offset: dataOffset + entry.begin))
    }
    guard covered == dataByteCount else {
      throw FileError(
        .malformed, path: source.path, offset: dataOffset + covered,
        "\(dataByteCount - covered) bytes follow the last tensor and belong to none",
        rule: SafetensorsRule.coverage.citation)
    }
    return tensors
  }
}
