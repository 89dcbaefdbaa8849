package import JSON

/// What is said of stored tensors elsewhere than in config.json.
package struct BesideConfig {
  /// `__metadata__` of the files that hold them.
  package var fileMetadata: [String: String]
  /// The small files of the folder without which a layout cannot be read (`WeightLayout.ownFile`), by their names.
  package var files: [String: JSONValue]
  /// The shape that the model has for a tensor of that name; nil where it has none, or is not known.
  package var shape: (String) -> [Int]?

  package init(
    fileMetadata: [String: String] = [:], files: [String: JSONValue] = [:],
    shape: @escaping (String) -> [Int]? = { _ in nil }
  ) {
    self.fileMetadata = fileMetadata
    self.files = files
    self.shape = shape
  }
}
