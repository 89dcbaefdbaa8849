public import Bytes
internal import Packed
public import Tensors

/// A checkpoint of PyTorch (`.bin`, `.pt`, `.pth`), opened for reading: a pickle that says which tensors there are, and
/// their data. The pickle is carried out by a machine that can only put descriptions together; no code is run.
public struct TorchPickleFile: TensorSource {
  /// The bytes it is read from.
  public let source: any ByteSource
  /// In the order in which safetensors has them, wide elements first, then by name: so outputs are the same, whichever of
  /// both a model was in.
  public let tensors: [TensorDescriptor]
  /// What is odd or left out, but keeps nobody from reading, as sentences without the path.
  public let remarks: [String]
  /// Each storage as a vector, in the order of the file. Tensors are views of them, and may share one.
  public let placedStorages: [PlacedTensor]

  private let views: [StridedTensor]
  private let positions: [String: Int]

  static let maximumRank = 64
  /// Tensors together may take this many times the bytes of the file, and `leastTotal`: views that repeat elements, and
  /// names that share a storage.
  static let mostRepeats = 16
  static let leastTotal = 1 << 20

  /// Opens a file, packed or not.
  /// - Throws: `FileError` when the file cannot be read, breaks a rule of the format, or asks for code to be run.
  public init(path: String) throws(FileError) {
    try self.init(PackedFile.openWeights(path: path))
  }

  /// - Throws: `FileError` when the bytes cannot be read, break a rule of the format, or ask for code to be run.
  public init(_ source: any ByteSource) throws(FileError) {
    let contents = try Self.contents(of: source)
    let dictionary = try StateDictionary(of: contents, path: source.path)
    var views: [StridedTensor] = []
    var shapes: Set<[Int]> = []
    var total = 0
    let (mostOfFile, overflow) = source.byteCount.multipliedReportingOverflow(by: Self.mostRepeats)
    let most = overflow ? Int.max - Self.leastTotal : mostOfFile
    for (name, tensor) in dictionary.tensors {
      let view = try Self.view(tensor, named: name, in: contents, path: source.path, shapes: &shapes)
      let (sum, isTooMuch) = total.addingReportingOverflow(view.descriptor.byteCount)
      guard !isTooMuch, sum - Self.leastTotal <= most else {
        throw TorchPickleRule.totals.broken(
          .unsupported, path: source.path, subject: name,
          "with this one the tensors take more than \(Self.mostRepeats) times the bytes of the file, since they repeat "
            + "elements or share storages; load it with torch, and save what clone() gives")
      }
      total = sum
      views.append(view)
    }
    views.sort { one, other in
      let widths = (one.descriptor.encoding.bytesPerBlock, other.descriptor.encoding.bytesPerBlock)
      return widths.0 == widths.1
        ? one.descriptor.name.utf8.lexicographicallyPrecedes(other.descriptor.name.utf8) : widths.0 > widths.1
    }
    self.source = source
    self.views = views
    remarks = contents.remarks + dictionary.remarks
    tensors = views.map(\.descriptor)
    positions = Dictionary(uniqueKeysWithValues: views.indices.lazy.map { (views[$0].descriptor.name, $0) })
    placedStorages = Self.placedStorages(of: contents)
  }

