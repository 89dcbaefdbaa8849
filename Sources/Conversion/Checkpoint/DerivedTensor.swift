public import Architectures
public import Bytes
internal import Quantization
internal import Synchronization
public import Tensors

/// A tensor that follows from stored ones by a `Derivation`, computed row by row when it is read.
public final class DerivedTensor: RowSource {
  public let derivation: Derivation
  public let shape: [Int]
  private let inputs: TensorInputs
  /// The factors of an adapter that every row needs, read once.
  private let factors = Mutex<[TensorReference: [Float]]>([:])
  /// What adapters took out of their bases before they were trained.
  private let bases = Mutex<[Derivation: ColumnBasis]>([:])

  /// - Throws: `FileError` when an input is missing or the parts do not fit each other.
  public init(_ derivation: Derivation, inputs: TensorInputs) throws(FileError) {
    self.derivation = derivation
    self.inputs = inputs
    self.shape = try Self.shape(of: derivation, inputs)
  }

  /// The shape that `derivation` has, from the shapes of its inputs alone.
  static func shape(of derivation: Derivation, _ inputs: TensorInputs) throws(FileError) -> [Int] {
    switch derivation {
    case .source(let reference):
      return try inputs.tensor(reference).shape
    case .reordered(let inner, let order):
      let shape = try shape(of: inner, inputs)
      guard let rows = shape.first, shape.count <= 2, rows % order.headDimension == 0 else {
        throw FileError(
          .mismatch, path: inputs.path(of: inner), subject: inner.sources.first?.name,
          "shape \(shape) is not a whole number of heads of \(order.headDimension) rows")
      }
      return shape
    case .constant(let values):
      return [values.count]
    case .addingScaled(let inner, let addend, _):
      let shape = try shape(of: inner, inputs)
      let other = try inputs.tensor(addend).shape
      guard shape == other else {
        throw FileError(
          .mismatch, path: inputs.path(of: addend), subject: addend.name,
          "has shape \(other), but is to be added to a tensor of shape \(shape)")
      }
      return shape
    case .adding(let inner, let update):
      let shape = try shape(of: inner, inputs)
      try check(update, against: shape, inputs)
      return shape
    case .without(let inner, let span):
      let shape = try shape(of: inner, inputs)
      guard shape.count == 2, (1...min(shape[0], shape[1])).contains(span.columns) else {
        throw FileError(
          .mismatch, path: inputs.path(of: inner), subject: inner.sources.first?.name,
          "has shape \(shape), of which \(span.columns) columns cannot be taken out")
      }
      return shape
    case .replacingRows(let inner, let replacement, let rows):
      let shape = try shape(of: inner, inputs)
      let found = try inputs.tensor(replacement).shape
      guard shape.count == 2, found == [rows.count, shape[1]] else {
        throw FileError(
          .mismatch, path: inputs.path(of: replacement), subject: replacement.name,
          "has shape \(found), but is to replace \(rows.count) rows of a tensor of shape \(shape)")
      }
      if let row = rows.first(where: { !(0..<shape[0]).contains($0) }) {
        throw FileError(
          .mismatch, path: inputs.path(of: replacement), subject: replacement.name,
          "is to replace row \(row) of a tensor that has \(shape[0])")
      }
      return shape
    }
  }

  private static func check(_ update: LowRankUpdate, against shape: [Int], _ inputs: TensorInputs) throws(FileError) {
    func refuse(_ reference: TensorReference, _ found: [Int], _ expected: [Int]) -> FileError {
      FileError(
        .mismatch, path: inputs.path(of: reference), subject: reference.name,
        "has shape \(found), but \(expected) is expected for rank \(update.rank) on a base weight of shape \(shape)")
    }
    let down = try inputs.tensor(update.down).shape
    let up = try inputs.tensor(update.up).shape
    guard shape.count == 2 else {
      throw FileError(
        .mismatch, path: inputs.path(of: update.down), subject: update.down.name,
        "an adapter cannot be added to a base weight of shape \(shape)")
    }
    let (rows, columns) = (shape[0], shape[1])
    let expectedDown = [update.rank, update.isTransposed ? rows : columns]
    let expectedUp = [update.isTransposed ? columns : rows, update.rank]
    guard down == expectedDown else { throw refuse(update.down, down, expectedDown) }
    guard up == expectedUp else { throw refuse(update.up, up, expectedUp) }
    if let magnitude = update.magnitude {
      let found = try inputs.tensor(magnitude).shape
      let expected = [update.isTransposed ? columns : rows]
      guard found == expected else { throw refuse(magnitude, found, expected) }
    }
  }

