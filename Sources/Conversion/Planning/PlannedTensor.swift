internal import Quantization
public import Tensors

/// One output tensor of a plan: where its rows come from, what they become, and the stored tensors that takes.
public struct PlannedTensor: Sendable {
  /// What happens to the bytes.
  public enum Action: Sendable {
    /// Encoded rows are copied, at most in another order.
    case copyRows
    /// Codes and numbers of groups are packed as a layout does, from others without being decoded, or from values.
    case group(GroupedOutput)
    /// Stored tensors are copied whole under their own names: a weight of several planes that stays what it is.
    case copyStored(any TensorSource)
    /// Rows are decoded, transformed and encoded.
    case encode(any TensorEncoder)
  }

  /// The output's name of the weight.
  public let name: String
  public let shape: [Int]
  public let rows: DerivedTensor
  public internal(set) var action: Action
  /// The stored tensors the weight becomes.
  public let planes: [PlannedPlane]
  /// What the weight was stored as.
  public let sourceType: String
  /// Whether that is a type of blocks, which has lost something already.
  let isSourceQuantized: Bool
  /// Bits of the codes that its values were rounded to before, about; nil where they were not.
  let sourceBits: Int?
  /// Whether it was seen that no value of it changes as an element type.
  var isKeptByType = false
  /// What it is stored as now.
  public let targetType: String
  /// How a weight of several stored tensors is spelled, made or copied; nil for one of a single one.
  let spelling: Spelling?
  /// Why it is not what the recipe asked for.
  public let substitution: String?
  /// Whether values that are NaN or infinite are stored rather than refused. Such a weight is copied, or is F32.
  let keepsNonFinite: Bool
  /// The weight without adapters, where one changes it.
  let unmerged: DerivedTensor?

  /// Whether an adapter changes it.
  public var isMerged: Bool { unmerged != nil }

  /// What the weight was in a file that held it unquantized, where that is known.
  let originalType: String?

  /// Whether a type of blocks becomes another one.
  var isQuantizedAgain: Bool {
    if case .encodedAgain = cost, !isElements { true } else { false }
  }

  /// How much each column matters to the encoder, where there is one that is told.
  package var importance: [Float]? { if case .encode(let encoder) = action { encoder.importance } else { nil } }

  /// Whether its stored tensors are copied as they are.
  var isCopiedWhole: Bool { if case .copyStored = action { true } else { false } }

  /// Whether its planes are put together in memory before they are written: their lines are many and short otherwise.
  var gathersPlanes: Bool {
    guard case .group(let output) = action, output.isTurned else { return false }
    return planes.allSatisfy { $0.descriptor.byteCount <= Self.gatheredSize }
  }

  /// Bytes of a plane that is put together, at most.
  private static let gatheredSize = 32 << 20

  /// Whether its source is quantized, and it is not.
  var losesQuantization: Bool { isSourceQuantized && isElements }

  /// The type that gives it what it becomes; nil for one that cannot be written.
  package var type: TargetType? {
    if case .encode(let encoder) = action { return encoder.type }
    return spelling?.type ?? TargetType(text: targetType)
  }

  /// The path of the module that it belongs to.
  var module: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name }

  /// Whether it is stored as an element type, such as f16.
  var isElements: Bool {
    guard planes.count == 1, let encoding = planes.first?.descriptor.encoding else { return false }
    return encoding.elementsPerBlock == 1 && !encoding.isInteger
  }

  public var elementCount: Int { shape.reduce(1, *) }
  public var byteCount: Int { planes.reduce(0) { $0 + $1.descriptor.byteCount } }
}

/// A stored tensor that holds a part of a planned one.
public struct PlannedPlane: Sendable {
  public enum Content: Sendable {
    /// Plane number `n` of the codec or of the divided rows, or the copied rows.
    case plane(Int)
    /// A stored tensor of the source.
    case stored(String)
    /// Bytes that are known when the plan is made: a table of code values, a state.
    case constant([UInt8])
    /// Bytes that are known when all slabs are encoded: that number of the encoder's tails.
    case tail(Int)
  }

  public let descriptor: TensorDescriptor
  public let content: Content
}
