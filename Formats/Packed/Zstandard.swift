internal import Bytes
internal import CZstd

/// Every call into zstd. Inputs and outputs are whole frames in memory.
enum Zstandard {
  /// How hard to look for a short frame.
  enum Effort: Hashable {
    /// Each byte's frequency in its neighbourhood, hardly any search for repetitions: best for planes of weights.
    case entropy
    /// One of zstd's own levels.
    case level(Int)

    /// zstd's levels.
    static let levels = 1...19
  }

  /// zstd's mark of a frame that its programs pass over.
  static let skippableMagic: UInt32 = 0x184D_2A50

  /// The fewest bytes that a frame with a checksum can have: magic, descriptor, length, one empty block, checksum.
  static let minimumFrameByteCount = 13

  /// Most bytes a frame of `count` bytes can take.
  static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

  /// One frame with its length and a checksum; nil when zstd fails, which it does only for want of memory.
  static func frame(of bytes: Span<UInt8>, _ effort: Effort) -> [UInt8]? {
    guard let context = unsafe ZSTD_createCCtx() else { return nil }
    defer { unsafe ZSTD_freeCCtx(context) }
    var settings: [(ZSTD_cParameter, Int)] = [(ZSTD_c_checksumFlag, 1), (ZSTD_c_contentSizeFlag, 1)]
    switch effort {
    case .entropy:
      settings += [
        (ZSTD_c_strategy, Int(ZSTD_fast.rawValue)), (ZSTD_c_windowLog, 15), (ZSTD_c_hashLog, 6),
        (ZSTD_c_chainLog, 6), (ZSTD_c_searchLog, 1), (ZSTD_c_minMatch, 7),
      ]
    case .level(let level):
      settings.append((ZSTD_c_compressionLevel, level))
    }
    for (parameter, value) in settings {
      guard unsafe ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, Int32(value))) == 0 else { return nil }
    }
    let capacity = bound(bytes.count)
    var written = 0
    let frame = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
      unsafe bytes.withUnsafeBytes { source in
        written = unsafe ZSTD_compress2(context, target.baseAddress, capacity, source.baseAddress, source.count)
      }
      count = ZSTD_isError(written) == 0 ? written : 0
    }
    return frame.isEmpty ? nil : frame
  }

  /// How many bytes the one frame that `bytes` begins with holds; nil where there is no frame or it does not say.
  static func contentByteCount(_ bytes: Span<UInt8>) -> Int? {
    let count = unsafe bytes.withUnsafeBytes { unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
    return Int(exactly: count)
  }

  /// How long the frame is that `bytes` begins with; nil where there is none.
  static func frameByteCount(_ bytes: Span<UInt8>) -> Int? {
    let count = unsafe bytes.withUnsafeBytes { unsafe ZSTD_findFrameCompressedSize($0.baseAddress, $0.count) }
    return ZSTD_isError(count) == 0 ? count : nil
  }

  /// Whether the frame that `bytes` begins with carries a checksum of its content.
  static func hasChecksum(_ bytes: Span<UInt8>) -> Bool { bytes.count > 4 && bytes[4] & 0b100 != 0 }

  /// Unpacks the frame `bytes` into `target`, which has its length.
  /// - Returns: nil, or zstd's word for what is wrong.
  static func unpack(_ bytes: Span<UInt8>, into target: inout MutableRawSpan) -> String? {
    let wanted = target.byteCount
    let result = unsafe target.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe ZSTD_decompress(target.baseAddress, target.count, source.baseAddress, source.count)
      }
    }
    if ZSTD_isError(result) != 0 { return unsafe String(cString: ZSTD_getErrorName(result)) }
    return result == wanted ? nil : "it holds \(result) bytes"
  }
}
