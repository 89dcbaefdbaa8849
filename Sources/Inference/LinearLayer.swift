internal import Bytes
@_spi(Benchmarks) internal import Quantization
internal import Tensors

/// A weight `[out, in]` that stays as it is stored, and its bias. Its rows are decoded a panel at a time, into memory
/// that fits a cache, and multiplied with all tokens at once.
struct LinearLayer: Sendable {
  /// Name of the weight: `model.layers.0.mlp.up_proj.weight`.
  let name: String
  /// What tells it from all other layers: `ForwardPass.NamedLinear.key`.
  let key: String
  let weight: any RowSource
  /// `out` values; nil where there is none.
  let bias: [Float]?

  var outputs: Int { weight.rowCount }
  var inputs: Int { weight.columns }

  /// The rows of each panel.
  var panels: [Range<Int>] { Panel.pieces(outputs, of: Panel.rows(of: outputs, columns: inputs)) }

  /// Decodes rows of the weight. The result is valid until the memory is used again.
  func decode(_ rows: Range<Int>, memory: inout WorkerMemory.Contents) throws(FileError) -> MatrixPart {
    let matrix = memory.matrix(.panel, rows: Panel.rows(of: .max, columns: inputs), columns: inputs)
    try decode(rows, into: matrix, at: 0, memory: &memory)
    return matrix.part(rows: 0..<rows.count)
  }

  /// Decodes rows of the weight to rows of a matrix from `first` on.
  func decode(
    _ rows: Range<Int>, into matrix: Matrix, at first: Int, memory: inout WorkerMemory.Contents
  ) throws(FileError) {
    try matrix.withMutableRows(first..<first + rows.count) { values throws(FileError) in
      try weight.read(rows: rows, into: &values, scratch: &memory.encoded)
    }
  }

  /// Columns `panel` of the layer's output for some tokens. `output` has `panel.count` columns.
  /// - Parameter memory: what a product needs.
  func apply(
    panel: Range<Int>, decoded: MatrixPart, to input: MatrixPart, into output: MatrixPart, adding: Bool, memory: Matrix
  ) {
    KernelSet.best.multiply(input, transposed: decoded, into: output, adding: adding, memory: memory)
    addBias(panel: panel, to: output)
  }

  func addBias(panel: Range<Int>, to output: MatrixPart) {
    if let bias { KernelSet.best.add(bias, columns: panel, to: output) }
  }
}
