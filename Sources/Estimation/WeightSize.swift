public import Bytes
public import Conversion

/// What the weights of a model take as one type.
public struct WeightSize: Sendable {
  /// What it is called: `q4_k_m`, `gptq:int4/128`.
  public let name: String
  /// Bytes of all tensors, without headers.
  public let byteCount: Int
  /// Weights as the model counts them.
  public let parameterCount: Int
  /// Which tensors get another type than was asked for, and why.
  public let notes: [Note]

  public var bitsPerWeight: Double {
    parameterCount == 0 ? 0 : Double(byteCount) * 8 / Double(parameterCount)
  }

  /// Plans the tensors as a job would, so that the sizes are the job's.
  /// - Throws: `FileError` where the model cannot be written as that.
  public init(
    of checkpoint: Checkpoint, as name: String, recipe: Recipe, container: Container, workers: Int
  ) throws(FileError) {
    self.name = name
    let destination = Destination(path: name, container: container, recordsProvenance: false)
    let (tensors, notes) = try Plan.outline(of: checkpoint, to: destination, recipe: recipe, workers: workers)
    self.notes = notes
    byteCount = tensors.reduce(0) { $0 + $1.byteCount }
    parameterCount = tensors.reduce(0) { $0 + $1.elementCount }
  }
}
