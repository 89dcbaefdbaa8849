internal import Architectures
public import Bytes
internal import GGUF
internal import JSON
internal import Tensors

extension Checkpoint {
  /// What its model card, or the metadata of a GGUF, says of a key `general.*`.
  private func cardValues() throws(FileError) -> (String) -> MetadataValue? {
    if let metadata { return { metadata[$0] } }
    guard let folder else { return { _ in nil } }
    let entries = try ModelCard.metadata(ofFolder: folder)
    let values = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    return { values[$0] }
  }

  /// Its licence as the card has it, `apache-2.0`; nil where that is not said.
  /// - Throws: `FileError` when the card cannot be read.
  public func licence() throws(FileError) -> String? {
    let value = try cardValues()
    return value("general.license.name")?.string ?? value("general.license")?.string
  }

  /// The models that the card says it was made of, as `organization/name`, or by address or name.
  /// - Throws: `FileError` when the card cannot be read.
  public func baseModels() throws(FileError) -> [String] {
    let value = try cardValues()
    let count = min(max(value("general.base_model.count")?.integer ?? 0, 0), 64)
    return (0..<count).compactMap { number in
      let key = "general.base_model.\(number)."
      return value(key + "repo_url")?.string.map(ModelCard.hubName(ofAddress:)) ?? value(key + "name")?.string
    }
  }

  /// `organization/name`, where it lies in a hub's cache or its configuration says; nil elsewhere.
  /// - Throws: `FileError` when its folder cannot be looked up.
  public func hubName() throws(FileError) -> String? {
    let place = folder ?? path
    let cached =
      Self.hubName(ofCached: try FileSystem.resolved(place) ?? place) ?? Self.hubName(ofCached: place)
    return cached
      ?? config?["_name_or_path"]?.string.flatMap { $0.contains("/") && Self.name(ofRepository: $0) != nil ? $0 : nil }
  }
}
