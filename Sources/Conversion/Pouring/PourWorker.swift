internal import Bytes
internal import Quantization
internal import Tensors

/// Pours slabs, one after another, with buffers of its own.
final class PourWorker {
  let plan: Plan
  let output: any PourTarget
  /// Of the tensors that need to be known as a whole before they are encoded.
  private let magnitudes: Magnitudes
  private let buffers: SlabValues
  private var encoded: [UInt8] = []
  private var scratch: [UInt8] = []
  private var groups = EncodedGroups()

  /// Bytes that are copied at once where nothing is computed.
  private static let copySize = 4 << 20
  /// Bytes of a plane put together in memory that are written at once: other workers write into the file too.
  private static let gatheredSize = 1 << 20

  /// - Parameter values: what this and the workers of other plans in the same thread read values into.
  init(plan: Plan, output: any PourTarget, magnitudes: Magnitudes, values: SlabValues) {
    buffers = values
    self.plan = plan
    self.output = output
    self.magnitudes = magnitudes
  }

  func pour(_ slab: Slab) throws(FileError) {
    let planned = plan.tensors[slab.tensor]
    switch planned.action {
    case .copyRows:
      try copyRows(planned, slab)
    case .group(let output):
      try group(planned, slab, output)
    case .copyStored(let source):
      for plane in planned.planes {
        guard case .stored(let name) = plane.content else { continue }
        try copy(name, of: source, to: plane)
      }
    case .encode(let encoder):
      try encode(planned, slab, encoder)
    }
  }

  /// Writes what is known only when all slabs of a weight are done.
  func finish(_ slab: Slab) throws(FileError) {
    let planned = plan.tensors[slab.tensor]
    var tails: [[UInt8]] = []
    if case .encode(let encoder) = planned.action {
      try checkSurvival(planned, slab)
      tails = try slab.progress.encoder(planned, encoder).tails()
    } else if case .group(let output) = planned.action {
      try checkSurvival(planned, slab)
      tails = [(output.factor?(magnitudes.of(planned)) ?? .none).bytes]
    }
    for plane in planned.planes {
      switch plane.content {
      case .constant(let bytes): try write(bytes, count: bytes.count, to: plane, at: 0)
      case .tail(let number): try write(tails[number], count: tails[number].count, to: plane, at: 0)
      case .plane(let number):
        guard let bytes = slab.progress.gathered(plane: number) else { continue }
        for start in stride(from: 0, to: bytes.count, by: Self.gatheredSize) {
          try bytes.withBytes(in: start..<min(start + Self.gatheredSize, bytes.count)) { part throws(FileError) in
            try write(part, to: plane, at: start)
          }
        }
      case .stored: continue
      }
    }
    planned.rows.releaseFactors()
  }

  private func checkSurvival(_ planned: PlannedTensor, _ slab: Slab) throws(FileError) {
    guard let largest = slab.progress.largestLost() else { return }
    throw FileError(
      .unsupported, path: plan.destination.path, subject: planned.name,
      "every value would become zero: the largest magnitude is \(largest), too small for \(planned.targetType)",
      remedy: .chooseType)
  }

  // MARK: - Copying