  public func read(rows: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError) {
    try read(derivation, rows: rows, into: &values, scratch: &scratch)
  }

  private func read(
    _ derivation: Derivation, rows: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    switch derivation {
    case .source(let reference):
      try inputs.tensor(reference).read(rows: rows, into: &values, scratch: &scratch)
    case .constant(let constants):
      for index in constants.indices { values[index] = constants[index] }
    case .reordered(let inner, let order):
      try readReordered(inner, order, rows: rows, into: &values, scratch: &scratch)
    case .addingScaled(let inner, let addend, let scale):
      try read(inner, rows: rows, into: &values, scratch: &scratch)
      var added = [Float](repeating: 0, count: rows.count * columns)
      var span = added.mutableSpan
      try inputs.tensor(addend).read(rows: rows, into: &span, scratch: &scratch)
      for index in 0..<span.count { values[index] += scale * span[index] }
    case .adding(let inner, let update):
      try read(inner, rows: rows, into: &values, scratch: &scratch)
      try add(update, rows: rows, to: &values, scratch: &scratch)
      if let magnitude = update.magnitude {
        try normalize(&values, inner, update, to: magnitude, rows: rows, scratch: &scratch)
      }
      if let index = KernelSet.best.firstNonFinite(in: values.span) {
        let (row, column) = (rows.lowerBound + index / columns, index % columns)
        try refuseOverflow(of: update, on: inner, row: row, column: column, &scratch)
      }
    case .without(let inner, let span):
      try read(inner, rows: rows, into: &values, scratch: &scratch)
      try takeOut(span, of: inner, rows: rows, values: &values)
    case .replacingRows(let inner, let replacement, let replaced):
      try read(inner, rows: rows, into: &values, scratch: &scratch)
      for (place, row) in replaced.enumerated() where rows.contains(row) {
        let start = (row - rows.lowerBound) * columns
        var part = values._mutatingExtracting(start..<start + columns)
        try inputs.tensor(replacement).read(rows: place..<place + 1, into: &part, scratch: &scratch)
      }
    }
  }

  /// Reads the whole heads that hold `rows` and takes the rows out in their new order. The elements of a vector, such
  /// as a bias, count as rows.
  private func readReordered(
    _ inner: Derivation, _ order: RowOrder, rows: Range<Int>, into values: inout MutableSpan<Float>,
    scratch: inout [UInt8]
  ) throws(FileError) {
    let isVector = shape.count == 1
    let width = isVector ? 1 : columns
    let wanted = isVector ? 0..<columns : rows
    let heads = order.heads(covering: wanted)
    var ordered = [Float](repeating: 0, count: heads.count * width)
    var span = ordered.mutableSpan
    try read(inner, rows: isVector ? rows : heads, into: &span, scratch: &scratch)
    for row in wanted {
      let from = (order.source(of: row) - heads.lowerBound) * width
      values.copy(span.span.extracting(from..<from + width), at: (row - wanted.lowerBound) * width)
    }
  }

  private func add(
    _ update: LowRankUpdate, rows: Range<Int>, to values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    // Transposed factors change places: the rows of the weight are the columns of `down`.
    let across = try factor(update.isTransposed ? update.up : update.down, isTransposed: update.isTransposed)
    let along = try rowFactor(update, rows: rows, scratch: &scratch)
    KernelSet.best.addOuterProduct(
      rows: rows.count, columns: columns, rank: update.rank, scale: update.scale, down: across.span, up: along.span,
      into: &values)
  }

  /// - Throws: `FileError` where a value of a sum that is not finite comes from a finite weight: it is the adapter's fault
  ///   then, and not the model's.
  private func refuseOverflow(
    of update: LowRankUpdate, on inner: Derivation, row: Int, column: Int, _ scratch: inout [UInt8]
  ) throws(FileError) {
    var weights = [Float](repeating: 0, count: columns)
    var span = weights.mutableSpan
    try read(inner, rows: row..<row + 1, into: &span, scratch: &scratch)
    guard span[column].isFinite else { return }
    throw FileError(
      .malformed, path: inputs.path(of: update.up), subject: update.up.name,
      "leads out of the range of F32 in row \(row), column \(column) of the sum, with a scale of \(update.scale); "
        + "lora_alpha or alpha_pattern is too large, or the training has diverged")
  }

  /// The rows of the factor that has one row for each row of the weight.
  private func rowFactor(_ update: LowRankUpdate, rows: Range<Int>, scratch: inout [UInt8]) throws(FileError) -> [Float]
  {
    if update.isTransposed {
      let all = try factor(update.down, isTransposed: true)
      return Array(all[rows.lowerBound * update.rank..<rows.upperBound * update.rank])
    }
    var own = [Float](repeating: 0, count: rows.count * update.rank)
    var span = own.mutableSpan
    try inputs.tensor(update.up).read(rows: rows, into: &span, scratch: &scratch)
    return own
  }

