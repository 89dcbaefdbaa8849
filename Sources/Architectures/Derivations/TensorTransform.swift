public import Bytes
public import Tensors

/// One thing that can be done with tensors on their way to an output. A conformer is a small value: it knows shapes and
/// places, and computes a part of its result whenever one is asked for, so that no tensor is held in memory.
public protocol TensorTransform: Hashable, Sendable {
  /// The shape of what is made of inputs with these shapes.
  /// - Throws: `TransformRefusal` where they do not fit.
  func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int]

  /// Writes a part of the result, row after row, to `values`.
  /// - Throws: `FileError` when an input cannot be read, or has values that nothing can be made of.
  func read(_ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8])
    throws(FileError)

  /// Where an element of the result comes from: the number of an input and of the element in it. Nil where there is no
  /// one place.
  func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)?

  /// What this makes of `inputs`, where that is known without it: what it undoes. Nil in all other cases.
  func simplified(of inputs: [Derivation]) -> Derivation?

  /// The factors of what this makes of inputs that are products of these. Nil where that is no product of two factors.
  func factors(of inputs: [FactorPair]) -> FactorPair?
}

extension TensorTransform {
  public func factors(of inputs: [FactorPair]) -> FactorPair? { nil }

  public func simplified(of inputs: [Derivation]) -> Derivation? { nil }

  public func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? {
    (0, element)
  }
}

/// A transform of one tensor that another one undoes.
public protocol InvertibleTransform: TensorTransform {
  var inverse: any InvertibleTransform { get }
  /// Whether its result is rounded, so that what undoes it gives values that lead to the same result, and not always the
  /// ones that it was given.
  var isRounded: Bool { get }
}

extension InvertibleTransform {
  public var isRounded: Bool { false }

  public func simplified(of inputs: [Derivation]) -> Derivation? {
    guard case .made(let transform as any InvertibleTransform, let inner)? = inputs.first,
      transform.inverse as? Self == self
    else { return nil }
    return inner.first
  }
}

/// Why a transform cannot be applied.
public struct TransformRefusal: Error, Hashable, Sendable {
  /// The input that does not fit.
  public var input: Int
  /// A sentence whose subject is the tensor of that input.
  public var message: String

  public init(input: Int = 0, _ message: String) {
    self.input = input
    self.message = message
  }
}

/// A tensor of which any rectangle can be read: what transforms are given.
public protocol PartSource: RowSource {
  /// Writes a part of the tensor, row after row.
  /// - Throws: `FileError` when it cannot be read.
  func read(_ part: RowPart, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError)

  /// How the elements are stored, where they can be copied without decoding them.
  var copiedEncoding: Encoding? { get }

  /// Fills `bytes` with the stored form of a part whose columns begin and end with blocks.
  func readEncoded(_ part: RowPart, into bytes: inout MutableRawSpan) throws(FileError)

  /// The file and the stored tensor that messages name.
  var place: (path: String, name: String?) { get }
}

/// What a transform reads from.
public struct TransformInputs: Sendable {
  /// The shape of the result.
  public let shape: [Int]
  public let tensors: [any PartSource]
  /// What the transform keeps from one part to the next.
  public let memory: TransformMemory

  public init(shape: [Int], tensors: [any PartSource], memory: TransformMemory) {
    self.shape = shape
    self.tensors = tensors
    self.memory = memory
  }

  public subscript(_ number: Int) -> any PartSource { tensors[number] }

  /// Columns of the result.
  public var columns: Int { shape.last ?? 1 }
}
