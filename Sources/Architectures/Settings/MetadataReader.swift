internal import Bytes
internal import Tensors

/// Takes checked values out of GGUF metadata, under the keys of one architecture; errors name the file and the key.
struct MetadataReader: SettingReader {
  let value: (String) -> MetadataValue?
  let architecture: String
  let path: String
  /// The stored tensors, by name.
  var tensors: [TensorDescriptor] = []
  /// The values of one of them, for the few that belong to the hyperparameters.
  var values: (String) throws(FileError) -> [Float]? = { _ in nil }

  private func found(_ name: String) -> MetadataValue? { value(subject(name)) }

  func names(of row: Hyperparameter) -> (names: [String], fallback: Hyperparameter.Default) {
    isLeftToRope(row) ? ([], .none) : (row.gguf.map { [$0] } ?? [], row.ggufDefault)
  }

  /// What is wrong with RoPE is told when it is needed, by its own reader. The width of what is turned is of more use only
  /// where no other key says how wide heads are.
  private func isLeftToRope(_ row: Hyperparameter) -> Bool {
    switch row.key {
    case .ropeTheta: true
    case .rotaryDimension:
      has("attention.key_length") && row.gguf.map { !(1...1 << 31).contains(integer($0) ?? 0) } == true
    default: false
    }
  }

  /// Some converters write 0 for nothing of the kind.
  var zeroIsNone: Bool { true }
  func has(_ name: String) -> Bool { found(name) != nil }
  func isNull(_ name: String) -> Bool { false }
  func subject(_ name: String) -> String { "\(architecture).\(name)" }
  func integer(_ name: String) -> Int? { found(name)?.integer }
  func double(_ name: String) -> Double? { found(name)?.float.map(Double.init) }
  func flagValue(_ name: String) -> Bool? { found(name)?.bool }
  func string(_ name: String) -> String? { found(name)?.string }
  func integers(_ name: String) -> [Int]? { found(name)?.integers }
  func flags(_ name: String) -> [Bool]? { found(name)?.bools ?? found(name)?.integers?.map { $0 != 0 } }
  func strings(_ name: String) -> [String]? { found(name)?.strings }

  func hasTensor(_ name: String) -> Bool { tensors.contains { $0.name == name } }
}
