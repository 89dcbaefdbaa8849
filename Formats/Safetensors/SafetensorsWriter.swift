public import Bytes
internal import JSON
public import Tensors

/// Lays out safetensors files, byte for byte as the reference library's `save_file` writes them and as
/// `huggingface_hub` divides them into shards.
public enum SafetensorsWriter {
  /// Lays out one file or several.
  /// - Parameters:
  ///   - tensors: in the order in which shards are filled. Within a file they are reordered: wide element types
  ///     first, then by name.
  ///   - metadata: the `__metadata__` of every file; none where it is empty. `transformers` wants `format`: `pt`.
  ///   - maximumShardBytes: most bytes of tensor data in a shard; nil for one file. A larger tensor gets a shard
  ///     of its own.
  ///   - maximumShardTensors: most tensors in a shard; nil for any number.
  ///   - runs: the tensors of each shard, by their numbers, where something else than length decides; all tensors, in order.
  ///   - baseName: `model` gives `model.safetensors` and `model-00001-of-00002.safetensors`.
  ///   - parameterCount: `total_parameters` of the index, left out when nil.
  /// - Throws: `FileError` when a name is there twice, an encoding has no name in this format, or a header becomes
  ///   longer than readers take.
  public static func plan(
    tensors: [TensorDescriptor], metadata: [String: String] = [:], maximumShardBytes: Int? = nil,
    maximumShardTensors: Int? = nil, runs: [Range<Int>]? = nil, baseName: String = "model", parameterCount: Int? = nil
  ) throws(FileError) -> SafetensorsPlan {
    let single = baseName + ".safetensors"
    try check(tensors, path: single)
    let filled = runs.map { $0.map { Array(tensors[$0]) } } ?? divide(tensors, maximumBytes: maximumShardBytes)
    let shards = filled.flatMap { shard in
      let most = maximumShardTensors ?? max(1, shard.count)
      return stride(from: 0, to: shard.count, by: most).map { Array(shard[$0..<min($0 + most, shard.count)]) }
    }
    guard shards.count > 1 else {
      let file = try layOut(shards.first ?? [], metadata: metadata, name: single)
      return SafetensorsPlan(files: [file], index: nil)
    }
    var files: [PlannedFile] = []
    for (number, shard) in shards.enumerated() {
      let name = shardName(baseName, number: number + 1, of: shards.count)
      files.append(try layOut(shard, metadata: metadata, name: name))
    }
    let index = try index(of: files, parameterCount: parameterCount, name: single + ".index.json")
    return SafetensorsPlan(files: files, index: index)
  }

  /// `model-00001-of-00002.safetensors`.
  public static func shardName(_ baseName: String, number: Int, of count: Int) -> String {
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "\(baseName)-\(padded(number))-of-\(padded(count)).safetensors"
  }

  private static func check(_ tensors: [TensorDescriptor], path: String) throws(FileError) {
    var names: Set<String> = []
    var total = 0
    for tensor in tensors {
      guard names.insert(tensor.name).inserted else {
        throw FileError(
          .malformed, path: path, subject: tensor.name,
          "two tensors would have this name", rule: SafetensorsRule.uniqueNames.citation)
      }
      guard tensor.name != SafetensorsHeader.metadataKey else {
        throw FileError(
          .malformed, path: path, subject: tensor.name,
          "no tensor can have the name of the metadata", rule: SafetensorsRule.metadata.citation)
      }
      guard SafetensorsElementType.name(of: tensor.encoding) != nil else {
        throw FileError(
          .unsupported, path: path, subject: tensor.name,
          "safetensors has no element type for \(tensor.encoding.name)", rule: SafetensorsRule.elementType.citation)
      }
      let (sum, overflow) = total.addingReportingOverflow(tensor.byteCount)
      guard !overflow, sum < Int.max - (1 << 32) else {
        throw FileError(
          .unsupported, path: path, subject: tensor.name, "the tensors have more bytes than 63 bits can count")
      }
      total = sum
    }
  }

  /// Fills shards in order. A tensor larger than a shard goes into one of its own, and what comes after it still
  /// goes into the shard begun before.
  private static func divide(_ tensors: [TensorDescriptor], maximumBytes: Int?) -> [[TensorDescriptor]] {
    guard let maximumBytes, tensors.reduce(0, { $0 + $1.byteCount }) > maximumBytes else { return [tensors] }
    var shards: [[TensorDescriptor]] = []
    var shard: [TensorDescriptor] = []
    var byteCount = 0
    for tensor in tensors {
      if tensor.byteCount > maximumBytes {
        shards.append([tensor])
        continue
      }
      if byteCount + tensor.byteCount > maximumBytes {
        shards.append(shard)
        shard = []
        byteCount = 0
      }
      shard.append(tensor)
      byteCount += tensor.byteCount
    }
    if !shard.isEmpty { shards.append(shard) }
    return shards
  }

