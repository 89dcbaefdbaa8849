internal import Bytes
internal import Quantization
internal import Tensors

/// Pours slabs, one after another, with buffers of its own.
final class PourWorker {
  let plan: Plan
  let output: any PourTarget
  private let valueBuffer = ValueBuffer()
  private let originalBuffer = ValueBuffer()
  private var encoded: [UInt8] = []
  private var scratch: [UInt8] = []

  /// Bytes that are copied at once where nothing is computed.
  private static let copySize = 4 << 20

  init(plan: Plan, output: any PourTarget) {
    self.plan = plan
    self.output = output
  }

  func pour(_ slab: Slab) throws(FileError) {
    let planned = plan.tensors[slab.tensor]
    switch planned.action {
    case .copyRows:
      try copyRows(planned, slab)
    case .copyStored(let source):
      for plane in planned.planes {
        guard case .stored(let name) = plane.content else { continue }
        try copy(name, of: source, to: plane)
      }
    case .encode(let type):
      try encode(planned, slab, type)
    }
  }

  /// Writes what is known only when all slabs of a weight are done.
  func finish(_ slab: Slab) throws(FileError) {
    let planned = plan.tensors[slab.tensor]
    if case .encode(let type) = planned.action, let largest = slab.progress.largestLost() {
      throw FileError(
        .unsupported, path: plan.destination.path, subject: planned.name,
        "every value would become zero: the largest magnitude is \(largest), too small for \(type.name)",
        remedy: .chooseType)
    }
    for plane in planned.planes {
      if case .constant(let bytes) = plane.content { try write(bytes, count: bytes.count, to: plane, at: 0) }
    }
    if case .encode(let type) = planned.action, type.isDoubleQuantized {
      try writeScales(of: planned, type, slab.progress.takeScales())
    }
    planned.rows.releaseFactors()
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
      try measureMovement(of: planned, to: try read(planned.rows, slab, into: valueBuffer), slab)
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

  private func encode(_ planned: PlannedTensor, _ slab: Slab, _ type: TargetType) throws(FileError) {
    let codec = type.codec
    let count = slab.elements.count
    let firstElement = slab.elements.lowerBound
    let byteCount = codec.byteCount(elements: count)
    if encoded.count < byteCount { encoded = [UInt8](repeating: 0, count: byteCount) }
    let values = try read(planned.rows, slab, into: valueBuffer)
    try measureMovement(of: planned, to: values, slab)
    do throws(CodecError) {
      try encoded.withMutableBytes(in: 0..<byteCount) { bytes throws(CodecError) in
        if planned.keepsNonFinite, codec is Float32Codec {
          values.withBytes { bytes.copy($0.extracting(0..<byteCount), at: 0) }
        } else if let importance = planned.importance, let codec = codec as? any WeightedBlockCodec {
          try Self.encode(values.span.extracting(0..<count), with: codec, importance, planned, slab, into: &bytes)
        } else {
          try codec.encode(values.span.extracting(0..<count), into: &bytes)
        }
      }
    } catch {
      throw Self.failure(error, planned, firstElement: firstElement, type, path: plan.destination.path)
    }
    if let codec = codec as? any BlockCodec {
      slab.progress.keep(
        encoded.withBytes(in: 0..<byteCount) { Survival(of: values.span.extracting(0..<count), in: $0, codec) })
    }
    try writePlanes(planned, slab, type, firstElement: firstElement, count: count)
  }

  /// Encodes a slab of a tensor that may be a stack of matrices, each of which has an importance of its own.
  private static func encode(
    _ values: Span<Float>, with codec: any WeightedBlockCodec, _ importance: [Float], _ planned: PlannedTensor,
    _ slab: Slab, into bytes: inout MutableRawSpan
  ) throws(CodecError) {
    let columns = max(1, planned.rows.columns)
    let matrixRows = planned.shape.dropLast().last ?? 1
    let rowBytes = codec.byteCount(elements: columns)
    let rows = slab.elements.lowerBound / columns..<slab.elements.upperBound / columns
    var row = rows.lowerBound
    while row < rows.upperBound {
      let matrix = row / matrixRows
      let part = row..<min((matrix + 1) * matrixRows, rows.upperBound)
      let place = part.lowerBound - rows.lowerBound..<part.upperBound - rows.lowerBound
      var target = bytes._mutatingExtracting(place.lowerBound * rowBytes..<place.upperBound * rowBytes)
      do throws(CodecError) {
        try codec.encode(
          values.extracting(place.lowerBound * columns..<place.upperBound * columns),
          importance: importance.span.extracting(matrix * columns..<(matrix + 1) * columns), into: &target)
      } catch {
        throw error.moved(by: place.lowerBound * columns)
      }
      row = part.upperBound
    }
  }

  private func writePlanes(
    _ planned: PlannedTensor, _ slab: Slab, _ type: TargetType, firstElement: Int, count: Int
  ) throws(FileError) {
    let codec = type.codec
    var start = 0
    for number in 0..<codec.planeCount {
      let planeBytes = codec.byteCount(plane: number, elements: count)
      defer { start += planeBytes }
      if type.isDoubleQuantized, number == codec.planeCount - 1 {
        let scales = encoded.withBytes(in: start..<start + planeBytes) { [Float](bytes: $0) }
        slab.progress.keep(
          scales: scales, at: firstElement / codec.elementsPerBlock,
          of: planned.elementCount.dividedRoundingUp(by: codec.elementsPerBlock))
        continue
      }
      guard let plane = planned.planes.first(where: { $0.content.isPlane(number) }),
        let place = plan.places[plane.descriptor.name]
      else { continue }
      let offset = place.offset + codec.byteCount(plane: number, elements: firstElement)
      try encoded.withBytes(in: start..<start + planeBytes) { bytes throws(FileError) in
        try output.write(bytes, file: place.file, at: offset)
      }
    }
  }

  /// The values of a slab, at the front of the buffer.
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
    let original = try read(unmerged, slab, into: originalBuffer)
    let before = original.span.extracting(0..<slab.elements.count)
    slab.progress.keep(
      change: KernelSet.best.sumOfSquaredDifferences(values.span.extracting(0..<slab.elements.count), before),
      original: KernelSet.best.sumOfSquares(before), slab: slab.number)
  }

