import Architectures
import Bytes
import Conversion
import Foundation
import GGUF
import Quantization
import Tensors
import TestSupport
import Testing

/// A folder to convert in, and readers of what came out that do not rest on the converter.
struct Workbench {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func path(_ name: String) -> String { folder.file(name) }

  @discardableResult
  func write(_ checkpoint: TinyCheckpoint, as name: String = "model", _ change: (inout [RawTensor]) -> Void = { _ in })
    throws -> String
  {
    try checkpoint.write(to: path(name), change)
  }

  /// Converts, and gives the path of the output.
  @discardableResult
  func convert(
    _ input: String, to output: String, _ recipe: Recipe = Recipe(.keep), maximumFileBytes: Int? = nil,
    replacing: Bool = false, workers: Int = 2
  ) async throws -> String {
    try await convert(
      try Checkpoint(path: input), to: output, recipe, maximumFileBytes: maximumFileBytes, replacing: replacing,
      workers: workers)
  }

  @discardableResult
  func convert(
    _ checkpoint: Checkpoint, to output: String, _ recipe: Recipe = Recipe(.keep), maximumFileBytes: Int? = nil,
    replacing: Bool = false, workers: Int = 2
  ) async throws -> String {
    let destination = Destination(
      path: path(output), maximumFileBytes: maximumFileBytes, replacesExisting: replacing)
    try await Plan(converting: checkpoint, to: destination, recipe: recipe).pour(workers: workers)
    return destination.path
  }

  // MARK: - Looking

  /// Every tensor of a folder of safetensors, or of one such file.
  static func tensors(at path: String) throws -> [String: RawTensor] {
    let isFolder = try FileSystem.isFolder(path)
    let names = isFolder ? try FileSystem.names(inFolder: path).filter { $0.hasSuffix(".safetensors") } : [""]
    var tensors: [String: RawTensor] = [:]
    for name in names {
      let file = try GoldenFile(path: isFolder ? path + "/" + name : path)
      for key in file.keys {
        tensors[key] = RawTensor(
          key, type: file.type(key) ?? "", shape: try file.shape(key), bytes: try file.bytes(key))
      }
    }
    return tensors
  }

  /// The tensors of a GGUF: type, shape and bytes.
  static func ggufTensors(at path: String) throws -> [String: RawTensor] {
    let source = try GGUFSource(path: path)
    var tensors: [String: RawTensor] = [:]
    for tensor in source.tensors {
      tensors[tensor.name] = RawTensor(
        tensor.name, type: tensor.encoding.name, shape: tensor.shape, bytes: try source.bytes(of: tensor.name))
    }
    return tensors
  }

  static func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

  /// Every file of a folder with its bytes.
  static func files(of path: String) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try FileSystem.names(inFolder: path) { files[name] = try bytes(path + "/" + name) }
    return files
  }
}

extension Recipe.Rule {
  /// A rule by the names the command line has.
  static func quantizing(_ name: String, blockSize: Int = 64, doubleQuantized: Bool = false) throws -> Recipe.Rule {
    let type = try TargetType.quantizing(name, blockSize: blockSize, doubleQuantized: doubleQuantized)
    return type.codec?.blocksCrossRows == true ? .linearLayers(type) : .everyMatrix(type)
  }
}

extension TargetType {
  static func quantizing(_ name: String, blockSize: Int = 64, doubleQuantized: Bool = false) throws -> TargetType {
    let entry = try #require(Catalog.entries.first { $0.name == name })
    return TargetType(codec: entry.codec(blockSize: blockSize), isDoubleQuantized: doubleQuantized)
  }
}