  private static func layOut(
    _ tensors: [TensorDescriptor], metadata: [String: String], name: String
  ) throws(FileError) -> PlannedFile {
    let ordered = tensors.map { (rank: SafetensorsElementType.rank(of: $0.encoding) ?? 0, descriptor: $0) }
      .sorted {
        $0.rank == $1.rank
          ? $0.descriptor.name.utf8.lexicographicallyPrecedes($1.descriptor.name.utf8) : $0.rank > $1.rank
      }
      .map(\.descriptor)
    let header = try header(of: ordered, metadata: metadata, path: name)
    var end = header.count
    let placed = ordered.map { descriptor in
      defer { end += descriptor.byteCount }
      return PlacedTensor(descriptor: descriptor, offset: end)
    }
    return PlannedFile(name: name, header: header, tensors: placed, byteCount: end)
  }

  /// The header with its length before it.
  /// - Parameters:
  ///   - tensors: in the order of their bytes.
  ///   - room: bytes that it is to take with the length, if it can: spaces fill it up.
  static func header(
    of tensors: [TensorDescriptor], metadata: [String: String], filling room: Int = 0, path: String
  ) throws(FileError) -> [UInt8] {
    var json = json(of: tensors, metadata: metadata)
    json += Array(repeating: UInt8(ascii: " "), count: max(0, room - 8 - json.count))
    guard json.count <= SafetensorsHeader.maximumByteCount else {
      throw FileError(
        .unsupported, path: path,
        "the header would have \(json.count) bytes, but readers take \(SafetensorsHeader.maximumByteCount); "
          + "write smaller shards", rule: SafetensorsRule.headerLimit.citation)
    }
    var length = ByteWriter()
    length.write(UInt64(json.count))
    return length.bytes + json
  }

  /// The JSON, padded with spaces so that the data is aligned to 8 bytes.
  private static func json(of tensors: [TensorDescriptor], metadata: [String: String]) -> [UInt8] {
    var json = JSONWriter()
    json.reserveCapacity(tensors.reduce(1 << 10) { $0 + $1.name.utf8.count + 96 })
    json.write(raw: "{")
    if !metadata.isEmpty {
      json.write(SafetensorsHeader.metadataKey)
      json.write(raw: ":{")
      for (index, (key, value)) in sorted(metadata).enumerated() {
        if index > 0 { json.write(raw: ",") }
        json.write(key)
        json.write(raw: ":")
        json.write(value)
      }
      json.write(raw: "}")
    }
    var begin = 0
    for (index, tensor) in tensors.enumerated() {
      if index > 0 || !metadata.isEmpty { json.write(raw: ",") }
      json.write(tensor.name)
      json.write(raw: ":{\"dtype\":\"\(SafetensorsElementType.name(of: tensor.encoding) ?? "")\",\"shape\":[")
      json.write(raw: tensor.shape.map(String.init).joined(separator: ","))
      json.write(raw: "],\"data_offsets\":[\(begin),\(begin + tensor.byteCount)]}")
      begin += tensor.byteCount
    }
    json.write(raw: "}")
    json.write(raw: String(repeating: " ", count: (8 - json.bytes.count % 8) % 8))
    return json.bytes
  }

  private static func index(
    of files: [PlannedFile], parameterCount: Int?, name: String
  ) throws(FileError) -> SafetensorsPlan.Index {
    var shards: [String: JSONValue] = [:]
    var total = 0
    for file in files {
      for tensor in file.tensors {
        shards[tensor.descriptor.name] = .string(file.name)
        total += tensor.descriptor.byteCount
      }
    }
    var metadata: [String: JSONValue] = ["total_size": .integer(total)]
    if let parameterCount { metadata["total_parameters"] = .integer(parameterCount) }
    do throws(JSONError) {
      let index = JSONValue.object(["metadata": .object(metadata), "weight_map": .object(shards)])
      return SafetensorsPlan.Index(name: name, bytes: try index.serialized())
    } catch {
      throw FileError(.malformed, path: name, error.message)
    }
  }

  private static func sorted(_ members: [String: String]) -> [(key: String, value: String)] {
    members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }
}
