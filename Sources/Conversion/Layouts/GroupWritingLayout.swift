internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// A layout of groups that is written.
protocol GroupWritingLayout: WeightLayout {
  /// Its name on the command line.
  var key: String { get }

  /// The types that it has, the usual one first, each with its usual extent.
  var types: [GroupType] { get }

  /// Whether it has a type, of whatever extent.
  func has(_ type: GroupType) -> Bool

  /// In words, what groups its types can have.
  func groups(of type: GroupType) -> String

  /// The types that may hold groups as they are, the smallest first.
  func types(holding form: GroupForm) -> [GroupType]

  /// The types of about as many bits, the nearest first, for what no type holds as it is.
  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType]

  /// What config.json calls it where it is written: another program's folder of such weights may call it otherwise.
  var writtenMethods: [String] { get }

  /// Whether a matrix is stored with its two innermost dimensions the other way round.
  var storesTransposed: Bool { get }

  /// The name of a stored tensor of a weight.
  func storedName(of name: String, _ ending: String) -> String

  /// Why a weight cannot be stored so; nil where it can.
  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String?

  /// How the library rounds.
  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding

  /// What groups have to be.
  /// - Parameter element: the type of scales, where that is a choice.
  func target(_ type: GroupType, element: Encoding) -> GroupTarget

  /// Whether groups may be other than runs of columns.
  var holdsOrder: Bool { get }

  /// The types that scales may be stored in, where that is a choice.
  var scaleElements: [Encoding] { get }

  /// The stored tensors of a weight, but for their names' beginning.
  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart]

  /// The number that stands for the whole tensor, for the largest magnitude in it.
  func factor(_ rounding: any GroupRounding, magnitude: Float) -> StoredNumbers.Factor

  /// The number for the whole tensor that stands for another spelling's; nil where none does.
  func factor(keeping factor: StoredNumbers.Factor, _ type: GroupType) -> KeptFactor?

  /// What weights share such a number with a weight; nil for a number of its own.
  func sharing(_ name: String, _ type: GroupType) -> String?

  /// Which linear layers and embeddings are quantized where nothing more is said.
  func takes(_ candidate: Recipe.Candidate) -> Bool

  /// What all types of a folder have to have in common, in words: config.json says it once. Empty for nothing.
  func common(_ type: GroupType) -> String

  /// What config.json says of it.
  /// - Parameter own: what it says so far.
  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue]

  /// The key of its section that lists modules that stay as they are; nil where nothing lists them so.
  var listKey: String? { get }

  /// The section of weights that are copied, where some have become plain.
  func leavingOut(
    _ modules: [String], _ tensors: [PlannedTensor], _ section: [String: JSONValue]
  ) -> [String: JSONValue]

  /// Small files that say it too, for programs that look there.
  /// - Parameter section: what config.json says.
  func smallFiles(_ section: [String: JSONValue]) -> [(name: String, content: JSONValue)]

  /// config.json in the words that its readers know, where they pass over others, and what they do otherwise.
  func readable(_ config: [String: JSONValue]) -> (config: [String: JSONValue], notes: [Note])

  /// Whether config.json has to say what codes are, so that a file alone is not enough.
  var needsConfig: Bool { get }

  /// Whether embeddings may be quantized.
  var takesEmbeddings: Bool { get }

  /// Keys of config.json that say how weights are quantized.
  var sectionKeys: [String] { get }
}

/// A stored tensor of a weight of groups.
struct GroupPart {
  enum Content {
    case groups(any GroupPlane)
    case constant([UInt8])
    /// The number that stands for the whole tensor.
    case factor
  }

  /// What follows the module in its name.
  let ending: String
  let encoding: Encoding
  let shape: [Int]
  let content: Content
}

extension GroupWritingLayout {
  var scaleElements: [Encoding] { [] }
  func common(_ type: GroupType) -> String { "" }
  func smallFiles(_ section: [String: JSONValue]) -> [(name: String, content: JSONValue)] { [] }
  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] {
    // What is only copied stays as its section says, but for what is no longer among it.
    guard tensors.mainType(of: self) == nil, let own else { return section(tensors, own: own) }
    return leavingOut(FullPrecisionModules.names(in: tensors), tensors, own)
  }
  func leavingOut(
    _ modules: [String], _ tensors: [PlannedTensor], _ section: [String: JSONValue]
  ) -> [String: JSONValue] {
    guard let listKey else { return section }
    let known = (section[listKey]?.array ?? []).compactMap(\.string)
    let added = modules.filter { !known.contains($0) }
    return section.merging([listKey: .array((known + added).map(JSONValue.string))]) { $1 }
  }
  func readable(_ config: [String: JSONValue]) -> (config: [String: JSONValue], notes: [Note]) { (config, []) }
  var storesTransposed: Bool { false }
  var writtenMethods: [String] { methods }
  var holdsOrder: Bool { false }
  var needsConfig: Bool { true }
  var takesEmbeddings: Bool { false }
  var listKey: String? { nil }
  func storedName(of name: String, _ ending: String) -> String {
    String(name.dropLast(".weight".count)) + ending
  }
  func factor(_ rounding: any GroupRounding, magnitude: Float) -> StoredNumbers.Factor { .none }
  func factor(keeping factor: StoredNumbers.Factor, _ type: GroupType) -> KeptFactor? { factor.absent }
  func sharing(_ name: String, _ type: GroupType) -> String? { nil }
  var sectionKeys: [String] { ["quantization_config"] }

  func takes(_ candidate: Recipe.Candidate) -> Bool { candidate.isUsualLinear }

  /// Why no layout could hold it.
  func commonUnfitness(_ type: GroupType, name: String, shape: [Int]) -> String? {
    guard name.hasSuffix(".weight") else { return "only what is called .weight can be \(type.name) of \(key)" }
    guard shape.count == 2, let columns = shape.last, columns > 0, shape[0] > 0 else {
      return "it is no matrix"
    }
    if TensorRole.isEmbedding(name), !takesEmbeddings { return "\(key) does not quantize embeddings" }
    guard columns <= 1 << 18 else { return "rows of \(columns) are longer than \(1 << 18)" }
    let group = type.extent.columns
    guard type.extent.rows != 1 || group == 0 || columns % group == 0 else {
      let fitting = [128, 64, 32, 16].first {
        $0 < group && columns % $0 == 0
          && has(
            GroupType(layout: key, name: type.name, extent: GroupExtent(columns: $0), isSymmetric: type.isSymmetric))
      }
      return "rows of \(columns) do not divide into groups of \(group)"
        + (fitting.map { " (they do into groups of \($0))" } ?? "")
    }
    return nil
  }
}
