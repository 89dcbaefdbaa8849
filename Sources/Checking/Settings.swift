internal import Bytes
internal import Conversion
internal import GGUF
internal import JSON
internal import Tensors

/// What the files of a model say beside the weights, as keys with values.
enum Settings {
  typealias Entries = [(key: String, value: MetadataValue)]

  /// The small documents of a Hugging Face folder that are compared key by key.
  static let documents = [
    "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json",
  ]

  /// Of `tokenizer.json`, what a vocabulary is told by.
  private static let vocabularyKeys: Set<String> = ["model.vocab", "model.merges"]

  /// A document of a folder; none where there is none.
  /// - Throws: `FileError` when it is not JSON.
  static func entries(ofDocument name: String, in folder: String) throws(FileError) -> Entries {
    let path = FileSystem.join(folder, name)
    guard try FileSystem.hasFile(path) else { return [] }
    let bytes = try InputFile.document(of: path)
    do throws(JSONError) {
      var entries: Entries = []
      add(try JSONValue(parsing: bytes), "", to: &entries)
      return entries
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
  }

  /// The metadata of a GGUF, or the `__metadata__` of safetensors.
  static func entries(of inspection: Inspection) -> Entries {
    inspection.metadata?.entries.map { ($0.key, $0.value) }
      ?? inspection.fileMetadata.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }
  }

  /// Members of members have their names with points between; lists of what is not itself a list or an object are one value.
  private static func add(_ value: JSONValue, _ key: String, to entries: inout Entries) {
    guard !vocabularyKeys.contains(key) else { return }
    switch value {
    case .object(let members):
      for (name, member) in members.sorted(by: { $0.key < $1.key }) {
        add(member, key.isEmpty ? name : "\(key).\(name)", to: &entries)
      }
    case .array(let values) where values.contains(where: { $0.object != nil || $0.array != nil }):
      for (number, element) in values.enumerated() { add(element, "\(key)[\(number)]", to: &entries) }
    case .string(let text): entries.append((key, .string(text)))
    case .integer(let number): entries.append((key, .int64(Int64(number))))
    case .number(let number): entries.append((key, .float64(number)))
    case .bool(let flag): entries.append((key, .bool(flag)))
    case .null, .array:
      let text = (try? value.serialized(pretty: false)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      entries.append((key, .string(text)))
    }
  }
}
