/// A tensor as a header describes it: name, encoding and shape, without its bytes.
public struct TensorDescriptor: Hashable, Sendable {
  public let name: String
  public let encoding: Encoding
  /// Outermost dimension first, as PyTorch prints it: a linear layer is `[out, in]`. Empty for a scalar.
  public let shape: [Int]

  /// - Throws: `ShapeError` when a dimension is negative, a product overflows, or the rows are not a whole
  ///   number of blocks.
  public init(name: String, encoding: Encoding, shape: [Int]) throws(ShapeError) {
    var elements = 1
    for dimension in shape {
      guard dimension >= 0 else { throw ShapeError.negativeDimension(shape) }
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw ShapeError.overflow(shape) }
      elements = product
    }
    // Blocks of a quantized type run along a row; sub-byte element types only need whole bytes.
    if encoding.elementsPerBlock > 4, (shape.last ?? 1) % encoding.elementsPerBlock != 0 {
      throw ShapeError.partialBlocks(shape, encoding)
    }
    guard elements % encoding.elementsPerBlock == 0 else {
      throw ShapeError.partialBlocks(shape, encoding)
    }
    guard encoding.byteCount(elements: elements) != nil else { throw ShapeError.overflow(shape) }
    self.name = name
    self.encoding = encoding
    self.shape = shape
  }

  // Neither can overflow, or leave a rest: the initializer has seen to that.

  /// Product of `shape`.
  public var elementCount: Int { shape.reduce(1, *) }

  public var byteCount: Int { elementCount / encoding.elementsPerBlock * encoding.bytesPerBlock }

  /// Length of a row: the innermost dimension, 1 for a scalar.
  public var columns: Int { shape.last ?? 1 }

  /// Number of rows: the product of all dimensions but the innermost.
  public var rows: Int { columns == 0 ? 0 : elementCount / columns }
}

/// Why a shape cannot be that of a tensor.
public enum ShapeError: Error, Hashable, Sendable, CustomStringConvertible {
  case negativeDimension([Int])
  case overflow([Int])
  case partialBlocks([Int], Encoding)

  public var description: String {
    switch self {
    case .negativeDimension(let shape):
      "shape \(shape) has a negative dimension"
    case .overflow(let shape):
      "shape \(shape) has more elements or bytes than 63 bits can count"
    case .partialBlocks(let shape, let encoding):
      "shape \(shape) is not a whole number of \(encoding.name) blocks of \(encoding.elementsPerBlock)"
    }
  }
}