  private func copyRows(_ planned: PlannedTensor, _ slab: Slab) throws(FileError) {
    guard let plane = planned.planes.first,
      let count = plane.descriptor.encoding.byteCount(elements: slab.elements.count),
      let offset = plane.descriptor.encoding.byteCount(elements: slab.elements.lowerBound)
    else { return }
    if encoded.count < count { encoded = [UInt8](repeating: 0, count: count) }
    try encoded.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
      try planned.rows.readEncoded(elements: slab.elements, into: &bytes)
    }
    try write(encoded, count: count, to: plane, at: offset)
    // A weight that an adapter replaces is copied, and has moved all the same.
    if planned.unmerged != nil {
      try measureMovement(of: planned, to: try values(of: planned, slab), slab)
    }
  }

  private func copy(_ name: String, of source: any TensorSource, to plane: PlannedPlane) throws(FileError) {
    var done = 0
    while done < plane.descriptor.byteCount {
      let count = min(Self.copySize, plane.descriptor.byteCount - done)
      if encoded.count < count { encoded = [UInt8](repeating: 0, count: count) }
      try encoded.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try source.read(name, at: done, into: &bytes)
      }
      try write(encoded, count: count, to: plane, at: done)
      done += count
    }
  }

  // MARK: - Encoding

  private func encode(_ planned: PlannedTensor, _ slab: Slab, _ encoder: any TensorEncoder) throws(FileError) {
    let codec = encoder.codec
    let count = slab.elements.count
    let firstElement = slab.elements.lowerBound
    let byteCount = codec.byteCount(elements: count)
    if encoded.count < byteCount { encoded = [UInt8](repeating: 0, count: byteCount) }
    let values = try values(of: planned, slab)
    try measureMovement(of: planned, to: values, slab)
    let prepared = slab.progress.encoder(planned, encoder)
    do throws(SlabFailure) {
      try encoded.withMutableBytes(in: 0..<byteCount) { bytes throws(SlabFailure) in
        try prepared.encode(values.span.extracting(0..<count), from: firstElement, into: &bytes)
      }
    } catch {
      switch error {
      case .file(let failure): throw failure
      case .codec(let failure):
        throw Self.failure(failure, planned, firstElement: firstElement, path: plan.destination.path)
      }
    }
    if let codec = codec as? any BlockCodec {
      slab.progress.keep(
        encoded.withBytes(in: 0..<byteCount) { Survival(of: values.span.extracting(0..<count), in: $0, codec) })
    }
    try writePlanes(planned, slab, count: codec.planeCount) { codec.byteCount(plane: $0, elements: $1) }
  }

  /// Writes the planes of a slab that lie in the buffer one after another, but for those that come last.
  private func writePlanes(
    _ planned: PlannedTensor, _ slab: Slab, count: Int, _ byteCount: (_ plane: Int, _ elements: Int) -> Int
  ) throws(FileError) {
    var start = 0
    for number in 0..<count {
      let bytes = start..<start + byteCount(number, slab.elements.count)
      start = bytes.upperBound
      guard let plane = planned.planes.first(where: { $0.content.isPlane(number) }) else { continue }
      try encoded.withBytes(in: bytes) { part throws(FileError) in
        try write(part, to: plane, at: byteCount(number, slab.elements.lowerBound))
      }
    }
  }

  // MARK: - Grouping

  private func group(_ planned: PlannedTensor, _ slab: Slab, _ output: GroupedOutput) throws(FileError) {
    let columns = planned.rows.columns
    let rows = slab.elements.lowerBound / columns..<slab.elements.upperBound / columns
    var groups = groups
    self.groups = EncodedGroups()
    defer { self.groups = groups }
    switch output.origin {
    case .values(let rounding):
      let values = try values(of: planned, slab)
      try measureMovement(of: planned, to: values, slab)
      let own = values.span.extracting(0..<slab.elements.count)
      if let index = KernelSet.best.firstNonFinite(in: own) {
        throw Self.failure(
          .notFinite(index: index), planned, firstElement: slab.elements.lowerBound, path: plan.destination.path)
      }
      rounding.encode(own, columns: columns, magnitude: magnitudes.of(planned), into: &groups)
      try output.improve(
        &groups, of: own, matrix: slab.number, columns: columns, magnitude: magnitudes.of(planned))
      slab.progress.keep(output.survival(of: own, in: groups, columns: columns))
    case .groups(let blocks, let conversion):
      try planned.rows.readGroups(rows: rows, of: blocks, into: &groups, scratch: &scratch)
      guard conversion.convert(&groups, rows: rows.count) else { throw notKept(planned) }
    }
    for plane in planned.planes {
      guard case .plane(let number) = plane.content else { continue }
      let isKept = try output.planes[number].write(groups, rows: rows) { bytes, lines throws(FileError) in
        if planned.gathersPlanes {
          slab.progress.gather(bytes, lines, ofPlane: number, byteCount: plane.descriptor.byteCount)
        } else {
          try lines.forEach(in: bytes) { part, offset throws(FileError) in try write(part, to: plane, at: offset) }
        }
      }
      guard isKept else { throw notKept(planned) }
    }
  }

  private func notKept(_ planned: PlannedTensor) -> FileError {
    FileError(
      .unsupported, path: plan.destination.path, subject: planned.name,
      "a scale of it is beyond what \(planned.targetType) can store", remedy: .chooseType)
  }

  /// The values of a slab, at the front of the buffer; those that another plan has just read are there already.
  private func values(of planned: PlannedTensor, _ slab: Slab) throws(FileError) -> [Float] {
    slab.sharesValues ? buffers.values.values : try read(planned.rows, slab, into: buffers.values)
  }

  private func read(_ rows: DerivedTensor, _ slab: Slab, into buffer: ValueBuffer) throws(FileError) -> [Float] {
    var values = buffer.take(slab.elements.count)
    defer { buffer.values = values }
    var span = values.mutableSpan
    var part = span._mutatingExtracting(0..<slab.elements.count)
    try rows.read(elements: slab.elements, into: &part, scratch: &scratch)
    return values
  }

  /// Keeps how far the values of a slab are from those without adapters, where there are any.
  private func measureMovement(of planned: PlannedTensor, to values: [Float], _ slab: Slab) throws(FileError) {
    guard let unmerged = planned.unmerged else { return }
    let original = try read(unmerged, slab, into: buffers.originals)
    let before = original.span.extracting(0..<slab.elements.count)
    slab.progress.keep(
      change: KernelSet.best.sumOfSquaredDifferences(values.span.extracting(0..<slab.elements.count), before),
      original: KernelSet.best.sumOfSquares(before), slab: slab.number)
  }

  // MARK: - Writing

  private func write(_ bytes: [UInt8], count: Int, to plane: PlannedPlane, at offset: Int) throws(FileError) {
    try bytes.withBytes(in: 0..<count) { part throws(FileError) in try write(part, to: plane, at: offset) }
  }

  private func write(_ bytes: RawSpan, to plane: PlannedPlane, at offset: Int) throws(FileError) {
    guard let place = plan.places[plane.descriptor.name] else { return }
    try output.write(bytes, file: place.file, at: place.offset + offset)
  }

  /// An encoder's refusal, with the tensor's name and the element's place.
  private static func failure(
    _ error: CodecError, _ planned: PlannedTensor, firstElement: Int, path: String
  ) -> FileError {
    let columns = max(1, planned.rows.columns)
    func place(_ element: Int) -> String {
      "element \(element) (row \(element / columns), column \(element % columns))"
    }
    let message: String
    var remedy: Remedy?
    switch error {
    case .notFinite(let index):
      // The fault is in the model that is read: its own name and place of the value help to find it.
      let origin = planned.rows.origin(ofElement: firstElement + index)
      if let unmerged = planned.unmerged, let element = try? unmerged.value(ofElement: firstElement + index),
        element.isFinite
      {
        return FileError(
          .malformed, path: path, subject: planned.name,
          "\(place(firstElement + index)) is NaN or infinite once the adapter is added; its scale (alpha, weight) or its "
            + "values are too large", remedy: .keepNonFinite)
      }
      return FileError(
        .malformed, path: origin.path, subject: origin.name ?? planned.name,
        "\(place(origin.element)) is NaN or infinite", remedy: .keepNonFinite)
    case .scaleOverflow(let index):
      message = "the values at \(place(firstElement + index)) are too large or too small for \(planned.targetType)"
      remedy = .chooseType
    case .notRepresentable(let index):
      message =
        "\(place(firstElement + index)) cannot be represented as \(planned.targetType); choose a type with a wider range, such as "
        + "bf16 or f32"
    case .notEncodable:
      message = error.description
    }
    return FileError(.malformed, path: path, subject: planned.name, message, remedy: remedy)
  }
}

/// Values that one thread has read: of a slab, and of the same one without adapters.
final class SlabValues {
  fileprivate let values = ValueBuffer()
  fileprivate let originals = ValueBuffer()
}

/// Room for the values of a slab, kept for the next one.
private final class ValueBuffer {
  var values: [Float] = []

  /// The room, which is given up until it is put back: so it has one owner and is written in place.
  func take(_ count: Int) -> [Float] {
    let taken = values
    values = []
    return taken.count < count ? [Float](repeating: 0, count: count) : taken
  }
}

extension PlannedPlane.Content {
  fileprivate func isPlane(_ number: Int) -> Bool {
    if case .plane(number) = self { true } else { false }
  }
}