  // MARK: - DoRA

  /// Gives rows, or columns, the lengths that the adapter has learned for the model's weight with its update alone.
  private func normalize(
    _ values: inout MutableSpan<Float>, _ inner: Derivation, _ update: LowRankUpdate, to magnitude: TensorReference,
    rows: Range<Int>, scratch: inout [UInt8]
  ) throws(FileError) {
    if update.isTransposed {
      let scales = try columnScales(update, on: inner.unadapted, magnitude, scratch: &scratch)
      for index in values.indices { values[index] *= scales[index % columns] }
      return
    }
    let magnitudes = try factor(magnitude, isTransposed: false)
    let norms: [Double]
    if inner == inner.unadapted {
      norms = KernelSet.best.rowNorms(values.span, columns: columns)
    } else {
      var alone = [Float](repeating: 0, count: rows.count * columns)
      var span = alone.mutableSpan
      try read(inner.unadapted, rows: rows, into: &span, scratch: &scratch)
      try add(update, rows: rows, to: &span, scratch: &scratch)
      norms = KernelSet.best.rowNorms(span.span, columns: columns)
    }
    for (row, norm) in norms.enumerated() {
      guard norm > 0 else { throw noLength("row", rows.lowerBound + row) }
      let factor = magnitudes[rows.lowerBound + row] / Float(norm)
      for index in row * columns..<(row + 1) * columns { values[index] *= factor }
    }
  }

  /// What each column of an embedding is multiplied by, which takes a look at all of its rows. Kept for the next slab.
  private func columnScales(
    _ update: LowRankUpdate, on base: Derivation, _ magnitude: TensorReference, scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    if let known = factors.withLock({ $0[magnitude] }) { return known }
    var squares = [Double](repeating: 0, count: columns)
    let step = max(1, Self.columnSlabElements / max(1, columns))
    var slab = [Float](repeating: 0, count: step * columns)
    for start in stride(from: 0, to: rowCount, by: step) {
      let rows = start..<min(start + step, rowCount)
      var span = slab.mutableSpan
      var part = span._mutatingExtracting(0..<rows.count * columns)
      try read(base, rows: rows, into: &part, scratch: &scratch)
      try add(update, rows: rows, to: &part, scratch: &scratch)
      for index in part.indices { squares[index % columns] += Double(part[index]) * Double(part[index]) }
    }
    var scales = try inputs.tensor(magnitude).values()
    for column in scales.indices {
      guard squares[column] > 0 else { throw noLength("column", column) }
      scales[column] /= Float(squares[column].squareRoot())
    }
    let result = scales
    factors.withLock { $0[magnitude] = result }
    return result
  }

  private static let columnSlabElements = 1 << 20

  private func noLength(_ line: String, _ number: Int) -> FileError {
    FileError(
      .malformed, path: inputs.path(of: derivation), subject: derivation.sources.first?.name,
      "\(line) \(number) is zero, so that DoRA cannot scale it to a length")
  }

  // MARK: - OLoRA