  /// Encodes the absmax scales of a whole weight, and writes what depends on all of them.
  private func writeScales(of planned: PlannedTensor, _ type: TargetType, _ scales: [Float]) throws(FileError) {
    let offset = DoubleQuantization.offset(of: scales.span)
    var codes = [UInt8](repeating: 0, count: scales.count)
    var nested = [Float](repeating: 0, count: DoubleQuantization.nestedCount(of: scales.count))
    var codeSpan = codes.mutableSpan
    var nestedSpan = nested.mutableSpan
    DoubleQuantization.encode(scales.span, offset: offset, into: &codeSpan, nestedAbsmax: &nestedSpan)
    for plane in planned.planes {
      switch plane.content {
      case .scaleCodes:
        try write(codes, count: codes.count, to: plane, at: 0)
      case .nestedScales:
        try nested.withBytes { bytes throws(FileError) in
          try write(bytes, to: plane, at: 0)
        }
      case .quantState(let state):
        let bytes = try BlockwiseLayout.serialized(state, offset: offset, path: plan.destination.path)
        try write(bytes, count: bytes.count, to: plane, at: 0)
      case .plane, .stored, .constant:
        continue
      }
    }
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
    _ error: CodecError, _ planned: PlannedTensor, firstElement: Int, _ type: TargetType, path: String
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
      message = "the values at \(place(firstElement + index)) are too large or too small for \(type.name)"
      remedy = .chooseType
    case .notRepresentable(let index):
      message =
        "\(place(firstElement + index)) cannot be represented as \(type.name); choose a type with a wider range, such as "
        + "bf16 or f32"
    case .notEncodable:
      message = error.description
    }
    return FileError(.malformed, path: path, subject: planned.name, message, remedy: remedy)
  }
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
