public import Bytes
internal import Digests
internal import JSON
public import Quantization
internal import Safetensors
internal import Synchronization
internal import Tensors

/// Writes a calibration file, a layer at a time, or finds out what would tell such a file from others: its places are known before a
/// number is.
///
/// A calibration is a safetensors file. Of each linear layer `L` it holds `L.inputs` and `L.gradients`, lower triangles of second
/// moments, row after row; `L.squares`; `L.tokens`; and `L.sample.inputs` and `L.sample.gradients`, tokens that are in none of
/// the moments. The texts that were read are in it as bytes, `text.0` and so on, and the windows of each that are in no moments as
/// `text.0.held_back`. One that can be merged has sums in the place of moments, whole 64-bit multiples of a unit: `L.inputs`, `L.gradients`
/// and `L.squares`, `L.weight`, which `L.inputs` are divided by, and `L.units`, the exponents of the units of inputs, gradients, squares and
/// weight. `digests` has an XXH3-128 of the settings and of every other tensor, in the order of their names, as it was written, so that damage is noticed.
public final class CalibrationWriter: Sendable {
  /// A linear layer of the model that is calibrated.
  public struct Layer: Hashable, Sendable {
    public var key: String
    public var inputs: Int
    public var outputs: Int
    public var hasGradients: Bool

    public init(key: String, inputs: Int, outputs: Int, hasGradients: Bool) {
      self.key = key
      self.inputs = inputs
      self.outputs = outputs
      self.hasGradients = hasGradients
    }
  }

  /// What a file has beside moments, and of which layers these are.
  public struct Contents: Sendable {
    public var layers: [Layer]
    public var settings: CalibrationSettings
    /// The texts that were read, one a kind.
    public var texts: [[UInt8]]
    /// Windows of each kind that are in no moments.
    public var heldBack: [[[Int32]]]
    /// Rows of the samples.
    public var sampleTokens: Int

    public init(
      layers: [Layer], settings: CalibrationSettings, texts: [[UInt8]], heldBack: [[[Int32]]], sampleTokens: Int
    ) {
      self.layers = layers
      self.settings = settings
      self.texts = texts
      self.heldBack = heldBack
      self.sampleTokens = sampleTokens
    }
  }

  /// Nil where nothing is written.
  private let output: StagedOutput?
  private let places: [String: PlacedTensor]
  private let sampleTokens: Int
  private let isMergeable: Bool
  /// The settings, as JSON.
  private let settings: String
  /// Of what was written, by name.
  private let digests = Mutex<[String: FastDigest]>([:])

