/// A regular expression that comes from a file: one of a small grammar, whose matching cannot be made to take ages.
///
/// Nothing is tried and taken back: every part takes the set of places where it may begin to the set of those where it
/// may end, so that the time is at most the length of the expression times that of the text.
///
/// The grammar: ASCII characters, `.`, `\d`, `\w`, `\.`, `\-`, `\_`, classes of these, `^`, `$`, `|`, groups, and `*`,
/// `+`, `?`, `{m,n}` after what is not a group. All mean what they do elsewhere.
struct BoundedExpression: Sendable {
  /// Most bytes of an expression.
  static let longest = 256

  /// Why a text is none, as the end of a sentence.
  struct Refusal: Error {
    let reason: String
  }

  fileprivate indirect enum Part: Sendable {
    case start
    case end
    /// One scalar of a set, from `least` to `most` times; nil for any number.
    case scalar(ScalarSet, least: Int, most: Int?)
    /// One of several sequences.
    case group([[Part]])
  }

  let text: String
  private let choices: [[Part]]

  /// - Throws: `Refusal` for what is outside of the grammar.
  init(_ text: String) throws(Refusal) {
    guard text.utf8.count <= Self.longest else { throw Refusal(reason: "is longer than \(Self.longest) bytes") }
    self.text = text
    var parser = Parser(text)
    choices = try parser.choices()
    guard parser.isAtEnd else { throw Refusal(reason: "closes a group that it does not open") }
  }

  /// Whether it matches a part of a text.
  func isFound(in text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    return Self.ends(of: choices, from: Array(repeating: true, count: scalars.count + 1), in: scalars).contains(true)
  }

  /// Whether it matches a text from its beginning on.
  func matchesStart(of text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    let starts = [true] + Array(repeating: false, count: scalars.count)
    return Self.ends(of: choices, from: starts, in: scalars).contains(true)
  }

  /// Whether it matches a text from some place on to the end.
  /// - Parameter isStart: whether a match may begin after that scalar.
  func matchesEnd(of text: String, after isStart: (Unicode.Scalar) -> Bool) -> Bool {
    let scalars = Array(text.unicodeScalars)
    return Self.ends(of: choices, from: [true] + scalars.map(isStart), in: scalars).last ?? false
  }

  // MARK: - Matching

  /// The places, as flags, where one of some sequences ends that begins at one of the places `starts`.
  private static func ends(of choices: [[Part]], from starts: [Bool], in text: [Unicode.Scalar]) -> [Bool] {
    var ends = Array(repeating: false, count: starts.count)
    for sequence in choices {
      var places = starts
      for part in sequence {
        advance(&places, over: part, in: text)
        guard places.contains(true) else { break }
      }
      for place in places.indices where places[place] { ends[place] = true }
    }
    return ends
  }

  private static func advance(_ places: inout [Bool], over part: Part, in text: [Unicode.Scalar]) {
    switch part {
    case .start:
      for place in places.indices.dropFirst() { places[place] = false }
    case .end:
      for place in places.indices.dropLast() { places[place] = false }
    case .group(let choices):
      places = ends(of: choices, from: places, in: text)
    case .scalar(let set, 1, 1):
      // By far the most frequent, in place.
      for place in text.indices.reversed() { places[place + 1] = places[place] && set.contains(text[place]) }
      places[0] = false
    case .scalar(let set, let least, let most):
      let starts = places
      // Scalars of the set before a place without a gap, and how many more may follow what has begun.
      var (run, more) = (0, 0)
      for place in places.indices {
        run = place > 0 && set.contains(text[place - 1]) ? run + 1 : 0
        if run >= least, starts[place - least] {
          more = most.map { $0 - least } ?? .max
          places[place] = true
        } else {
          places[place] = run > 0 && more > 0
          more = places[place] ? more - 1 : 0
        }
      }
    }
  }
}

/// Some ASCII characters, the digits or the word characters of all scripts, or everything but these.
private struct ScalarSet {
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  private var hasDigits = false
  private var hasWords = false
  private var isNegated = false

  /// Everything but the end of a line.
  static let any: ScalarSet = {
    var set = ScalarSet()
    set.insert(UInt8(ascii: "\n"))
    set.negate()
    return set
  }()

  mutating func insert(_ byte: UInt8) {
    if byte < 64 { low |= 1 << byte } else { high |= 1 << (byte - 64) }
  }

  mutating func insert(_ range: ClosedRange<UInt8>) {
    for byte in range { insert(byte) }
  }

  mutating func insertDigits() {
    hasDigits = true
    insert(UInt8(ascii: "0")...UInt8(ascii: "9"))
  }

  mutating func insertWords() {
    hasWords = true
    insert(UInt8(ascii: "0")...UInt8(ascii: "9"))
    insert(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    insert(UInt8(ascii: "a")...UInt8(ascii: "z"))
    insert(UInt8(ascii: "_"))
  }

  mutating func negate() { isNegated = true }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let isListed =
      switch scalar.value {
      case ..<64: low >> UInt64(scalar.value) & 1 == 1
      case ..<128: high >> UInt64(scalar.value - 64) & 1 == 1
      default:
        (hasDigits || hasWords) && scalar.properties.generalCategory == .decimalNumber
          || hasWords && scalar.properties.isAlphabetic
      }
    return isListed != isNegated
  }
}

