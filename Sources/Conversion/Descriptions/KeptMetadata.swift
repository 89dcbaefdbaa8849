internal import Bytes
internal import GGUF
internal import JSON
internal import Tensors

/// `decant.json` of a folder that was made from a GGUF: the keys of the GGUF that the other files have no words for, so
/// that a GGUF made of the folder has them again. Other programs need not know of it.
///
/// Under `gguf` are the keys; under `card` what the folder's card said of them in other words. A card that says something
/// else by now was edited, and counts.
enum KeptMetadata {
  static let name = "decant.json"
  private static let longest = 1 << 20

  /// Keys about the file rather than the model, and those that are made anew.
  private static let others: Set<String> = [
    "general.architecture", "general.type", "general.file_type", "general.quantization_version", "general.alignment",
  ]

  private static let preTokenizer = "tokenizer.ggml.pre"

  /// - Parameter card: the card that goes into the folder, which says some of it.
  /// - Returns: nil where there is nothing to keep.
  static func file(of metadata: GGUFMetadata, card: [UInt8]?) -> JSONValue? {
    let said = Dictionary(
      ModelCard.metadata(of: card ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    var kept: [String: JSONValue] = [:]
    var otherwise: [String: JSONValue] = [:]
    for entry in metadata.entries {
      let isGeneral = entry.key.hasPrefix("general.") && !others.contains(entry.key)
      guard isGeneral || entry.key == preTokenizer, said[entry.key] != entry.value else { continue }
      kept[entry.key] = json(entry.value)
      otherwise[entry.key] = said[entry.key].flatMap(json)
    }
    guard !kept.isEmpty else { return nil }
    return .object(["gguf": .object(kept), "card": .object(otherwise)])
  }

  /// The keys for a GGUF made of a folder: those of its card, and those that were kept of an earlier one.
  /// - Throws: `FileError` for a `decant.json` that is not a JSON object with keys of those kinds.
  static func metadata(of folder: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    var entries = try ModelCard.metadata(ofFolder: folder)
    let path = FileSystem.join(folder, name)
    guard try FileSystem.hasFile(path) else { return entries }
    let bytes = try InputFile.contents(of: path, limit: longest)
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue(parsing: bytes)
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
    let places = Dictionary(entries.indices.map { (entries[$0].key, $0) }, uniquingKeysWith: { first, _ in first })
    for (key, stored) in (document["gguf"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard key.hasPrefix("general.") && !others.contains(key) || key == preTokenizer, let value = value(stored) else {
        throw FileError(
          .malformed, path: path, subject: key,
          "is not a key of a model's description with a value of its type; remove it, or the whole file")
      }
      if let place = places[key] {
        if document["card"]?[key].flatMap(Self.value) == entries[place].value { entries[place].value = value }
      } else {
        entries.append((key, value))
      }
    }
    return entries
  }

  /// Texts as they are, numbers under the name of their type, so that they get it back.
  private static func json(_ value: MetadataValue) -> JSONValue? {
    switch value {
    case .string(let text): .string(text)
    case .strings(let texts): .array(texts.map { .string($0) })
    case .bool(let flag): .bool(flag)
    case .float32(let number): number.isFinite ? ["f32": .number(Double(number))] : nil
    case .float64(let number): number.isFinite ? ["f64": .number(number)] : nil
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64:
      value.integer.map { [value.typeName: .integer($0)] }
    default: nil
    }
  }

  private static func value(_ stored: JSONValue) -> MetadataValue? {
    switch stored {
    case .string(let text): return .string(text)
    case .bool(let flag): return .bool(flag)
    case .array(let values):
      let texts = values.compactMap(\.string)
      return texts.count == values.count ? .strings(texts) : nil
    case .object(let members):
      guard members.count == 1, let (type, number) = members.first else { return nil }
      return switch type {
      case "f32": number.double.map { .float32(Float($0)) }
      case "f64": number.double.map { .float64($0) }
      case "u8": number.int.flatMap { UInt8(exactly: $0) }.map { .uint8($0) }
      case "i8": number.int.flatMap { Int8(exactly: $0) }.map { .int8($0) }
      case "u16": number.int.flatMap { UInt16(exactly: $0) }.map { .uint16($0) }
      case "i16": number.int.flatMap { Int16(exactly: $0) }.map { .int16($0) }
      case "u32": number.int.flatMap { UInt32(exactly: $0) }.map { .uint32($0) }
      case "i32": number.int.flatMap { Int32(exactly: $0) }.map { .int32($0) }
      case "u64": number.int.flatMap { UInt64(exactly: $0) }.map { .uint64($0) }
      case "i64": number.int.map { .int64(Int64($0)) }
      default: nil
      }
    default: return nil
    }
  }
}