  /// - Parameter reading: paths of files that it is made of.
  /// - Throws: `FileError` when the file cannot be made.
  public convenience init(path: String, _ contents: Contents, reading: [String], replacing: Bool) throws(FileError) {
    let name = FileSystem.lastComponent(path)
    let settings = try Self.text(of: contents.settings, name: name)
    let file = try Self.planned(contents, settings: settings, name: name)
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path), files: [.init(name: file.name, byteCount: file.byteCount)],
      reading: reading, replacing: replacing)
    self.init(contents, settings, file.tensors, output)
    do throws(FileError) {
      try file.header.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: 0) }
      try write(contents)
    } catch {
      throw output.abandoned(by: error)
    }
  }

  /// One that writes nothing.
  /// - Parameter name: what errors call the file that there could be.
  /// - Throws: `FileError` when no file can hold such contents.
  convenience init(digesting contents: Contents, name: String) throws(FileError) {
    let settings = try Self.text(of: contents.settings, name: name)
    self.init(contents, settings, try Self.planned(contents, settings: settings, name: name).tensors, nil)
    try write(contents)
  }

  private init(_ contents: Contents, _ settings: String, _ tensors: [PlacedTensor], _ output: StagedOutput?) {
    self.settings = settings
    self.output = output
    places = Dictionary(tensors.map { ($0.descriptor.name, $0) }) { first, _ in first }
    sampleTokens = contents.sampleTokens
    isMergeable = contents.settings.isMergeable
  }

  private static func text(of settings: CalibrationSettings, name: String) throws(FileError) -> String {
    do {
      return String(decoding: try settings.json.serialized(pretty: false), as: UTF8.self)
    } catch {
      throw FileError(.malformed, path: name, "\(error)")
    }
  }

  /// Writes texts, and windows that are held back.
  private func write(_ contents: Contents) throws(FileError) {
    for (number, text) in contents.texts.enumerated() { try write(text, CalibrationPart.text(number)) }
    for (number, windows) in contents.heldBack.enumerated() {
      try write(
        windows.joined().flatMap { UInt32(bitPattern: $0).littleEndianBytes }, CalibrationPart.heldBack(number))
    }
  }

  private static func planned(
    _ contents: Contents, settings metadata: String, name: String
  ) throws(FileError) -> PlannedFile {
    let sampleTokens = contents.sampleTokens
    var tensors: [TensorDescriptor] = []
    func add(_ tensor: String, _ encoding: Encoding, _ shape: [Int]) throws(FileError) {
      do throws(ShapeError) {
        tensors.append(try TensorDescriptor(name: tensor, encoding: encoding, shape: shape))
      } catch {
        throw FileError(.unsupported, path: name, subject: tensor, "\(error)")
      }
    }
    let isMergeable = contents.settings.isMergeable
    let values: Encoding = isMergeable ? .i64 : .f32
    for layer in contents.layers {
      try add(CalibrationPart.inputs(layer.key), values, [SymmetricMoments.count(order: layer.inputs)])
      try add(CalibrationPart.squares(layer.key), values, [layer.inputs])
      if isMergeable {
        try add(CalibrationPart.weight(layer.key), .i64, [1])
        try add(CalibrationPart.units(layer.key), .i64, [CalibrationPart.unitCount])
      }
      try add(CalibrationPart.tokens(layer.key), .i64, [2])
      if sampleTokens > 0 { try add(CalibrationPart.sampleInputs(layer.key), .bf16, [sampleTokens, layer.inputs]) }
      guard layer.hasGradients else { continue }
      try add(CalibrationPart.gradients(layer.key), values, [SymmetricMoments.count(order: layer.outputs)])
      if sampleTokens > 0 { try add(CalibrationPart.sampleGradients(layer.key), .bf16, [sampleTokens, layer.outputs]) }
    }
    for (number, text) in contents.texts.enumerated() { try add(CalibrationPart.text(number), .u8, [text.count]) }
    for (number, windows) in contents.heldBack.enumerated() {
      try add(CalibrationPart.heldBack(number), .i32, [windows.count, contents.settings.context])
    }
    try add(CalibrationPart.digests, .u8, [CalibrationPart.digestLength * (tensors.count + 1)])
    let plan = try SafetensorsWriter.plan(tensors: tensors, metadata: [CalibrationPart.key: metadata])
    let file = plan.files[0]
    return PlannedFile(name: name, header: file.header, tensors: file.tensors, byteCount: file.byteCount)
  }

  /// Writes what is known of a layer. Layers of which nothing is written stay zeros, which says that no token has reached them.
  public func write(_ layer: LayerSums) throws(FileError) {
    try write(layer, moments: isMergeable ? nil : layer.moments)
  }

  /// - Parameter moments: those of the sums; nil where the sums themselves are kept.
  func write(_ layer: LayerSums, moments: LayerMoments?) throws(FileError) {
    let key = layer.key
    if let moments {
      try write(floats: moments.inputs.values, CalibrationPart.inputs(key))
      try write(floats: moments.squares, CalibrationPart.squares(key))
      if let gradients = moments.gradients { try write(floats: gradients.values, CalibrationPart.gradients(key)) }
    } else {
      try write(integers: layer.inputs.values, CalibrationPart.inputs(key))
      try write(integers: layer.squares.values, CalibrationPart.squares(key))
      try write(integers: layer.weight.values, CalibrationPart.weight(key))
      let units = [layer.inputs, layer.gradients ?? layer.weight, layer.squares, layer.weight].map {
        Int64($0.exponent)
      }
      try write(integers: units, CalibrationPart.units(key))
      if let gradients = layer.gradients { try write(integers: gradients.values, CalibrationPart.gradients(key)) }
    }
    let sample = sample(of: layer)
    try write(
      [layer.tokens, sample?.tokens ?? 0].flatMap { UInt64($0).littleEndianBytes }, CalibrationPart.tokens(layer.key))
    guard let sample else { return }
    try write(Self.bf16(sample.inputs), CalibrationPart.sampleInputs(layer.key))
    if !sample.gradients.isEmpty { try write(Self.bf16(sample.gradients), CalibrationPart.sampleGradients(layer.key)) }
  }

  /// As many tokens of a layer's sample as are kept, as BF16 has them; nil for none.
  func sample(of layer: LayerSums) -> LayerMoments.Sample? {
    guard let own = layer.sample, min(own.tokens, sampleTokens) > 0 else { return nil }
    let count = min(own.tokens, sampleTokens)
    func first(_ values: [Float]) -> [Float] {
      values.prefix(count * (values.count / own.tokens)).map { Float(bitPattern: UInt32(Self.bf16($0)) << 16) }
    }
    return .init(tokens: count, inputs: first(own.inputs), gradients: first(own.gradients))
  }

  /// The nearest, ties to even.
  private static func bf16(_ value: Float) -> UInt16 {
    UInt16(truncatingIfNeeded: (value.bitPattern &+ 0x7FFF &+ (value.bitPattern >> 16 & 1)) >> 16)
  }

  private static func bf16(_ values: [Float]) -> [UInt8] { values.flatMap { bf16($0).littleEndianBytes } }

  private func write(integers: [Int64], _ name: String) throws(FileError) {
    try integers.withBytes { bytes throws(FileError) in try write(bytes, name) }
  }

  private func write(floats: [Float], _ name: String) throws(FileError) {
    try floats.withBytes { bytes throws(FileError) in try write(bytes, name) }
  }

  private func write(_ bytes: [UInt8], _ name: String) throws(FileError) {
    try bytes.withBytes { bytes throws(FileError) in try write(bytes, name) }
  }

  private func write(_ bytes: RawSpan, _ name: String) throws(FileError) {
    guard let place = places[name] else { return }
    precondition(bytes.byteCount <= place.descriptor.byteCount, "a tensor has the size that was planned")
    digests.withLock { $0[name] = FastDigest(of: bytes) }
    try output?.write(bytes, file: 0, at: place.offset)
  }

  /// Gives the file up, and says what came of it.
  public func stopped(by error: FileError) -> FileError { output?.abandoned(by: error) ?? error }

  /// Gives the file its name.
  /// - Returns: what is left beside it and could not be removed.
  public func commit() throws(FileError) -> [FileError] {
    do throws(FileError) {
      try write(Array((FastDigest(of: settings).description + table).utf8), CalibrationPart.digests)
      return try output?.commit() ?? []
    } catch {
      throw stopped(by: error)
    }
  }

  /// Digests of what was written, in the order of the names.
  private var table: String {
    let known = digests.withLock { $0 }
    return places.keys.sorted().filter { $0 != CalibrationPart.digests }.map { name in
      known[name]?.description ?? CalibrationPart.noDigest
    }.joined()
  }

  /// What tells a file with all that was written from every other.
  var digest: String { Self.digest(settings: settings, table: table) }

  /// - Parameters:
  ///   - settings: as JSON.
  ///   - table: digests of the tensors.
  static func digest(settings: String, table: String) -> String { FastDigest(of: settings + table).description }
}

/// Names of what a calibration file holds.
enum CalibrationPart {
  /// Of the metadata.
  static let key = "decant.calibration"

  /// A table of digests of the other tensors, in the order of their names.
  static let digests = "digests"
  static let digestLength = 32
  /// Of a tensor of which nothing was written.
  static let noDigest = String(repeating: "-", count: digestLength)

  static func inputs(_ layer: String) -> String { layer + ".inputs" }
  static func gradients(_ layer: String) -> String { layer + ".gradients" }
  static func squares(_ layer: String) -> String { layer + ".squares" }
  static func weight(_ layer: String) -> String { layer + ".weight_sum" }
  static func units(_ layer: String) -> String { layer + ".units" }
  static let unitCount = 4
  static func tokens(_ layer: String) -> String { layer + ".tokens" }
  static func sampleInputs(_ layer: String) -> String { layer + ".sample.inputs" }
  static func sampleGradients(_ layer: String) -> String { layer + ".sample.gradients" }
  static func text(_ number: Int) -> String { "text.\(number)" }
  static func heldBack(_ number: Int) -> String { "text.\(number).held_back" }
}
