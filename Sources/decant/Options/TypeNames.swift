internal import Conversion
internal import Quantization
internal import Tensors

/// The names of types on the command line.
enum TypeNames {
  /// Element types that weights may be converted to.
  static let elements = ["f32", "f16", "bf16"]

  /// Every type that can be written, element types first.
  static var all: [String] {
    Catalog.entries.filter { isOffered($0) }.map(\.name)
  }

  /// Every name that --type takes: types, then mixes that no type is named like.
  static var allRules: [String] {
    all + NamedMix.all.filter { all.contains($0.type) && !all.contains($0.name) }.map(\.name)
  }

  /// Every name that --type takes with some layout or without one.
  static var completed: [String] {
    let names = allRules + LayoutNames.all.flatMap { GroupRequest(layout: $0).typeNames } + MLXMix.all.map(\.name)
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  private static func isOffered(_ entry: Catalog.Entry) -> Bool {
    guard entry.canEncode else { return false }
    return entry.takesBlockSize || elements.contains(entry.name) || (entry.encoding?.elementsPerBlock ?? 0) > 1
  }

  static func element(named name: String) -> TargetType? {
    elements.contains(name) ? Catalog.codec(named: name).map { TargetType(codec: $0) } : nil
  }

  /// nil where there is no such type, or no such block size of it.
  static func type(named name: String, blockSize: Int, isDoubleQuantized: Bool) -> TargetType? {
    guard let entry = Catalog.entries.first(where: { $0.name == name.lowercased() }), isOffered(entry) else {
      return nil
    }
    guard entry.takesBlockSize else { return TargetType(codec: entry.codec()) }
    guard BlockwiseCodec.blockSizes.contains(blockSize) else { return nil }
    return TargetType(codec: entry.codec(blockSize: blockSize), isDoubleQuantized: isDoubleQuantized)
  }

  /// The layouts that have a type of that name.
  private static func layouts(having name: String) -> [String] {
    LayoutNames.all.filter { (try? GroupRequest(layout: $0).type(named: name)) != nil }
  }

  /// Why there is no such type.
  static func refusal(of name: String, blockSize: Int) -> String {
    if all.contains(name.lowercased()) {
      let sizes = BlockwiseCodec.blockSizes.map(String.init).joined(separator: ", ")
      return "--block-size \(blockSize): the block sizes are \(sizes)."
    }
    if ["iq1_", "iq2_", "iq3_"].contains(where: { name.lowercased().hasPrefix($0) }) {
      return
        "\(name) is read here, but not yet written; of types of so few bits q2_k and q3_k_s are, and int2 and int3 of "
        + "\(layouts(having: "int2").joined(separator: ", "))."
    }
    let layouts = layouts(having: name.lowercased())
    if !layouts.isEmpty {
      return "\(name) is a type of layouts; say which with --layout: \(layouts.joined(separator: ", "))."
    }
    return "There is no type \(name)" + Spelling.question(about: name, in: allRules)
      + (Spelling.nearest(to: name, in: allRules) == nil ? "; the" : " The")
      + " types are \(allRules.joined(separator: ", "))."
  }
}
