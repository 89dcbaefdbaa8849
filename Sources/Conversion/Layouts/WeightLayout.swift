internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// One way to spell quantized weights as several stored tensors: how they are read, and how they are written. Each is a
/// file, and a line in `WeightLayouts`.
protocol WeightLayout: Sendable {
  /// What the spelling is called in `quantization_config`, and in messages.
  var name: String { get }

  /// The `quant_method`s of config.json that tell of such weights.
  var methods: [String] { get }

  /// Keys of its section that are read, or say nothing of what weights are; nil where it holds them against a list itself.
  var settings: Set<String>? { get }

  /// Endings of stored names that belong to a weight of this layout, and what such a weight cannot be without.
  var parts: [(ending: String, whole: String)] { get }

  /// The weights that are spelled so.
  /// - Parameter config: config.json, where there is one.
  /// - Throws: `FileError` where the parts of a weight do not fit each other.
  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight]

  /// The same of a layout that config.json does not tell enough.
  func weights(
    in source: any TensorSource, config: JSONValue?, beside: BesideConfig
  ) throws(FileError) -> [FoundWeight]

  /// The small file of a folder, other than config.json, without which its weights are not read.
  var ownFile: String? { get }

  /// `__metadata__` of an output's files.
  /// - Parameter own: what the files of the source say.
  func fileMetadata(of tensors: [PlannedTensor], own: [String: String]) -> [String: String]

  /// Whether it gives weights of that type.
  func writes(_ type: TargetType) -> Bool

  /// What a weight becomes that is encoded with `type`; nil where this layout does not write it.
  func form(
    of output: PlannedOutput, as type: TargetType, in destination: Destination
  ) throws(FileError) -> WeightForm?

  /// `quantization_config` of an output's config.json.
  /// - Parameters:
  ///   - tensors: all of the output.
  ///   - elementType: of most of what is not quantized, as torch calls it; nil where there is nothing.
  ///   - own: what config.json says so far.
  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue]

  /// What a person should know of weights that are spelled so in a folder.
  func notes(on tensors: [PlannedTensor]) -> [Note]

  /// Who opens a folder of such weights; types of several readers in one folder are opened by none.
  func reader(of type: TargetType?) -> String

  /// Whether llama.cpp knows such weights in a GGUF.
  var isKnownInGGUF: Bool { get }

  /// What a GGUF says of weights that are spelled so in it.
  func metadata(of type: TargetType?) -> [(key: String, value: MetadataValue)]
}

extension WeightLayout {
  var methods: [String] { [name] }
  var settings: Set<String>? { nil }
  var parts: [(ending: String, whole: String)] { [] }
  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] { [] }
  func weights(
    in source: any TensorSource, config: JSONValue?, beside: BesideConfig
  ) throws(FileError) -> [FoundWeight] { try weights(in: source, config: config) }
  var ownFile: String? { nil }
  func fileMetadata(of tensors: [PlannedTensor], own: [String: String]) -> [String: String] { own }
  func writes(_ type: TargetType) -> Bool { false }
  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] { own ?? ["quant_method": .string(name)] }
  func form(
    of output: PlannedOutput, as type: TargetType, in destination: Destination
  ) throws(FileError) -> WeightForm? { nil }
  func notes(on tensors: [PlannedTensor]) -> [Note] { [] }
  func reader(of type: TargetType?) -> String { name }
  var isKnownInGGUF: Bool { false }
  func metadata(of type: TargetType?) -> [(key: String, value: MetadataValue)] { [] }
}

/// A weight that a layout has found.
struct FoundWeight {
  /// The stored tensor at whose place it is listed.
  let place: String
  let weight: any LaidOutWeight
  /// Whether it is stored with its two innermost dimensions the other way round than the model has them.
  var isTransposed = false
}

/// The layout and the type of a weight of several stored tensors. A class, since a plan has one a weight.
final class Spelling: Sendable {
  let layout: any WeightLayout
  /// Nil for a spelling that is only copied.
  let type: TargetType?

  init(layout: any WeightLayout, type: TargetType?) {
    self.layout = layout
    self.type = type
  }
}

/// What a weight becomes in an output.
struct WeightForm {
  let action: PlannedTensor.Action
  let planes: [PlannedPlane]
  let typeName: String
  /// The rows that are poured.
  let rows: DerivedTensor
  var spelling: Spelling?
}
