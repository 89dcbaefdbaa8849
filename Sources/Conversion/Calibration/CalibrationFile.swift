public import Bytes
internal import Digests
internal import JSON
internal import Packed
public import Quantization
internal import Safetensors
internal import Tensors

/// An opened calibration file: what is known of the linear layers of a model, which is read layer by layer.
public struct CalibrationFile: Calibration {
  public let path: String
  /// What records call it: the name that it had.
  public private(set) var name: String
  public let settings: CalibrationSettings
  private let file: SafetensorsFile
  /// Of every tensor as it was written; none of one of which nothing was.
  private let digests: [String: FastDigest]
  /// What tells it from every other.
  public let digest: String

  /// - Throws: `FileError` when the file cannot be read, or is no calibration.
  public init(path: String) throws(FileError) {
    try Self.refuseOthers(path)
    try self.init(try SafetensorsFile(path: path))
  }

  /// - Throws: `FileError` when the file is plainly something else.
  private static func refuseOthers(_ path: String) throws(FileError) {
    guard try FileSystem.isFile(path) else { return }
    let start = try InputFile(path: path)
    guard start.byteCount >= 4 else {
      throw FileError(.malformed, path: path, "has \(start.byteCount) bytes, and is no calibration")
    }
    guard try start.bytes(at: 0, count: 4) != Array("GGUF".utf8) else {
      throw FileError(
        .unsupported, path: path,
        "is a GGUF, and no calibration; `decant calibrate` makes one, and an importance matrix is given with --imatrix")
    }
  }

  /// The same of bytes.
  package init(_ source: any ByteSource) throws(FileError) { try self.init(try SafetensorsFile(source)) }

  private init(_ file: SafetensorsFile) throws(FileError) {
    let path = file.name
    guard let text = file.metadata[CalibrationPart.key] else {
      throw FileError(
        .unsupported, path: path,
        "is no calibration: its metadata has no \(CalibrationPart.key); `decant calibrate` makes one")
    }
    let settings: CalibrationSettings?
    do {
      settings = CalibrationSettings(try JSONValue(parsing: Array(text.utf8)))
    } catch {
      throw FileError(.malformed, path: path, subject: CalibrationPart.key, "\(error)")
    }
    guard let settings else {
      throw FileError(
        .malformed, path: path, subject: CalibrationPart.key,
        "does not say model, context, fisher, seed, version and texts; was it written by another version?")
    }
    guard let table = file.descriptor(of: CalibrationPart.digests), table.encoding == .u8,
      table.byteCount == CalibrationPart.digestLength * file.tensors.count
    else {
      throw FileError(
        .malformed, path: path, subject: CalibrationPart.digests,
        "is missing, or has not a digest of the settings and of each other tensor; was it written by another version?")
    }
    let all = try file.bytes(of: table.name)
    guard all.prefix(CalibrationPart.digestLength).elementsEqual(FastDigest(of: text).description.utf8) else {
      throw FileError(
        .malformed, path: path, subject: CalibrationPart.key,
        "has other settings than were written; the file is damaged, or was changed")
    }
    let bytes = Array(all.dropFirst(CalibrationPart.digestLength))
    var digests: [String: FastDigest] = [:]
    for (number, name) in file.tensors.map(\.name).filter({ $0 != table.name }).sorted().enumerated() {
      let start = number * CalibrationPart.digestLength
      let text = String(decoding: bytes[start..<start + CalibrationPart.digestLength], as: UTF8.self)
      if text != CalibrationPart.noDigest { digests[name] = FastDigest(text) }
    }
    self.digests = digests
    digest = CalibrationWriter.digest(settings: text, table: String(decoding: bytes, as: UTF8.self))
    self.path = path
    name = FileSystem.lastComponent(path)
    self.settings = settings
    self.file = file
    for tensor in file.tensors { try check(tensor) }
  }

  /// Nil where there is another kind of file.
  /// - Throws: `FileError` when the file cannot be read, or is a calibration that is malformed.
  public init?(ifThereIsOneAt path: String) throws(FileError) {
    let start = try InputFile(path: path)
    guard start.byteCount > 16, try start.bytes(at: 8, count: 2) == Array("{\"".utf8),
      let file = try? SafetensorsFile(path: path), file.metadata[CalibrationPart.key] != nil
    else { return nil }
    try self.init(path: path)
  }

