public import Architectures
public import Bytes
internal import Quantization
internal import Synchronization
public import Tensors

/// A tensor that follows from stored ones by a `Derivation`, computed part by part when it is read.
public final class DerivedTensor: RowSource {
  public let derivation: Derivation
  public let shape: [Int]
  /// Elements that are computed at a time: 512 KiB of Float, which stays in a core's second-level cache together with
  /// the bytes that are read and written.
  static let slabElements = 1 << 17
  private let inputs: TensorInputs
  /// What is kept between slabs; nil for the many tensors that keep nothing.
  private let kept = Mutex(Kept.none)

  /// A box, since a plan has a place for it in each of its tensors.
  private indirect enum Kept: Sendable {
    case none
    case some(Values)

    var values: Values? {
      if case .some(let values) = self { values } else { nil }
    }
  }

  private struct Values: Sendable {
    /// The factors of an adapter that every row needs, read once.
    var factors: [TensorReference: [Float]] = [:]
    /// Lengths of rows that are too long to be read at once, by the magnitudes that they are given instead.
    var rowLengths: [TensorReference: [Int: Double]] = [:]
    /// What adapters took out of their bases before they were trained.
    var bases: [Derivation: ColumnBasis] = [:]
  }

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

  public func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    if case .source(let reference) = derivation {
      return try inputs.tensor(reference).read(elements: elements, into: &values, scratch: &scratch)
    }
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      var span = values._mutatingExtracting(start..<start + part.count)
      try read(derivation, part, into: &span, scratch: &scratch)
      start += part.count
    }
  }

  private func read(
    _ derivation: Derivation, _ part: RowPart, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    switch derivation {
    case .source(let reference):
      try inputs.tensor(reference).read(elements: part.elements(width: columns), into: &values, scratch: &scratch)
    case .constant(let constants):
      for (index, column) in part.columns.enumerated() { values[index] = constants[column] }
    case .reordered(let inner, let order):
      try readReordered(inner, order, part, into: &values, scratch: &scratch)
    case .addingScaled(let inner, let addend, let scale):
      try read(inner, part, into: &values, scratch: &scratch)
      var added = [Float](repeating: 0, count: part.count)
      var span = added.mutableSpan
      try inputs.tensor(addend).read(elements: part.elements(width: columns), into: &span, scratch: &scratch)
      for index in 0..<span.count { values[index] += scale * span[index] }
    case .adding(let inner, let update):
      try read(inner, part, into: &values, scratch: &scratch)
      try add(update, part, to: &values, scratch: &scratch)
      if let magnitude = update.magnitude {
        try normalize(&values, inner, update, to: magnitude, part, scratch: &scratch)
      }
      if let index = KernelSet.best.firstNonFinite(in: values.span) {
        let (row, column) = index.quotientAndRemainder(dividingBy: part.columns.count)
        try refuseOverflow(
          of: update, on: inner, row: part.rows.lowerBound + row, column: part.columns.lowerBound + column, &scratch)
      }
    case .without(let inner, let span):
      try read(inner, part, into: &values, scratch: &scratch)
      try takeOut(span, of: inner, part, values: &values)
    case .replacingRows(let inner, let replacement, let replaced):
      try read(inner, part, into: &values, scratch: &scratch)
      for (place, row) in replaced.enumerated() where part.rows.contains(row) {
        let start = (row - part.rows.lowerBound) * part.columns.count
        var span = values._mutatingExtracting(start..<start + part.columns.count)
        let own = RowPart(rows: place..<place + 1, columns: part.columns)
        try inputs.tensor(replacement).read(elements: own.elements(width: columns), into: &span, scratch: &scratch)
      }
    }
  }

  /// Reads the rows that are needed in runs, and puts them in their new order.
  private func readReordered(
    _ inner: Derivation, _ order: RowOrder, _ part: RowPart, into values: inout MutableSpan<Float>,
    scratch: inout [UInt8]
  ) throws(FileError) {
    let lines = lines(of: part)
    for run in order.runs(of: lines.numbers) {
      let sources = lines.part(run.sources)
      var ordered = [Float](repeating: 0, count: sources.count)
      var span = ordered.mutableSpan
      try read(inner, sources, into: &span, scratch: &scratch)
      for move in run {
        let from = (move.source - run.sources.lowerBound) * lines.width
        values.copy(
          span.span.extracting(from..<from + lines.width), at: (move.row - lines.numbers.lowerBound) * lines.width)
      }
    }
  }

  /// What is put in another order of a part: its rows, or the elements of a vector, such as a bias.
  private func lines(
    of part: RowPart
  ) -> (numbers: Range<Int>, width: Int, part: (_ numbers: Range<Int>) -> RowPart) {
    shape.count == 1
      ? (part.columns, 1, { RowPart(rows: part.rows, columns: $0) })
      : (part.rows, part.columns.count, { RowPart(rows: $0, columns: part.columns) })
  }

  // MARK: - LoRA

  private func add(
    _ update: LowRankUpdate, _ part: RowPart, to values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    // Transposed factors change places: the rows of the weight are the columns of `down`.
    let across = try across(update, part.columns, scratch: &scratch)
    let along = try along(update, part.rows, scratch: &scratch)
    KernelSet.best.addOuterProduct(
      rows: part.rows.count, columns: part.columns.count, rank: update.rank, scale: update.scale, down: across.span,
      up: along.span, into: &values)
  }

  /// - Throws: `FileError` where a value of a sum that is not finite comes from a finite weight: it is the adapter's fault
  ///   then, and not the model's.
  private func refuseOverflow(
    of update: LowRankUpdate, on inner: Derivation, row: Int, column: Int, _ scratch: inout [UInt8]
  ) throws(FileError) {
    var weight: [Float] = [0]
    var span = weight.mutableSpan
    try read(inner, RowPart(rows: row..<row + 1, columns: column..<column + 1), into: &span, scratch: &scratch)
    guard span[0].isFinite else { return }
    throw FileError(
      .malformed, path: inputs.path(of: update.up), subject: update.up.name,
      "leads out of the range of F32 in row \(row), column \(column) of the sum, with a scale of \(update.scale); "
        + "lora_alpha or alpha_pattern is too large, or the training has diverged")
  }

  // MARK: - DoRA

  /// Gives rows, or columns, the lengths that the adapter has learned for the model's weight with its update alone.
  private func normalize(
    _ values: inout MutableSpan<Float>, _ inner: Derivation, _ update: LowRankUpdate, to magnitude: TensorReference,
    _ part: RowPart, scratch: inout [UInt8]
  ) throws(FileError) {
    let width = part.columns.count
    if update.isTransposed {
      let scales = try columnScales(update, on: inner.unadapted, magnitude, scratch: &scratch)
      for index in values.indices { values[index] *= scales[part.columns.lowerBound + index % width] }
      return
    }
    var magnitudes = [Float](repeating: 0, count: part.rows.count)
    var span = magnitudes.mutableSpan
    try inputs.tensor(magnitude).read(elements: part.rows, into: &span, scratch: &scratch)
    let norms: [Double]
    if width < columns {
      norms = [
        try rowLength(part.rows.lowerBound, update, on: inner.unadapted, magnitude, scratch: &scratch)
      ]
    } else if inner == inner.unadapted {
      norms = KernelSet.best.rowNorms(values.span, columns: columns)
    } else {
      var alone = [Float](repeating: 0, count: part.count)
      var span = alone.mutableSpan
      try read(inner.unadapted, part, into: &span, scratch: &scratch)
      try add(update, part, to: &span, scratch: &scratch)
      norms = KernelSet.best.rowNorms(span.span, columns: columns)
    }
    for (row, norm) in norms.enumerated() {
      guard norm > 0 else { throw noLength("row", part.rows.lowerBound + row) }
      let factor = magnitudes[row] / Float(norm)
      for index in row * width..<(row + 1) * width { values[index] *= factor }
    }
  }

  /// The length of a row of which only a part is wanted, which takes a look at all of it. Kept for the next slab.
  private func rowLength(
    _ row: Int, _ update: LowRankUpdate, on base: Derivation, _ magnitude: TensorReference, scratch: inout [UInt8]
  ) throws(FileError) -> Double {
    if let known = kept.withLock({ $0.values?.rowLengths[magnitude]?[row] }) { return known }
    var squares = 0.0
    try forEachSlab(of: row * columns..<(row + 1) * columns, base, with: update, scratch: &scratch) { _, values in
      squares += KernelSet.best.sumOfSquares(values)
    }
    let length = squares.squareRoot()
    keep { $0.rowLengths[magnitude, default: [:]][row] = length }
    return length
  }

  /// What each column of an embedding is multiplied by, which takes a look at all of its rows. Kept for the next slab.
  private func columnScales(
    _ update: LowRankUpdate, on base: Derivation, _ magnitude: TensorReference, scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    if let known = kept.withLock({ $0.values?.factors[magnitude] }) { return known }
    var squares = [Double](repeating: 0, count: columns)
    try forEachSlab(of: 0..<elementCount, base, with: update, scratch: &scratch) { part, values in
      let width = part.columns.count
      for index in values.indices {
        squares[part.columns.lowerBound + index % width] += Double(values[index]) * Double(values[index])
      }
    }
    var scales = try inputs.tensor(magnitude).values()
    for column in scales.indices {
      guard squares[column] > 0 else { throw noLength("column", column) }
      scales[column] /= Float(squares[column].squareRoot())
    }
    let result = scales
    keep { $0.factors[magnitude] = result }
    return result
  }

  /// Computes a base with one update, in order.
  private func forEachSlab(
    of elements: Range<Int>, _ base: Derivation, with update: LowRankUpdate, scratch: inout [UInt8],
    _ body: (_ part: RowPart, _ values: Span<Float>) -> Void
  ) throws(FileError) {
    let size = slabElements(atMost: Self.slabElements)
    var slab = [Float](repeating: 0, count: min(size, elements.count))
    for start in stride(from: elements.lowerBound, to: elements.upperBound, by: size) {
      for part in RowPart.parts(of: start..<min(start + size, elements.upperBound), width: columns) {
        var span = slab.mutableSpan
        var values = span._mutatingExtracting(0..<part.count)
        try read(base, part, into: &values, scratch: &scratch)
        try add(update, part, to: &values, scratch: &scratch)
        body(part, values.span)
      }
    }
  }

  private func noLength(_ line: String, _ number: Int) -> FileError {
    FileError(
      .malformed, path: inputs.path(of: derivation), subject: derivation.sources.first?.name,
      "\(line) \(number) is zero, so that DoRA cannot scale it to a length")
  }

  // MARK: - OLoRA

  private func takeOut(
    _ span: ColumnSpan, of inner: Derivation, _ part: RowPart, values: inout MutableSpan<Float>
  ) throws(FileError) {
    let basis = try basis(span, of: inner)
    for row in part.rows {
      let start = (row - part.rows.lowerBound) * part.columns.count
      var own = values._mutatingExtracting(start..<start + part.columns.count)
      basis.take(outOf: &own, row: row, columns: part.columns, scale: Double(span.scale))
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
    if let known = kept.withLock({ $0.values?.bases[place] }) { return known }
    var scratch: [UInt8] = []
    let computed = try ColumnBasis(ofFirst: span.columns, rows: rowCount, columns: columns) {
      rows, values throws(FileError) in
      try read(inner, RowPart(rows: rows, columns: 0..<columns), into: &values, scratch: &scratch)
    }
    guard let computed else {
      throw FileError(
        .malformed, path: inputs.path(of: inner), subject: inner.sources.first?.name,
        "the first \(span.columns) columns depend on each other, so that what the adapter began with is not known")
    }
    keep { $0.bases[place] = computed }
    return computed
  }

  // MARK: - Factors

  /// Columns of the factor that has one for each column of the weight, `[rank, wanted]`. All are kept for the next slab,
  /// unless rows are cut.
  private func across(
    _ update: LowRankUpdate, _ wanted: Range<Int>, scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    let reference = update.isTransposed ? update.up : update.down
    func read(_ lines: Range<Int>, _ scratch: inout [UInt8]) throws(FileError) -> [Float] {
      try factor(reference, lines, areColumns: !update.isTransposed, isTransposed: update.isTransposed, &scratch)
    }
    guard columns <= Self.slabElements else { return try read(wanted, &scratch) }
    let all: [Float]
    if let known = kept.withLock({ $0.values?.factors[reference] }) {
      all = known
    } else {
      all = try read(0..<columns, &scratch)
      keep { $0.factors[reference] = all }
    }
    if wanted.count == columns { return all }
    return (0..<update.rank).flatMap { all[$0 * columns + wanted.lowerBound..<$0 * columns + wanted.upperBound] }
  }

  /// Rows of the factor that has one for each row of the weight, `[wanted, rank]`. Where it is stored transposed, and is
  /// not large, all are kept for the next slab.
  private func along(
    _ update: LowRankUpdate, _ wanted: Range<Int>, scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    let reference = update.isTransposed ? update.down : update.up
    func read(_ lines: Range<Int>, _ scratch: inout [UInt8]) throws(FileError) -> [Float] {
      try factor(reference, lines, areColumns: update.isTransposed, isTransposed: update.isTransposed, &scratch)
    }
    guard update.isTransposed, rowCount <= Self.keptFactorElements / max(1, update.rank) else {
      return try read(wanted, &scratch)
    }
    let all: [Float]
    if let known = kept.withLock({ $0.values?.factors[reference] }) {
      all = known
    } else {
      all = try read(0..<rowCount, &scratch)
      keep { $0.factors[reference] = all }
    }
    return Array(all[wanted.lowerBound * update.rank..<wanted.upperBound * update.rank])
  }

  private static let keptFactorElements = 1 << 23

  /// Rows of a factor, or columns, as they are stored or transposed.
  private func factor(
    _ reference: TensorReference, _ wanted: Range<Int>, areColumns: Bool, isTransposed: Bool,
    _ scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    let tensor = try inputs.tensor(reference)
    let rows = areColumns ? 0..<tensor.rowCount : wanted
    let columns = areColumns ? wanted : 0..<tensor.columns
    var values = [Float](repeating: 0, count: rows.count * columns.count)
    var span = values.mutableSpan
    for (place, row) in rows.enumerated() {
      var part = span._mutatingExtracting(place * columns.count..<(place + 1) * columns.count)
      let start = row * tensor.columns
      try tensor.read(
        elements: start + columns.lowerBound..<start + columns.upperBound, into: &part, scratch: &scratch)
    }
    guard isTransposed else { return values }
    return columns.indices.flatMap { column in
      rows.indices.map { values[($0 - rows.lowerBound) * columns.count + column - columns.lowerBound] }
    }
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

  private func keep(_ change: (inout Values) -> Void) {
    kept.withLock { kept in
      var values = kept.values ?? Values()
      kept = .none
      change(&values)
      kept = .some(values)
    }
  }

  /// Gives up what is kept between slabs.
  func releaseFactors() {
    kept.withLock { $0 = .none }
  }

  // MARK: - Encoded elements

  /// The stored encoding, where elements can be copied without decoding them; nil where they must be computed.
  public var copiedEncoding: Encoding? {
    guard derivation.keepsRows, let reference = derivation.sources.first,
      let encoding = (try? inputs.tensor(reference))?.singleEncoding
    else { return nil }
    // Elements of a vector cannot change places inside their blocks.
    if case .reordered = derivation, shape.count == 1, encoding.elementsPerBlock > 1 { return nil }
    return encoding
  }

  /// Fills `bytes` with the encoded elements `elements`, whole blocks, in their new order. Only for tensors that have a
  /// `copiedEncoding`.
  public func readEncoded(elements: Range<Int>, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let encoding = copiedEncoding else { throw hasNoStoredForm }
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      guard let count = encoding.byteCount(elements: part.count) else { throw hasNoStoredForm }
      var span = bytes._mutatingExtracting(start..<start + count)
      try readEncoded(derivation, part, into: &span)
      start += count
    }
  }

  private var hasNoStoredForm: FileError {
    FileError(.unsupported, path: inputs.path(of: derivation), "computed values have no stored form")
  }

  private func readEncoded(
    _ derivation: Derivation, _ part: RowPart, into bytes: inout MutableRawSpan
  ) throws(FileError) {
    switch derivation {
    case .source(let reference):
      try inputs.tensor(reference).readEncoded(
        fromElement: part.elements(width: columns).lowerBound, into: &bytes)
    case .reordered(let inner, let order):
      let lines = lines(of: part)
      let width = bytes.byteCount / max(1, lines.numbers.count)
      for run in order.runs(of: lines.numbers) {
        var ordered = [UInt8](repeating: 0, count: run.sources.count * width)
        try ordered.withMutableBytes { span throws(FileError) in
          try readEncoded(inner, lines.part(run.sources), into: &span)
        }
        ordered.withBytes { all in
          for move in run {
            let from = (move.source - run.sources.lowerBound) * width
            bytes.copy(all.extracting(from..<from + width), at: (move.row - lines.numbers.lowerBound) * width)
          }
        }
      }
    case .adding, .addingScaled, .replacingRows, .without, .constant:
      throw hasNoStoredForm
    }
  }
}
