import Bytes
import Foundation
import GGUF
import Tensors
import TestSupport

/// An adapter as a GGUF, to be spoilt by tests.
struct RawAdapterGGUF {
  var metadata: [(key: String, value: MetadataValue)] = [
    ("general.architecture", .string("llama")), ("general.type", .string("adapter")),
    ("adapter.type", .string("lora")), ("adapter.lora.alpha", .float32(4)),
  ]
  var tensors: [RawTensor]

  static let module = "blk.0.ffn_up.weight"

  /// For a `TinyCheckpoint`: the factors of `TinyAdapter`.
  init() {
    tensors = TinyAdapter().tensors.enumerated().map { number, tensor in
      RawTensor(
        Self.module + (number == 0 ? ".lora_a" : ".lora_b"), type: tensor.type, shape: tensor.shape, bytes: tensor.bytes
      )
    }
  }

  init(_ change: (inout RawAdapterGGUF) -> Void) {
    self.init()
    change(&self)
  }

  mutating func set(_ key: String, _ value: MetadataValue?) {
    metadata.removeAll { $0.key == key }
    if let value { metadata.append((key, value)) }
  }

  func write(to path: String) throws {
    var entries = GGUFMetadata()
    for (key, value) in metadata { entries[key] = value }
    let descriptors = try tensors.map { try TensorDescriptor(name: $0.name, encoding: .f32, shape: $0.shape) }
    let file = try GGUFWriter.plan(
      metadata: entries, tensors: descriptors, name: FileSystem.lastComponent(path))[0]
    var bytes = file.header + [UInt8](repeating: 0, count: file.byteCount - file.header.count)
    for (tensor, place) in zip(tensors, file.tensors) {
      bytes.replaceSubrange(place.offset..<place.offset + tensor.bytes.count, with: tensor.bytes)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }
}