  private func check(_ tensor: TensorDescriptor) throws(FileError) {
    let name = tensor.name
    guard let layer = name.dropping(suffix: ".inputs"), !layer.hasSuffix(".sample") else { return }
    let encoding: Encoding = settings.isMergeable ? .i64 : .f32
    guard let squares = file.descriptor(of: CalibrationPart.squares(layer)), squares.encoding == encoding,
      tensor.encoding == encoding, Self.isTriangle(tensor.elementCount, order: squares.elementCount)
    else {
      throw FileError(
        .malformed, path: path, subject: name,
        "is not the triangle of as many columns as \(FileError.quoted(CalibrationPart.squares(layer))) has")
    }
  }

  /// The same under the name that records have for it.
  public func named(_ name: String) -> CalibrationFile {
    var result = self
    result.name = name
    return result
  }

  /// Whether a triangle of that order has so many values, which is asked of numbers from a file.
  private static func isTriangle(_ count: Int, order: Int) -> Bool {
    let (twice, overflow) = order.multipliedReportingOverflow(by: order + 1)
    return !overflow && count == twice / 2
  }

  /// Paths of the files that it is read from.
  public var inputPaths: [String] { [path] }

  /// Layers of which something is known.
  public var keys: [String] {
    file.tensors.compactMap { tensor in
      tensor.name.dropping(suffix: ".squares").flatMap { $0.hasSuffix(".sample") ? nil : $0 }
    }
  }

  /// Whether gradients of a layer were collected.
  public func hasGradients(of key: String) -> Bool { file.descriptor(of: CalibrationPart.gradients(key)) != nil }

  /// The texts that were read, as they were made or given.
  public func text(_ number: Int) throws(FileError) -> [UInt8]? {
    guard let tensor = file.descriptor(of: CalibrationPart.text(number)) else { return nil }
    let bytes = tensor.encoding == .u8 ? try bytes(of: tensor.name) : []
    guard tensor.encoding == .u8, String(validating: bytes, as: UTF8.self) != nil else {
      throw FileError(.malformed, path: path, subject: tensor.name, "is no text in UTF-8")
    }
    return bytes
  }

  /// Windows of the kinds of text that are in no moments.
  public func heldBack() throws(FileError) -> [(name: String, windows: [[Int32]])] {
    var kinds: [(name: String, windows: [[Int32]])] = []
    for (number, text) in settings.texts.enumerated() { kinds.append((text.name, try heldBack(ofText: number))) }
    return kinds
  }

