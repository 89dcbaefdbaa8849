internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

/// What an adapter adds to one weight `W [out, in]`: `W + scale * up * down`. Inputs are the weight, `down [rank, in]`,
/// `up [out, rank]`, and with DoRA the magnitude: the length that each row of the sum is given, or each column where the
/// factors are transposed. What a sum is divided by is the length of the model's own weight with this update alone,
/// whatever was added before.
struct LowRankAddition: AdapterTransform {
  var rank: Int
  /// Alpha over rank, or over its square root for rsLoRA, times the weight given on the command line.
  var scale: Float
  /// The factors are stored transposed, as PEFT does for embeddings: `down [rank, rows]`, `up [columns, rank]`, and the
  /// product is transposed before it is added.
  var isTransposed = false

  /// Numbers of the inputs.
  private enum Input { static let base = 0, down = 1, up = 2, magnitude = 3 }

  func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    let shape = inputs[Input.base]
    guard shape.count == 2 else {
      throw TransformRefusal(input: Input.down, "an adapter cannot be added to a base weight of shape \(shape)")
    }
    let (rows, columns) = (shape[0], shape[1])
    var expected = [
      Input.down: [rank, isTransposed ? rows : columns], Input.up: [isTransposed ? columns : rows, rank],
    ]
    if inputs.count > Input.magnitude { expected[Input.magnitude] = [isTransposed ? columns : rows] }
    for (input, expected) in expected.sorted(by: { $0.key < $1.key }) where inputs[input] != expected {
      throw TransformRefusal(
        input: input,
        "has shape \(inputs[input]), but \(expected) is expected for rank \(rank) on a base weight of shape \(shape)")
    }
    return shape
  }

  func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[Input.base].read(part, into: &values, scratch: &scratch)
    try add(part, inputs, to: &values, scratch: &scratch)
    if inputs.tensors.count > Input.magnitude { try normalize(&values, part, inputs, scratch: &scratch) }
    if let index = KernelSet.best.firstNonFinite(in: values.span) {
      let (row, column) = index.quotientAndRemainder(dividingBy: part.columns.count)
      try refuseOverflow(
        inputs, row: part.rows.lowerBound + row, column: part.columns.lowerBound + column, &scratch)
    }
  }

  private func add(
    _ part: RowPart, _ inputs: TransformInputs, to values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    // Transposed factors change places: the rows of the weight are the columns of `down`.
    let across = try across(part.columns, inputs, scratch: &scratch)
    let along = try along(part.rows, inputs, scratch: &scratch)
    KernelSet.best.addOuterProduct(
      rows: part.rows.count, columns: part.columns.count, rank: rank, scale: scale, down: across.span, up: along.span,
      into: &values)
  }

  /// - Throws: `FileError` where a value of a sum that is not finite comes from a finite weight: it is the adapter's fault
  ///   then, and not the model's.
  private func refuseOverflow(
    _ inputs: TransformInputs, row: Int, column: Int, _ scratch: inout [UInt8]
  ) throws(FileError) {
    var weight: [Float] = [0]
    var span = weight.mutableSpan
    try inputs[Input.base].read(
      RowPart(rows: row..<row + 1, columns: column..<column + 1), into: &span, scratch: &scratch)
    guard span[0].isFinite else { return }
    let place = inputs[Input.up].place
    throw FileError(
      .malformed, path: place.path, subject: place.name,
      "leads out of the range of F32 in row \(row), column \(column) of the sum, with a scale of \(scale); "
        + "lora_alpha or alpha_pattern is too large, or the training has diverged")
  }

  // MARK: - DoRA

  /// The model's own weight, under all adapters.
  private func unadapted(_ inputs: TransformInputs) -> any PartSource {
    (inputs[Input.base] as? TransformedPart)?.unadapted ?? inputs[Input.base]
  }

  /// Gives rows, or columns, the lengths that the adapter has learned for the model's weight with its update alone.
  private func normalize(
    _ values: inout MutableSpan<Float>, _ part: RowPart, _ inputs: TransformInputs, scratch: inout [UInt8]
  ) throws(FileError) {
    let width = part.columns.count
    if isTransposed {
      let scales = try columnScales(inputs, scratch: &scratch)
      for index in values.indices { values[index] *= scales[part.columns.lowerBound + index % width] }
      return
    }
    var magnitudes = [Float](repeating: 0, count: part.rows.count)
    var span = magnitudes.mutableSpan
    try inputs[Input.magnitude].read(elements: part.rows, into: &span, scratch: &scratch)
    let norms: [Double]
    if width < inputs.columns {
      norms = [try rowLength(part.rows.lowerBound, inputs, scratch: &scratch)]
    } else if (inputs[Input.base] as? TransformedPart)?.isAdapted != true {
      norms = KernelSet.best.rowNorms(values.span, columns: width)
    } else {
      var alone = [Float](repeating: 0, count: part.count)
      var span = alone.mutableSpan
      try unadapted(inputs).read(part, into: &span, scratch: &scratch)
      try add(part, inputs, to: &span, scratch: &scratch)
      norms = KernelSet.best.rowNorms(span.span, columns: width)
    }
    for (row, norm) in norms.enumerated() {
      guard norm > 0 else { throw noLength("row", part.rows.lowerBound + row, inputs) }
      let factor = magnitudes[row] / Float(norm)
      for index in row * width..<(row + 1) * width { values[index] *= factor }
    }
  }

  private struct RowKey: Hashable { let row: Int }

  /// The length of a row of which only a part is wanted, which takes a look at all of it. Kept for the next slab.
  private func rowLength(_ row: Int, _ inputs: TransformInputs, scratch: inout [UInt8]) throws(FileError) -> Double {
    if let known: Double = inputs.memory.value(RowKey(row: row)) { return known }
    var squares = 0.0
    try forEachSlab(of: row * inputs.columns..<(row + 1) * inputs.columns, inputs, scratch: &scratch) { _, values in
      squares += KernelSet.best.sumOfSquares(values)
    }
    let length = squares.squareRoot()
    inputs.memory.keep(length, for: RowKey(row: row))
    return length
  }

  /// What each column of an embedding is multiplied by, which takes a look at all of its rows. Kept for the next slab.
  private func columnScales(_ inputs: TransformInputs, scratch: inout [UInt8]) throws(FileError) -> [Float] {
    if let known: [Float] = inputs.memory.value(FactorKey(input: Input.magnitude)) { return known }
    let columns = inputs.columns
    var squares = [Double](repeating: 0, count: columns)
    try forEachSlab(of: 0..<inputs.shape.reduce(1, *), inputs, scratch: &scratch) { part, values in
      let width = part.columns.count
      for index in values.indices {
        squares[part.columns.lowerBound + index % width] += Double(values[index]) * Double(values[index])
      }
    }
    var scales = try inputs[Input.magnitude].values()
    for column in scales.indices {
      guard squares[column] > 0 else { throw noLength("column", column, inputs) }
      scales[column] /= Float(squares[column].squareRoot())
    }
    let result = scales
    inputs.memory.keep(result, for: FactorKey(input: Input.magnitude))
    return result
  }

  /// Computes the model's weight with this update alone, in order.
  private func forEachSlab(
    of elements: Range<Int>, _ inputs: TransformInputs, scratch: inout [UInt8],
    _ body: (_ part: RowPart, _ values: Span<Float>) -> Void
  ) throws(FileError) {
    let base = unadapted(inputs)
    let size = base.slabElements(atMost: DerivedTensor.slabElements)
    var slab = [Float](repeating: 0, count: min(size, elements.count))
    for start in stride(from: elements.lowerBound, to: elements.upperBound, by: size) {
      for part in RowPart.parts(of: start..<min(start + size, elements.upperBound), width: inputs.columns) {
        var span = slab.mutableSpan
        var values = span._mutatingExtracting(0..<part.count)
        try base.read(part, into: &values, scratch: &scratch)
        try add(part, inputs, to: &values, scratch: &scratch)
        body(part, values.span)
      }
    }
  }

  private func noLength(_ line: String, _ number: Int, _ inputs: TransformInputs) -> FileError {
    let place = inputs[Input.base].place
    return FileError(
      .malformed, path: place.path, subject: place.name,
      "\(line) \(number) is zero, so that DoRA cannot scale it to a length")
  }

  // MARK: - Factors

  private struct FactorKey: Hashable { let input: Int }

  /// Columns of the factor that has one for each column of the weight, `[rank, wanted]`. All are kept for the next slab,
  /// unless rows are cut.
  private func across(
    _ wanted: Range<Int>, _ inputs: TransformInputs, scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    let input = isTransposed ? Input.up : Input.down
    let columns = inputs.columns
    func read(_ lines: Range<Int>, _ scratch: inout [UInt8]) throws(FileError) -> [Float] {
      try factor(inputs[input], lines, areColumns: !isTransposed, &scratch)
    }
    guard columns <= DerivedTensor.slabElements else { return try read(wanted, &scratch) }
    let all: [Float]
    if let known: [Float] = inputs.memory.value(FactorKey(input: input)) {
      all = known
    } else {
      all = try read(0..<columns, &scratch)
      inputs.memory.keep(all, for: FactorKey(input: input))
    }
    if wanted.count == columns { return all }
    return (0..<rank).flatMap { all[$0 * columns + wanted.lowerBound..<$0 * columns + wanted.upperBound] }
  }

  /// Rows of the factor that has one for each row of the weight, `[wanted, rank]`. Where it is stored transposed, and is
  /// not large, all are kept for the next slab.
  private func along(
    _ wanted: Range<Int>, _ inputs: TransformInputs, scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    let input = isTransposed ? Input.down : Input.up
    let rowCount = inputs.shape[0]
    func read(_ lines: Range<Int>, _ scratch: inout [UInt8]) throws(FileError) -> [Float] {
      try factor(inputs[input], lines, areColumns: isTransposed, &scratch)
    }
    guard isTransposed, rowCount <= Self.keptFactorElements / max(1, rank) else { return try read(wanted, &scratch) }
    let all: [Float]
    if let known: [Float] = inputs.memory.value(FactorKey(input: input)) {
      all = known
    } else {
      all = try read(0..<rowCount, &scratch)
      inputs.memory.keep(all, for: FactorKey(input: input))
    }
    return Array(all[wanted.lowerBound * rank..<wanted.upperBound * rank])
  }

  private static let keptFactorElements = 1 << 23

  /// Rows of a factor, or columns, as they are stored or transposed.
  private func factor(
    _ tensor: any PartSource, _ wanted: Range<Int>, areColumns: Bool, _ scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    let rows = areColumns ? 0..<tensor.rowCount : wanted
    let columns = areColumns ? wanted : 0..<tensor.columns
    var values = [Float](repeating: 0, count: rows.count * columns.count)
    var span = values.mutableSpan
    try tensor.read(RowPart(rows: rows, columns: columns), into: &span, scratch: &scratch)
    guard isTransposed else { return values }
    return columns.indices.flatMap { column in
      rows.indices.map { values[($0 - rows.lowerBound) * columns.count + column - columns.lowerBound] }
    }
  }
}