/// Reads an expression from left to right.
private struct Parser {
  typealias Part = BoundedExpression.Part
  typealias Refusal = BoundedExpression.Refusal

  private let bytes: [UInt8]
  private var place = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { place == bytes.count }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func skip(_ text: String) -> Bool {
    guard bytes[place...].starts(with: text.utf8) else { return false }
    place += text.utf8.count
    return true
  }

  /// Sequences between bars, up to a closing parenthesis or the end.
  mutating func choices() throws(Refusal) -> [[Part]] {
    var choices: [[Part]] = []
    repeat {
      var sequence: [Part] = []
      while let next, next != UInt8(ascii: "|"), next != UInt8(ascii: ")") { sequence.append(try part()) }
      choices.append(sequence)
    } while skip("|")
    return choices
  }

  private mutating func part() throws(Refusal) -> Part {
    if skip("^") { return try unrepeated(.start) }
    if skip("$") { return try unrepeated(.end) }
    if skip("(") {
      guard skip("?:") || next != UInt8(ascii: "?") else {
        throw Refusal(reason: "has settings, which are not supported")
      }
      let choices = try choices()
      guard skip(")") else { throw Refusal(reason: "does not close a group") }
      return try unrepeated(.group(choices))
    }
    return try repeated(try set())
  }

  private func unrepeated(_ part: Part) throws(Refusal) -> Part {
    guard let next, "*+?{".utf8.contains(next) else { return part }
    throw Refusal(reason: "repeats a group, which is not supported")
  }

  private mutating func repeated(_ set: ScalarSet) throws(Refusal) -> Part {
    let part: Part
    if skip("*") {
      part = .scalar(set, least: 0, most: nil)
    } else if skip("+") {
      part = .scalar(set, least: 1, most: nil)
    } else if skip("?") {
      part = .scalar(set, least: 0, most: 1)
    } else if skip("{") {
      let least = try number()
      let most = skip(",") ? (next == UInt8(ascii: "}") ? nil : try number()) : least
      guard skip("}"), most ?? least >= least else { throw Refusal(reason: "has a repetition that is none") }
      part = .scalar(set, least: least, most: most)
    } else {
      return .scalar(set, least: 1, most: 1)
    }
    if let next, "*+?{".utf8.contains(next) { throw Refusal(reason: "repeats a repetition, which is not supported") }
    return part
  }

  /// Of one or two digits.
  private mutating func number() throws(Refusal) -> Int {
    let digits = bytes[place...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard digits.count <= 2, let number = Int(String(decoding: digits, as: UTF8.self)) else {
      throw Refusal(reason: "has a repetition that is not a number below 100")
    }
    place += digits.count
    return number
  }

  /// What stands for one scalar.
  private mutating func set() throws(Refusal) -> ScalarSet {
    if skip(".") { return .any }
    if skip("[") { return try characterClass() }
    var set = ScalarSet()
    if try escape(into: &set) { return set }
    guard let byte = next, (0x21...0x7E).contains(byte), !"*+?{}]#".utf8.contains(byte) else {
      throw Refusal(reason: "has \(shown) where that is not supported")
    }
    place += 1
    set.insert(byte)
    return set
  }

  private mutating func characterClass() throws(Refusal) -> ScalarSet {
    var set = ScalarSet()
    let isNegated = skip("^")
    repeat {
      if try escape(into: &set) { continue }
      let first = try member()
      if bytes[place...].starts(with: "-]".utf8) {
        set.insert(first)
        set.insert(UInt8(ascii: "-"))
        place += 1
      } else if skip("-") {
        let last = try member()
        guard first <= last else { throw Refusal(reason: "has a range whose end is before its start") }
        set.insert(first...last)
      } else {
        set.insert(first)
      }
    } while !skip("]")
    if isNegated { set.negate() }
    return set
  }

  /// A character of a class that means itself.
  private mutating func member() throws(Refusal) -> UInt8 {
    guard let byte = next, (0x21...0x7E).contains(byte), !"[]\\^-&~#".utf8.contains(byte) else {
      throw Refusal(reason: "has \(shown) in a class of characters, where that is not supported")
    }
    place += 1
    return byte
  }

  /// Adds what an escape stands for, and says whether there was an escape here.
  private mutating func escape(into set: inout ScalarSet) throws(Refusal) -> Bool {
    guard skip("\\") else { return false }
    switch next {
    case UInt8(ascii: "d"): set.insertDigits()
    case UInt8(ascii: "w"): set.insertWords()
    case let byte? where ".-_".utf8.contains(byte): set.insert(byte)
    default: throw Refusal(reason: "has an escape other than \\d, \\w, \\., \\- and \\_")
    }
    place += 1
    return true
  }

  private var shown: String {
    next.map { (0x21...0x7E).contains($0) ? "\"\(Character(Unicode.Scalar($0)))\"" : "a space or no ASCII character" }
      ?? "its end"
  }
}
