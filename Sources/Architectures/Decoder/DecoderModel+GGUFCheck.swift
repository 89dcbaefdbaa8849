internal import Bytes
internal import Tensors

extension DecoderModel {
  /// Reads the model back from what a GGUF would say of it, and compares: a GGUF whose runtime would compute something
  /// else is refused before it is written.
  /// - Throws: `FileError` naming what a GGUF of the architecture has no words for.
  func checkGGUF(path: String) throws(FileError) {
    guard family.ggufArchitecture != nil else { throw hasNoArchitecture(path) }
    try checkGGUFHead(path: path)
    let rope = try family.ggufRope(self, path: path)
    var entries: [String: MetadataValue] = [:]
    for (key, value) in try metadata(path: path) { entries[key] = value }
    var tensors: [TensorDescriptor] = []
    do throws(ShapeError) {
      for (name, shape) in table.ggufSample(tiesHead: tiesHead) {
        tensors.append(try TensorDescriptor(name: name, encoding: .f32, shape: shape))
      }
      for tensor in rope?.tensors ?? [] {
        tensors.append(try TensorDescriptor(name: tensor.name, encoding: .f32, shape: [tensor.values.count]))
      }
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
    let (known, factors) = (
      entries, Dictionary(uniqueKeysWithValues: (rope?.tensors ?? []).map { ($0.name, $0.values) })
    )
    let read = try family.model(fromMetadata: { known[$0] }, tensors: tensors, values: { factors[$0] }, path: path)
    guard let back = read as? DecoderModel, back.completed(by: self) == nil else { return }
    if let (key, own, other) = differingSetting(from: back) {
      throw FileError(
        .unsupported, path: path, subject: key,
        "is \(own), but a GGUF of the architecture \(ggufArchitecture) has no words for it: llama.cpp would compute with "
          + "\(other); keep such a model in safetensors")
    }
    let difference = family.comparable(decoder).difference(from: family.comparable(back.decoder))
    throw FileError(
      .unsupported, path: path, subject: difference,
      "a GGUF of the architecture \(ggufArchitecture) has no words for it, so that llama.cpp would compute something else; "
        + "keep such a model in safetensors")
  }

  /// A setting of config.json with its value and the one that a GGUF stands for, where a single one of them differs.
  private func differingSetting(from other: DecoderModel) -> (key: String, own: String, other: String)? {
    let found = family.hyperparameters.compactMap { row -> (key: String, own: String, other: String)? in
      guard let name = row.config.first, let own = values[row.key], let value = other.values[row.key], own != value,
        own.summary != value.summary
      else { return nil }
      return (name, own.summary, value.summary)
    }
    return found.count == 1 ? found[0] : nil
  }

  func checkGGUFHead(path: String) throws(FileError) {
    let difference: String
    switch family.ggufHead {
    case .own where tiesHead:
      difference = "llama.cpp wants a head of its own in a GGUF of the architecture, and this model has none"
    case .embedding where hasHead && !tiesHead:
      difference =
        "llama.cpp takes the embedding for the head in a GGUF of the architecture, and this model has a head of its own"
    default: return
    }
    throw FileError(
      .unsupported, path: path, subject: "tie_word_embeddings",
      "\(difference) (\(ggufArchitecture)); keep such a model in safetensors")
  }

  func hasNoArchitecture(_ path: String) -> FileError {
    FileError(
      .unsupported, path: path, subject: "architectures",
      "\(className) has no architecture in GGUF, so that no runtime could open it; keep it in safetensors")
  }
}

extension Decoder {
  /// The first thing in which another decoder differs, as a path: `attention.window`.
  fileprivate func difference(from other: Decoder) -> String {
    func walk(_ one: Any, _ other: Any, _ path: [String]) -> [String]? {
      let (own, others) = (Mirror(reflecting: one), Mirror(reflecting: other))
      if own.children.isEmpty || own.children.count != others.children.count {
        return "\(one)" == "\(other)" ? nil : path
      }
      for (child, second) in zip(own.children, others.children) {
        let label = child.label.flatMap { $0.hasPrefix(".") || $0 == "some" ? nil : $0 }
        if let found = walk(child.value, second.value, path + [label].compactMap(\.self)) { return found }
      }
      return nil
    }
    for (layer, (kind, second)) in zip(kindOfLayer, other.kindOfLayer).enumerated() {
      guard let path = walk(layerKinds[kind], other.layerKinds[second], []) else { continue }
      return (["layer \(layer)"] + path).joined(separator: ".")
    }
    var (own, others) = (self, other)
    (own.layerKinds, own.kindOfLayer, others.layerKinds, others.kindOfLayer) = ([], [], [], [])
    return walk(own, others, [])?.joined(separator: ".") ?? "the configuration"
  }
}

extension TensorTable {
  /// Names and shapes in a GGUF of the tensors outside of layers, and of those of one layer of each kind.
  fileprivate func ggufSample(tiesHead: Bool) -> [(name: String, shape: [Int])] {
    ggufTensors.filter { !(tiesHead && $0.name == GGUFNames.head) }
  }
}