  private func takeOut(
    _ span: ColumnSpan, of inner: Derivation, rows: Range<Int>, values: inout MutableSpan<Float>
  ) throws(FileError) {
    let basis = try basis(span, of: inner)
    for row in rows {
      let start = (row - rows.lowerBound) * columns
      var part = values._mutatingExtracting(start..<start + columns)
      basis.take(outOf: &part, row: row, scale: Double(span.scale))
    }
    // As the model stores it, which the training went on with.
    guard span.rounding != .f32, let codec = Catalog.codec(for: span.rounding) else { return }
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: values.count))
    do throws(CodecError) {
      try bytes.withMutableBytes { part throws(CodecError) in try codec.encode(values.span, into: &part) }
    } catch {
      throw FileError(
        .malformed, path: inputs.path(of: inner), subject: inner.sources.first?.name, error.description)
    }
    bytes.withBytes { codec.decode($0, into: &values) }
  }

  /// The basis of a weight, which takes two looks at all of its rows. Kept for the next slab; others wait for it.
  private func basis(_ span: ColumnSpan, of inner: Derivation) throws(FileError) -> ColumnBasis {
    let place = inner.unadapted
    if let known = bases.withLock({ $0[place] }) { return known }
    var scratch: [UInt8] = []
    let computed = try ColumnBasis(ofFirst: span.columns, rows: rowCount, columns: columns) {
      rows, values throws(FileError) in
      try read(inner, rows: rows, into: &values, scratch: &scratch)
    }
    guard let computed else {
      throw FileError(
        .malformed, path: inputs.path(of: inner), subject: inner.sources.first?.name,
        "the first \(span.columns) columns depend on each other, so that what the adapter began with is not known")
    }
    bases.withLock { $0[place] = computed }
    return computed
  }

  /// A whole factor as Float, kept for the next slab.
  private func factor(_ reference: TensorReference, isTransposed: Bool) throws(FileError) -> [Float] {
    if let known = factors.withLock({ $0[reference] }) { return known }
    let tensor = try inputs.tensor(reference)
    var values = try tensor.values()
    if isTransposed {
      let (rows, columns) = (tensor.rowCount, tensor.columns)
      let original = values
      for row in 0..<rows {
        for column in 0..<columns { values[column * rows + row] = original[row * columns + column] }
      }
    }
    let result = values
    factors.withLock { $0[reference] = result }
    return result
  }

  /// The stored tensors that the rows are computed from, each once.
  func storedTensors() throws(FileError) -> [TensorReference] {
    var stored: [TensorReference] = []
    for reference in derivation.sources {
      for name in try inputs.tensor(reference).storedNames {
        let part = TensorReference(name, input: reference.input)
        if !stored.contains(part) { stored.append(part) }
      }
    }
    return stored
  }

  /// Where an element comes from: the file, the stored tensor and the element's number in it.
  func origin(ofElement element: Int) -> (path: String, name: String?, element: Int) {
    var (place, element) = (derivation, element)
    while true {
      switch place {
      case .source(let reference): return (inputs.path(of: reference), reference.name, element)
      case .constant: return (inputs.path(of: place), nil, element)
      case .adding(let inner, _), .addingScaled(let inner, _, _), .without(let inner, _): place = inner
      case .replacingRows(let inner, let replacement, let rows):
        if let row = rows.firstIndex(of: element / max(1, columns)) {
          return (inputs.path(of: replacement), replacement.name, row * columns + element % max(1, columns))
        }
        place = inner
      case .reordered(let inner, let order):
        let width = shape.count == 1 ? 1 : max(1, columns)
        element = order.source(of: element / width) * width + element % width
        place = inner
      }
    }
  }

  /// Gives up the factors that are kept between slabs.
  func releaseFactors() {
    factors.withLock { $0 = [:] }
    bases.withLock { $0 = [:] }
  }

  // MARK: - Encoded rows

  /// The stored encoding, where rows can be copied without decoding them; nil where they must be computed.
  public var copiedEncoding: Encoding? {
    guard derivation.keepsRows, let reference = derivation.sources.first else { return nil }
    return (try? inputs.tensor(reference))?.singleEncoding
  }

  /// Fills `bytes` with the encoded rows `rows`, in their new order. Only for tensors that have a `copiedEncoding`.
  public func readEncoded(rows: Range<Int>, into bytes: inout MutableRawSpan) throws(FileError) {
    try readEncoded(derivation, rows: rows, into: &bytes)
  }

  private func readEncoded(
    _ derivation: Derivation, rows: Range<Int>, into bytes: inout MutableRawSpan
  ) throws(FileError) {
    switch derivation {
    case .source(let reference):
      try inputs.tensor(reference).readEncoded(fromRow: rows.lowerBound, into: &bytes)
    case .reordered(let inner, let order):
      let isVector = shape.count == 1
      let wanted = isVector ? 0..<columns : rows
      let width = bytes.byteCount / max(wanted.count, 1)
      let heads = order.heads(covering: wanted)
      var ordered = [UInt8](repeating: 0, count: heads.count * width)
      try ordered.withMutableBytes { part throws(FileError) in
        try readEncoded(inner, rows: isVector ? rows : heads, into: &part)
      }
      ordered.withBytes { all in
        for row in wanted {
          let from = (order.source(of: row) - heads.lowerBound) * width
          bytes.copy(all.extracting(from..<from + width), at: (row - wanted.lowerBound) * width)
        }
      }
    case .adding, .addingScaled, .replacingRows, .without, .constant:
      throw FileError(.unsupported, path: inputs.path(of: derivation), "computed rows have no stored form")
    }
  }
}

extension RowOrder {
  /// The rows of the whole heads that `rows` lie in.
  fileprivate func heads(covering rows: Range<Int>) -> Range<Int> {
    rows.lowerBound / headDimension * headDimension..<rows.upperBound.dividedRoundingUp(by: headDimension)
      * headDimension
  }
}
