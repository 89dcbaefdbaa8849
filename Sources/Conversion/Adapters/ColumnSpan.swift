internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

/// What OLoRA takes out of a weight `W [out, in]` before it is trained: `W - scale * Q * Q^T * W`, where the columns of `Q`
/// are an orthonormal basis of what the first `columns` columns of `W` span: the first factors of a QR decomposition.
struct ColumnSpan: TensorTransform {
  let columns: Int
  let scale: Float
  /// What the result is rounded to: the element type of the model.
  let rounding: Encoding

  func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    let shape = inputs[0]
    guard shape.count == 2, (1...min(shape[0], shape[1])).contains(columns) else {
      throw TransformRefusal("has shape \(shape), of which \(columns) columns cannot be taken out")
    }
    return shape
  }

  func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[0].read(part, into: &values, scratch: &scratch)
    let basis = try basis(inputs)
    for row in part.rows {
      let start = (row - part.rows.lowerBound) * part.columns.count
      var own = values._mutatingExtracting(start..<start + part.columns.count)
      basis.take(outOf: &own, row: row, columns: part.columns, scale: Double(scale))
    }
    // As the model stores it, which the training went on with.
    guard rounding != .f32, let codec = Catalog.codec(for: rounding) else { return }
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: values.count))
    do throws(CodecError) {
      try bytes.withMutableBytes { part throws(CodecError) in try codec.encode(values.span, into: &part) }
    } catch {
      throw FileError(.malformed, path: inputs[0].place.path, subject: inputs[0].place.name, error.description)
    }
    bytes.withBytes { codec.decode($0, into: &values) }
  }

  /// The basis of the weight, which takes two looks at all of its rows. Kept for the next slab.
  private func basis(_ inputs: TransformInputs) throws(FileError) -> ColumnBasis {
    if let known: ColumnBasis = inputs.memory.value(self) { return known }
    var scratch: [UInt8] = []
    let base = inputs[0]
    let computed = try ColumnBasis(ofFirst: columns, rows: base.rowCount, columns: base.columns) {
      rows, values throws(FileError) in
      try base.read(RowPart(rows: rows, columns: 0..<base.columns), into: &values, scratch: &scratch)
    }
    guard let computed else {
      throw FileError(
        .malformed, path: base.place.path, subject: base.place.name,
        "the first \(columns) columns depend on each other, so that what the adapter began with is not known")
    }
    inputs.memory.keep(computed, for: self)
    return computed
  }
}