  /// Those of one kind of text; none where there are none.
  func heldBack(ofText number: Int) throws(FileError) -> [[Int32]] {
    let name = CalibrationPart.heldBack(number)
    guard let tensor = file.descriptor(of: name) else { return [] }
    let context = settings.context
    guard tensor.encoding == .i32, tensor.shape.count == 2, tensor.shape[1] == context,
      tensor.elementCount / context == tensor.shape[0]
    else {
      throw FileError(.malformed, path: path, subject: name, "is no table of windows of \(context) tokens")
    }
    let bytes = try bytes(of: name)
    let tokens = stride(from: 0, to: bytes.count, by: 4).map { start in
      Int32(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
    guard tokens.allSatisfy({ $0 >= 0 }) else {
      throw FileError(.malformed, path: path, subject: name, "has tokens that are negative")
    }
    return stride(from: 0, to: tokens.count, by: context).map { Array(tokens[$0..<$0 + context]) }
  }

  /// Tokens that a layer was seen with, 0 for one that no token has reached; nil where nothing is known of it.
  public func tokens(of key: String) throws(FileError) -> Int? { try counts(of: key)?.moments }

  private func counts(of key: String) throws(FileError) -> (moments: Int, sample: Int)? {
    guard let tensor = file.descriptor(of: CalibrationPart.tokens(key)) else { return nil }
    guard tensor.encoding == .i64, tensor.elementCount == 2 else {
      throw FileError(.malformed, path: path, subject: tensor.name, "is not two whole numbers")
    }
    guard digests[tensor.name] != nil else { return (0, 0) }
    let bytes = try bytes(of: tensor.name)
    let numbers = [0, 8].map { start in
      bytes[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    guard numbers.allSatisfy({ $0 <= UInt64(LayerSums.mostTokens) }) else {
      throw FileError(.malformed, path: path, subject: tensor.name, "says more tokens than any text has")
    }
    return (Int(numbers[0]), Int(numbers[1]))
  }

  /// The importance of a layer's columns; nil where nothing is known.
  public func squares(of key: String) throws(FileError) -> [Float]? {
    guard try tokens(of: key) ?? 0 > 0 else { return nil }
    let squares: [Float]?
    if settings.isMergeable {
      guard let tokens = try tokens(of: key), let units = try units(of: key) else { return nil }
      squares = try exact(CalibrationPart.squares(key), exponent: units[2])?.divided(by: Double(tokens))
    } else {
      squares = try floats(CalibrationPart.squares(key))
    }
    guard let squares else { return nil }
    guard squares.allSatisfy({ $0 >= 0 }) else {
      throw FileError(
        .malformed, path: path, subject: CalibrationPart.squares(key), "has a mean of squares that is negative")
    }
    return squares
  }

  /// What is known of a layer; nil for nothing.
  /// - Throws: `FileError` when it cannot be read, or is malformed.
  public func moments(of key: String) throws(FileError) -> LayerMoments? {
    if settings.isMergeable { return try sums(of: key)?.moments }
    guard let counts = try counts(of: key), counts.moments > 0, let squares = try squares(of: key),
      let inputs = try floats(CalibrationPart.inputs(key))
    else { return nil }
    let gradients = try floats(CalibrationPart.gradients(key)).map { values throws(FileError) in
      try triangle(values, CalibrationPart.gradients(key))
    }
    return LayerMoments(
      key: key, tokens: counts.moments, inputs: SymmetricMoments(order: squares.count, values: inputs),
      gradients: gradients, squares: squares,
      sample: try sample(of: key, tokens: counts.sample, inputs: squares.count, outputs: gradients?.order ?? 0))
  }

  /// The sums of a layer, of a calibration that can be merged; nil for nothing.
  /// - Throws: `FileError` when they cannot be read, or are malformed.
  func sums(of key: String) throws(FileError) -> LayerSums? {
    guard let counts = try counts(of: key), counts.moments > 0, let units = try units(of: key),
      let inputs = try exact(CalibrationPart.inputs(key), exponent: units[0]),
      let squares = try exact(CalibrationPart.squares(key), exponent: units[2]),
      let weight = try exact(CalibrationPart.weight(key), exponent: units[3])
    else { return nil }
    guard squares.values.allSatisfy({ $0 >= 0 }), weight.values.count == 1, weight.values[0] >= 0 else {
      throw FileError(.malformed, path: path, subject: key, "has sums of squares or a weight that are negative")
    }
    let gradients = try exact(CalibrationPart.gradients(key), exponent: units[1])
    let outputs = try gradients.map { sums throws(FileError) in
      try order(sums.values.count, CalibrationPart.gradients(key))
    }
    return LayerSums(
      key: key, tokens: counts.moments, weight: weight, inputs: inputs, gradients: gradients, squares: squares,
      sample: try sample(of: key, tokens: counts.sample, inputs: squares.values.count, outputs: outputs ?? 0))
  }

  /// Exponents of the units of a layer's sums.
  private func units(of key: String) throws(FileError) -> [Int]? {
    let name = CalibrationPart.units(key)
    guard let units = try exact(name, exponent: 0)?.values else { return nil }
    guard units.count == CalibrationPart.unitCount,
      units.allSatisfy({ Int64(ExactSums.exponents.lowerBound)...Int64(ExactSums.exponents.upperBound) ~= $0 })
    else {
      throw FileError(
        .malformed, path: path, subject: name,
        "is not four exponents of \(ExactSums.exponents.lowerBound) to \(ExactSums.exponents.upperBound)")
    }
    return units.map(Int.init)
  }

  /// Whole numbers of a tensor.
  private func exact(_ name: String, exponent: Int) throws(FileError) -> ExactSums? {
    guard let tensor = file.descriptor(of: name) else { return nil }
    guard tensor.encoding == .i64 else {
      throw FileError(.malformed, path: path, subject: name, "is of type \(tensor.encoding); i64 is expected")
    }
    let bytes = try bytes(of: name)
    var values: [Int64] = []
    values.reserveCapacity(tensor.elementCount)
    bytes.withBytes(in: 0..<bytes.count) { span in
      for start in stride(from: 0, to: span.byteCount, by: 8) {
        values.append(Int64(bitPattern: UInt64(span.word(at: start)) | UInt64(span.word(at: start + 4)) << 32))
      }
    }
    return ExactSums(exponent: exponent, values: values)
  }

  /// The order of a triangle of so many values.
  private func order(_ count: Int, _ name: String) throws(FileError) -> Int {
    guard let order = SymmetricMoments.order(count: count) else {
      throw FileError(.malformed, path: path, subject: name, "has \(count) values, which no triangle has")
    }
    return order
  }

  private func triangle(_ values: [Float], _ name: String) throws(FileError) -> SymmetricMoments {
    SymmetricMoments(order: try order(values.count, name), values: values)
  }

  private func sample(
    of key: String, tokens: Int, inputs: Int, outputs: Int
  ) throws(FileError) -> LayerMoments.Sample? {
    guard tokens > 0, let given = try floats(CalibrationPart.sampleInputs(key), rows: tokens) else { return nil }
    let slopes = outputs == 0 ? [] : try floats(CalibrationPart.sampleGradients(key), rows: tokens) ?? []
    for (name, count, width) in [
      (CalibrationPart.sampleInputs(key), given.count, inputs),
      (CalibrationPart.sampleGradients(key), slopes.count, outputs),
    ] where count % tokens != 0 || count / tokens != width {
      throw FileError(
        .malformed, path: path, subject: name, "has \(count) values for \(tokens) tokens of \(width)")
    }
    return LayerMoments.Sample(tokens: tokens, inputs: given, gradients: slopes)
  }

  /// The layers that there may be something of.
  var layers: [CalibrationWriter.Layer] {
    get throws(FileError) {
      var layers: [CalibrationWriter.Layer] = []
      for key in keys.sorted(by: LayerNames.precedes) {
        guard let squares = file.descriptor(of: CalibrationPart.squares(key)) else { continue }
        let gradients = file.descriptor(of: CalibrationPart.gradients(key))
        let outputs = try gradients.map { gradients throws(FileError) in
          try order(gradients.elementCount, gradients.name)
        }
        layers.append(
          .init(key: key, inputs: squares.elementCount, outputs: outputs ?? 0, hasGradients: gradients != nil))
      }
      return layers
    }
  }

  /// Rows that samples have, at most.
  var sampleTokens: Int {
    // As many as there are values for.
    keys.lazy.compactMap { file.descriptor(of: CalibrationPart.sampleInputs($0)) }
      .map { min($0.shape.first ?? 0, $0.elementCount) }.max() ?? 0
  }

  /// All values of a tensor, or its first rows.
  private func floats(_ name: String, rows: Int? = nil) throws(FileError) -> [Float]? {
    guard let tensor = file.descriptor(of: name) else { return nil }
    guard let codec = Catalog.codec(for: tensor.encoding), [.f32, .bf16].contains(tensor.encoding) else {
      throw FileError(.malformed, path: path, subject: name, "is of type \(tensor.encoding); f32 or bf16 is expected")
    }
    let width = tensor.elementCount / max(1, tensor.shape.first ?? 1)
    let count = rows.map { min($0, tensor.shape.first ?? 0) * width } ?? tensor.elementCount
    let bytes = try bytes(of: name, count: codec.byteCount(elements: count))
    var values = [Float](repeating: 0, count: count)
    var span = values.mutableSpan
    bytes.withBytes(in: 0..<codec.byteCount(elements: count)) { codec.decode($0, into: &span) }
    guard KernelSet.best.firstNonFinite(in: values.span) == nil else {
      throw FileError(.malformed, path: path, subject: name, "has values that are not finite")
    }
    return values
  }

  /// The bytes of a tensor as they were written.
  /// - Parameter count: how many were; nil for all.
  /// - Throws: `FileError` when they are others now.
  private func bytes(of name: String, count: Int? = nil) throws(FileError) -> [UInt8] {
    let bytes = try file.bytes(of: name)
    let isSame = bytes.withBytes(in: 0..<(count ?? bytes.count)) { FastDigest(of: $0) == digests[name] }
    guard isSame else {
      throw FileError(
        .malformed, path: path, subject: name, "has other bytes than were written; the file is damaged, or was changed")
    }
    return bytes
  }
}
