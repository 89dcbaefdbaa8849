/// The keys of `rank_pattern` or `alpha_pattern`, with their values. PEFT's rule (`get_pattern_key`): each is a regular
/// expression that a module's path must end with, whole names only; the first that matches counts.
///
/// Such keys come from files. Most are names, of which there may be one for every module, so that they are looked up; of
/// expressions those are taken that `BoundedExpression` knows.
struct ModulePatterns {
  /// Most keys of one configuration that are more than names.
  static let mostExpressions = 64
  /// Most shapes of names: a module is looked up once for each. Names of a model's modules have some dozens.
  static let mostShapes = 1024
  /// Longest name of a module that an expression is held against.
  private static let longestModule = 256

  /// What names have in common that are looked up together.
  struct Shape: Hashable {
    let length: Int
    /// Where the periods are, which stand for any character.
    let periods: [Int]

    init(_ name: [UInt8]) {
      length = name.count
      periods = name.indices.filter { name[$0] == UInt8(ascii: ".") }
    }
  }

  private let values: [Double]
  /// By shape, the place of each name in the configuration.
  private var names: [Shape: [[UInt8]: Int]] = [:]
  private var expressions: [(place: Int, expression: BoundedExpression)] = []

  /// - Parameter pattern: keys that are not refused, in their order.
  init(_ pattern: [(module: String, value: Double)]) {
    values = pattern.map(\.value)
    for (place, (module, _)) in pattern.enumerated() {
      if !Self.isPlain(module), let expression = try? BoundedExpression(module) {
        expressions.append((place, expression))
      } else {
        let name = Array(module.utf8)
        let shape = Shape(name)
        if names[shape]?[name] == nil { names[shape, default: [:]][name] = place }
      }
    }
  }

  /// The value of the first key that matches a module; nil where none does.
  func value(of module: String) -> Double? {
    let bytes = Array(module.utf8)
    var first: Int?
    if bytes.count <= Self.longestModule {
      first = expressions.first { $0.expression.matchesEnd(of: module) { $0 == "." } }?.place
    }
    for (shape, places) in names {
      let start = bytes.count - shape.length
      guard start >= 0, start == 0 || bytes[start - 1] == UInt8(ascii: ".") else { continue }
      var end = Array(bytes[start...])
      for period in shape.periods { end[period] = UInt8(ascii: ".") }
      if let place = places[end] { first = min(place, first ?? place) }
    }
    return first.map { values[$0] }
  }

  /// Whether a text is a name, and no expression.
  static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
      default: false
      }
    }
  }

  /// Why a text is not a pattern here, as the end of a sentence; nil for one that is.
  static func refusal(of text: String) -> String? {
    if isPlain(text) { return nil }
    do throws(BoundedExpression.Refusal) {
      _ = try BoundedExpression(text)
      return nil
    } catch {
      return error.reason
    }
  }
}
