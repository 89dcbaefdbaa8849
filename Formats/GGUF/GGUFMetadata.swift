public import Tensors

/// The metadata of a file: values under unique keys, in the order of the file.
public struct GGUFMetadata: Sendable {
  /// A key and its value.
  public struct Entry: Hashable, Sendable {
    public let key: String
    public fileprivate(set) var value: MetadataValue

    public init(key: String, value: MetadataValue) {
      self.key = key
      self.value = value
    }
  }

  /// In the order of the file.
  public private(set) var entries: [Entry] = []
  /// What errors call the place these come from: a path.
  public let name: String
  private var positions: [String: Int] = [:]

  /// Metadata without entries.
  public init(name: String = "metadata") {
    self.name = name
  }

  /// The value under `key`. Setting replaces it in its place, or appends it; setting nil removes it.
  public subscript(key: String) -> MetadataValue? {
    get { positions[key].map { entries[$0].value } }
    set {
      switch (positions[key], newValue) {
      case (let position?, let value?): entries[position].value = value
      case (nil, let value?):
        positions[key] = entries.count
        entries.append(Entry(key: key, value: value))
      case (let position?, nil):
        entries.remove(at: position)
        positions[key] = nil
        for index in entries.indices.dropFirst(position) { positions[entries[index].key] = index }
      case (nil, nil): break
      }
    }
  }

  /// Removes all entries for which `shouldRemove` holds.
  public mutating func removeAll(where shouldRemove: (Entry) -> Bool) {
    entries.removeAll(where: shouldRemove)
    positions = [:]
    for (index, entry) in entries.enumerated() { positions[entry.key] = index }
  }
}
