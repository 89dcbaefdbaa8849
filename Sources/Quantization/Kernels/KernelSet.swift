package import CKernels

/// The inner loops as compiled for one instruction set. All sets give the same bits; they differ in speed. (The product
/// of matrices alone has other last bits on a set without fused multiply-add.)
///
/// A codec takes the best set unless it is given another one, as tests do.
public struct KernelSet: Hashable, Sendable, CustomStringConvertible {
  /// `baseline`, and on x86-64 also `v3` (AVX2) and `v4` (AVX-512).
  public let name: String
  private let index: Int

  private init(index: Int) {
    self.index = index
    name = unsafe String(cString: decant_kernels_at(index).pointee.name)
  }

  public var description: String { name }

  /// The sets that this machine can run, the plainest first.
  public static let all: [KernelSet] = (0..<decant_kernels_count()).filter {
    unsafe decant_kernels_at($0).pointee.is_supported()
  }.map(KernelSet.init(index:))

  /// The set that the environment variable `DECANT_KERNELS` names, where this machine supports it; else the last one
  /// that it supports.
  public static let best: KernelSet = {
    let name = unsafe String(cString: decant_kernels_best().pointee.name)
    return all.first { $0.name == name } ?? KernelSet(index: 0)
  }()

  /// What the environment variable `DECANT_KERNELS` names where that is none of `all`; nil where it is one, or is not set.
  public static var refusedName: String? { unsafe decant_kernels_refused().map { unsafe String(cString: $0) } }

  /// Why the inner loops are slower than they could be: features that the processor, or a virtual machine, does not
  /// show, or a choice of the person. Nil where it runs all it can.
  public static var handicap: String? {
    if let last = all.last, last != best {
      return "DECANT_KERNELS asks for \(best); \(last) is faster here"
    }
    let hidden = (0..<decant_kernels_hidden_count()).map { unsafe String(cString: decant_kernels_hidden_at($0)) }
    guard !hidden.isEmpty else { return nil }
    return "this machine does not show \(hidden.joined(separator: ", ")); with them, v3 would be several times faster"
  }

  /// The set of that name, nil where there is none or this machine cannot run it.
  public static func named(_ name: String) -> KernelSet? { all.first { $0.name == name } }

  package var table: decant_kernels { unsafe decant_kernels_at(index).pointee }
}

// MARK: - Spans as the pointers that C takes

// Callers have compared the sizes. An empty span may have no address, so the loops are not called for one.

typealias DecodeLoop = @convention(c) (UnsafePointer<UInt8>, Int, UnsafeMutablePointer<Float>) -> Void
typealias EncodeLoop = @convention(c) (UnsafePointer<Float>, Int, UnsafeMutablePointer<UInt8>) -> Int

/// Whole rows of `row_blocks` blocks, and the importance that all of them have.
typealias WeightedEncodeLoop =
  @convention(c) (
    _ values: UnsafePointer<Float>, _ importance: UnsafePointer<Float>, _ rows: Int, _ rowBlocks: Int,
    _ bytes: UnsafeMutablePointer<UInt8>
  ) -> Int

/// Runs a decoder of `count` values or blocks.
func run(_ loop: DecodeLoop, _ bytes: RawSpan, count: Int, into values: inout MutableSpan<Float>) {
  unsafe bytes.withUnsafeBytes { bytes in
    unsafe values.withUnsafeMutableBufferPointer { values in
      guard let bytes = bytes.baseAddress, let values = values.baseAddress else { return }
      unsafe loop(bytes.assumingMemoryBound(to: UInt8.self), count, values)
    }
  }
}

/// Runs an encoder of `count` values or blocks, and returns how many it could encode.
func run(_ loop: EncodeLoop, _ values: Span<Float>, count: Int, into bytes: inout MutableRawSpan) -> Int {
  unsafe values.withUnsafeBufferPointer { values in
    unsafe bytes.withUnsafeMutableBytes { bytes in
      guard let values = values.baseAddress, let bytes = bytes.baseAddress else { return count }
      return unsafe loop(values, count, bytes.assumingMemoryBound(to: UInt8.self))
    }
  }
}

/// Runs an encoder of whole rows of blocks of `elements` values, and returns how many blocks it could encode.
func run(
  _ loop: WeightedEncodeLoop, _ values: Span<Float>, importance: Span<Float>, elements: Int,
  into bytes: inout MutableRawSpan
) -> Int {
  unsafe values.withUnsafeBufferPointer { values in
    unsafe importance.withUnsafeBufferPointer { importance in
      unsafe bytes.withUnsafeMutableBytes { bytes in
        guard let start = values.baseAddress, let importanceStart = importance.baseAddress,
          let bytes = bytes.baseAddress
        else { return values.count / elements }
        return unsafe loop(
          start, importanceStart, values.count / importance.count, importance.count / elements,
          bytes.assumingMemoryBound(to: UInt8.self))
      }
    }
  }
}
