internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights of one byte an element, `P.weight`, with a scale for the tensor, for every row, for groups along the rows, or for
/// blocks of rows and columns: what FP8's spellings have in common.
struct ScaledBytes {
  let parts: LayoutParts
  let codes: TensorDescriptor
  let scales: TensorDescriptor
  /// How far a scale reaches. A row count of 0 is all rows, a column count of 0 all columns.
  let block: (rows: Int, columns: Int)

  /// What a matrix has scales for, from the shape of what holds them: the whole, every row, or `named` blocks.
  static func block(
    of scales: TensorDescriptor, _ codes: TensorDescriptor, named: (rows: Int, columns: Int)?
  ) -> (rows: Int, columns: Int)? {
    let (rows, columns) = (codes.rows, codes.columns)
    if let named {
      let shape = [rows.dividedRoundingUp(by: named.rows), columns.dividedRoundingUp(by: named.columns)]
      if scales.shape.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }) { return named }
    }
    if scales.elementCount == 1 { return (0, 0) }
    return scales.elementCount == rows && (scales.shape == [rows, 1] || scales.shape == [rows]) ? (1, 0) : nil
  }

  /// - Parameter byte: what a plain byte of a scale is.
  func weight(
    levels: GroupLevels, layout: any WeightLayout, typeName: String, original: Encoding?, byte: NumberFormat? = nil,
    others: [TensorDescriptor] = [], offset: GroupOffset = .none, offsets: (any GroupNumbers)? = nil
  ) throws(FileError) -> GroupedWeight {
    guard let format = NumberFormat(scales.encoding, byte: byte),
      scaleEncodings.contains(scales.encoding) || format == .exponent
    else {
      throw parts.mismatch(scales, "f32, bf16, f16 or f8_e8m0")
    }
    let (rows, columns) = (codes.rows, codes.columns)
    let width = block.columns == 0 ? columns : min(block.columns, columns)
    return GroupedWeight(
      name: parts.weightName, shape: codes.shape, layout: layout, typeName: typeName,
      storedNames: [codes.name, scales.name] + others.map(\.name), originalEncoding: original,
      codes: RowCodes(name: codes.name, bits: 8, columns: columns, rowBytes: columns),
      groups: GroupedWeight.Groups(
        levels: levels, columns: width, isRow: block.columns == 0,
        scales: StoredNumbers(
          name: scales.name, format: format, rows: rows, groups: columns.dividedRoundingUp(by: width),
          rowsPerNumber: block.rows == 0 ? rows : block.rows),
        offset: offset, offsets: offsets),
      source: parts.source)
  }
}
