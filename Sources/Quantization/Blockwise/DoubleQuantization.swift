/// Absmax scales in 8 bits: what remains of each after the mean is taken away, as the nearest of 256 values of the
/// "dynamic" code, times a second absmax in F32 for every 256 scales.
///
/// `absmax = map[code] * nestedAbsmax[i / 256] + offset`. The mean is over the whole tensor, so it is known only
/// after all absmax values are. With the same offset, the bytes are those of bitsandbytes 0.50 on a CPU.
public enum DoubleQuantization {
  /// Scales that share a nested absmax.
  public static let blockSize = 256

  /// What code `c` means, in ascending order, from -0.993 to 1: `nested_quant_map` in files. Source: bitsandbytes'
  /// `create_dynamic_map`: for every power of ten from 10^-6 to 1, the centres of twice as many equal parts of
  /// [0.1, 1] as for the power below; their negatives; 0 and 1.
  public static let map: [Float] = {
    var values: [Float] = [0, 1]
    let powers: [Float] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]
    for (exponent, power) in powers.enumerated() {
      let parts = 1 << exponent
      let step = (1 - Float(0.1)) / Float(parts)
      // Counted from the nearer end and rounded once, as torch.linspace does.
      let bounds = (0...parts).map { part in
        part < (parts + 1) / 2
          ? Float(0.1).addingProduct(Float(part), step) : Float(1).addingProduct(-Float(parts - part), step)
      }
      for (lower, upper) in zip(bounds, bounds.dropFirst()) {
        let centre = power * ((lower + upper) / 2)
        values += [centre, -centre]
      }
    }
    return values.sorted()
  }()

  /// The code of each of 65,536 equal parts of [-1, 1]: the one nearest to the part's value, the lower of two.
  /// bitsandbytes looks codes up so, which is not always the one nearest to the scale itself.
  private static let codes: [UInt8] = (0..<65536).map { part in
    let value = Float(part) * 2 / 65535 - 1
    let upper = map.firstIndex { $0 > value } ?? map.count - 1
    let lower = max(upper - 1, 0)
    return UInt8((map[upper] - value).magnitude < (map[lower] - value).magnitude ? upper : lower)
  }

  /// The offset of a tensor: the mean of its absmax values, in Double, rounded to Float. (bitsandbytes sums in Float,
  /// in an order of its own; its offsets differ in the last places.)
  public static func offset(of absmax: Span<Float>) -> Float {
    guard !absmax.isEmpty else { return 0 }
    var sum = 0.0
    for index in absmax.indices { sum += Double(absmax[index]) }
    return Float(sum / Double(absmax.count))
  }

  /// Number of nested absmax values of that many scales.
  public static func nestedCount(of scales: Int) -> Int { (scales + blockSize - 1) / blockSize }

  /// Encodes scales: all of a tensor, or a run of them that begins at a multiple of `blockSize`.
  public static func encode(
    _ absmax: Span<Float>, offset: Float, into codes: inout MutableSpan<UInt8>,
    nestedAbsmax: inout MutableSpan<Float>
  ) {
    precondition(codes.count == absmax.count && nestedAbsmax.count == nestedCount(of: absmax.count))
    for block in nestedAbsmax.indices {
      let scales = block * blockSize..<min((block + 1) * blockSize, absmax.count)
      var largest: Float = 0
      for index in scales { largest = max(largest, (absmax[index] - offset).magnitude) }
      nestedAbsmax[block] = largest
      let inverse = 1 / largest
      for index in scales {
        let value = max(-1, min(1, (absmax[index] - offset) * inverse))
        // Where all scales equal the offset there is no such value, and bitsandbytes writes 0.
        codes[index] = largest == 0 ? 0 : Self.codes[value.isNaN ? 0 : Int((value + 1) * 32767.5 + 0.5)]
      }
    }
  }

  /// Decodes scales: all of a tensor, or a run of them.
  /// - Parameters:
  ///   - codes: those of the run.
  ///   - first: the number of the run's first scale in the tensor.
  ///   - nestedAbsmax: those of the whole tensor.
  ///   - map: the file's `nested_quant_map`, 256 values.
  public static func decode(
    _ codes: Span<UInt8>, from first: Int = 0, nestedAbsmax: Span<Float>, offset: Float, map: [Float] = map,
    into absmax: inout MutableSpan<Float>
  ) {
    precondition(map.count == 256 && codes.count == absmax.count)
    precondition(nestedAbsmax.count >= nestedCount(of: first + codes.count))
    for index in absmax.indices {
      absmax[index] = map[Int(codes[index])] * nestedAbsmax[(first + index) / blockSize] + offset
    }
  }
}
