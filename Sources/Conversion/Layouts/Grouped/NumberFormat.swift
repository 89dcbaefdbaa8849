internal import Bytes
internal import Quantization
internal import Tensors

/// How a stored number is spelled.
enum NumberFormat: Hashable, Sendable {
  /// An element type of floats.
  case float(Encoding)
  /// A byte that is an exponent of two, 127 for 1 (OCP MX, E8M0).
  case exponent
  /// A byte that is a float up to 448 (E4M3FN).
  case e4m3
  /// A byte in two's complement.
  case signedByte

  /// What a stored tensor of scales is in, where its type tells; `isExponent` says what a plain byte is.
  init?(_ encoding: Encoding, byte: NumberFormat? = nil) {
    switch encoding {
    case .f32, .f16, .bf16: self = .float(encoding)
    case .f8E8M0: self = .exponent
    case .f8E4M3: self = .e4m3
    case .i8: self = .signedByte
    case .u8:
      guard let byte else { return nil }
      self = byte
    default: return nil
    }
  }

  var byteCount: Int { if case .float(let encoding) = self { encoding.bytesPerBlock } else { 1 } }

  func decode(_ bytes: [UInt8]) -> [Float] {
    if let codec {
      var values = [Float](repeating: 0, count: bytes.count / byteCount)
      var span = values.mutableSpan
      bytes.withBytes { codec.decode($0, into: &span) }
      return values
    }
    return self == .exponent
      ? bytes.map { Self.powers[Int($0)] } : bytes.map { Float(Int8(bitPattern: $0)) }
  }

  private static let powers: [Float] = (0..<256).map { code in
    code == 255 ? .nan : Float(sign: .plus, exponent: code - 127, significand: 1)
  }

  /// That of floats of some bits.
  private var codec: (any Codec)? {
    switch self {
    case .float(let encoding): Catalog.codec(for: encoding)
    case .e4m3: Catalog.codec(for: .f8E4M3)
    case .exponent, .signedByte: nil
    }
  }

  /// - Returns: nil where a number is not one of the format.
  func encode(_ values: [Float]) -> [UInt8]? {
    nearest(values).flatMap { KernelSet.best.areEqual(decode($0).span, values.span) ? $0 : nil }
  }

  /// The nearest numbers of the format, or others where a number is far from all; nil where one would not be finite.
  func nearest(_ values: [Float]) -> [UInt8]? {
    guard let codec else {
      return self == .exponent
        ? values.map { $0 > 0 && $0.isFinite ? UInt8(clamping: Int($0.exponent) + 127) : 0 }
        : values.map { UInt8(bitPattern: Int8(exactly: $0) ?? 0) }
    }
    var encoded = [UInt8](repeating: 0, count: values.count * byteCount)
    do throws(CodecError) {
      try encoded.withMutableBytes { bytes throws(CodecError) in try codec.encode(values.span, into: &bytes) }
    } catch {
      return nil
    }
    return encoded
  }

  /// Whether every number of another format is one of this, but for those at the ends of its range.
  func holdsAll(of other: NumberFormat) -> Bool {
    if self == other { return true }
    return switch (self, other) {
    case (.float(.f32), _): true
    case (.float(.bf16), .exponent), (.float(.bf16), .e4m3), (.float(.bf16), .signedByte): true
    case (.float(.f16), .e4m3), (.float(.f16), .signedByte): true
    default: false
    }
  }

  /// The type of a stored tensor of such numbers; of exponents as a plain byte.
  var encoding: Encoding {
    switch self {
    case .float(let encoding): encoding
    case .exponent: .u8
    case .e4m3: .f8E4M3
    case .signedByte: .i8
    }
  }
}
