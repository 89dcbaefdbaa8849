internal import Bytes
internal import Tensors

extension Recipe {
  /// What it sets in an output beside the types of its rule, a line each. None of it follows from the model.
  /// - Parameter modelName: the name that the model has itself.
  func settings(besides modelName: String?) -> [String] {
    var lines = metadata.map { "the metadata \(FileError.quoted($0.key)) is \($0.value.shown)" }
    if let name = self.modelName, name != modelName { lines.append("the model is named \(FileError.quoted(name))") }
    if let fileType, fileType != Recipe(rule).fileType {
      lines.append("the metadata \"general.file_type\" is \(fileType)")
    }
    if let preTokenizer { lines.append("text is cut into words as \(FileError.quoted(preTokenizer)) does it") }
    if !prunedLayers.isEmpty {
      lines.append("layers are left out: \(prunedLayers.sorted().map(String.init).joined(separator: ", "))")
    }
    lines += overrides.map { "tensors that match \(FileError.quoted($0.pattern)) are \($0.type.text)" }
    if let outputType { lines.append("the output matrix is \(outputType.text)") }
    if let embeddingType { lines.append("the token embedding is \(embeddingType.text)") }
    if leavesOutput { lines.append("the output matrix stays what it is") }
    if undoesActOrder { lines.append("act-order is undone") }
    if let first = kept.min() {
      lines.append("\(kept.count) tensors stay what they are, such as \(FileError.quoted(first))")
    }
    return lines
  }
}

extension MetadataValue {
  /// A value that can be recorded, on a line: of a long text its beginning and its length.
  fileprivate var shown: String {
    switch self {
    case .uint32(let number): "\(number)"
    case .float32(let number): "\(number)"
    case .bool(let value): "\(value)"
    case .string(let text): "\(FileError.quoted(text)) (\(text.utf8.count) bytes)"
    default: typeName
    }
  }
}