  private static func contents(of source: any ByteSource) throws(FileError) -> TorchContents {
    let start = try source.bytes(at: 0, count: min(512, source.byteCount))
    if start.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return try TorchContents(archive: source) }
    if start.count > 2, start[0] == PickleOperation.proto.rawValue, (2...5).contains(start[1]) {
      return try TorchContents(legacy: source)
    }
    if TorchPickleFile.isTar(start) {
      throw TorchPickleRule.opening.broken(
        .unsupported, path: source.path, at: 0,
        "is a tar archive, as torch wrote before version 0.1.10, or NeMo around its files; load it with what wrote it, and "
          + "save it again")
    }
    throw TorchPickleRule.opening.broken(
      path: source.path, at: 0, "begins neither as a zip archive nor as a pickle, as checkpoints of PyTorch do")
  }

  /// Whether a file begins as a tar archive does: the mark is behind the first entry's header.
  package static func isTar(_ start: [UInt8]) -> Bool {
    start.count >= 262 && start[257..<262].elementsEqual("ustar".utf8)
  }

  public var name: String { source.path }

  public var inputFiles: [InputFile] { source.inputFile.map { [$0] } ?? [] }

  public func descriptor(of name: String) -> TensorDescriptor? { positions[name].map { tensors[$0] } }

  public func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let position = positions[name] else { throw FileError.noSuchTensor(name, in: self.name) }
    let view = views[position]
    let byteCount = view.descriptor.byteCount
    guard offset >= 0, bytes.byteCount <= byteCount, offset <= byteCount - bytes.byteCount else {
      throw FileError(
        .mismatch, path: self.name, subject: name,
        "\(bytes.byteCount) bytes at \(offset) are not inside this tensor of \(byteCount)")
    }
    try view.read(at: offset, into: &bytes, from: source)
  }

  // MARK: - Tensors

  private static func view(
    _ tensor: PickledTensor, named name: String, in contents: TorchContents, path: String, shapes: inout Set<[Int]>
  ) throws(FileError) -> StridedTensor {
    func broken(_ rule: TorchPickleRule, _ message: String, _ code: FileError.Code = .malformed) -> FileError {
      rule.broken(code, path: path, subject: name, message)
    }
    let machine = contents.machine
    guard case .view(let number, let offset, let sizes, let strides, let ownType, let metadata) = tensor else {
      guard case .other(let sentence) = tensor else { throw broken(.tensorKind, "is no tensor") }
      throw broken(.tensorKind, sentence, .unsupported)
    }
    let storage = machine.storages[number]
    guard let elementType = ownType ?? storage.elementType ?? TorchElementType.byName["uint8"] else {
      throw broken(.elementType, "has no element type")
    }
    guard let encoding = elementType.encoding else {
      throw broken(
        .elementType,
        "has the element type torch.\(elementType.name), which is not read; load it with torch, and save "
          + "it as another", .unsupported)
    }
    if let said = Self.members(of: metadata, machine) {
      throw broken(
        .tensorKind,
        "has values that are to be changed as they are read (\(said)); load it with torch, and save what "
          + "resolve_conj().resolve_neg() gives", .unsupported)
    }
    guard !storage.isMeta else {
      throw broken(.tensorKind, "is a tensor on the device \"meta\", of which the file has no data", .unsupported)
    }
    guard ownType == nil || storage.elementType == nil else {
      throw broken(.elementType, "says its element type twice")
    }
    guard let shape = Self.integers(sizes, machine), let steps = Self.integers(strides, machine),
      shape.count == steps.count, shape.count <= maximumRank, offset >= 0
    else {
      throw broken(
        .dimensions,
        "its sizes and strides are tuples of one length, at most \(maximumRank), of whole numbers, none "
          + "negative, and so is its offset")
    }
    let descriptor: TensorDescriptor
    do throws(ShapeError) {
      descriptor = try TensorDescriptor(
        name: name, encoding: encoding, shape: shapes.insert(shape).memberAfterInsert)
    } catch {
      throw broken(.dimensions, "\(error)")
    }
    guard let place = contents.places[number] else {
      throw broken(.storage, "its storage \(FileError.quoted(storage.key)) is not in the file", .missing)
    }
    // Of a storage of bytes the offset counts elements of the tensor's type.
    let width = storage.elementType == nil ? encoding.bytesPerBlock : 1
    var last = offset
    var isInside = true
    if descriptor.elementCount > 0 {
      for (count, step) in zip(shape, steps) {
        let (distance, isTooFar) = (count - 1).multipliedReportingOverflow(by: step)
        let (sum, isBeyond) = last.addingReportingOverflow(distance)
        isInside = isInside && !isTooFar && !isBeyond
        last = sum
      }
      isInside = isInside && last < storage.elements.count / width
    }
    guard isInside else {
      throw broken(
        .insideStorage,
        "the view of sizes \(shape), strides \(steps) and offset \(offset) goes beyond its storage of "
          + "\(storage.elements.count / width) elements")
    }
    let start = storage.elements.lowerBound * (encoding.bytesPerBlock / width)
    return StridedTensor(
      descriptor, storageOffset: place + start, offset: descriptor.elementCount > 0 ? offset : 0, strides: steps,
      isBigEndian: contents.isBigEndian)
  }

  private static func integers(_ value: PickleValue, _ machine: PickleMachine) -> [Int]? {
    guard let values = machine.elements(of: value) else { return nil }
    var numbers: [Int] = []
    for value in values {
      guard numbers.count <= maximumRank, case .integer(let number) = value, number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// The keys of a tensor's metadata; nil where it has none.
  private static func members(of metadata: PickleValue, _ machine: PickleMachine) -> String? {
    switch metadata {
    case .none: return nil
    case .dictionary(let number):
      let items = machine.dictionaries[number]
      guard !items.isEmpty else { return nil }
      return items.prefix(3).map { if case .string(let key) = $0.key { FileError.quoted(key) } else { $0.key.kind } }
        .joined(separator: ", ")
    default: return metadata.kind
    }
  }

  private static func placedStorages(of contents: TorchContents) -> [PlacedTensor] {
    var placed: [Int: TensorDescriptor] = [:]
    for (storage, place) in zip(contents.machine.storages, contents.places) {
      guard let place, placed[place] == nil, storage.wholeCount > 0 else { continue }
      let encoding = storage.elementType?.encoding ?? Encoding.u8
      placed[place] = try? TensorDescriptor(name: storage.key, encoding: encoding, shape: [storage.wholeCount])
    }
    return placed.sorted { $0.key < $1.key }.map { PlacedTensor(descriptor: $0.value, offset: $0.key) }
  }
}
