/// A regular expression that names modules, in PEFT's `rank_pattern` and `alpha_pattern`: the common part of Python's
/// syntax.
///
/// It comes from a file, so that a match must not take longer than the length of the name times the size of the pattern:
/// all ways through the pattern are followed at once (Thompson's construction), and none is ever tried again.
struct ModulePattern: Sendable {
  private let steps: [Step]

  /// Most steps that a pattern may have, repetitions written out.
  static let mostSteps = 1000

  fileprivate enum Step {
    case character(CharacterSet)
    case either(Int, Int)
    case jump(Int)
    case start
    case end
    case match
  }

  /// - Throws: `PatternError` for what is no regular expression, or is one of a kind that is not supported.
  init(_ text: String) throws(PatternError) {
    var parser = PatternParser(text)
    let expression = try parser.parse()
    var writer = StepWriter()
    try writer.write(expression)
    try writer.append(.match)
    steps = writer.steps
  }

  /// PEFT's rule (`get_pattern_key`): the pattern matches the whole path of a module, or the end of it after a period.
  func matches(_ module: String) -> Bool {
    let scalars = Array(module.unicodeScalars)
    var reached = Reached(count: steps.count)
    for (place, scalar) in scalars.enumerated() {
      if place == 0 || scalars[place - 1] == "." { add(0, at: place, of: scalars.count, to: &reached) }
      var next = Reached(count: steps.count)
      for step in reached.list {
        if case .character(let set) = steps[step], set.contains(scalar) {
          add(step + 1, at: place + 1, of: scalars.count, to: &next)
        }
      }
      reached = next
    }
    if scalars.last ?? "." == "." { add(0, at: scalars.count, of: scalars.count, to: &reached) }
    return reached.list.contains { if case .match = steps[$0] { true } else { false } }
  }

  /// Steps that some way has come to.
  private struct Reached {
    var list: [Int] = []
    var isThere: [Bool]

    init(count: Int) { isThere = Array(repeating: false, count: count) }
  }

  /// Adds a step and all that follow it without a character.
  private func add(_ step: Int, at place: Int, of count: Int, to reached: inout Reached) {
    var open = [step]
    while let step = open.popLast() {
      guard !reached.isThere[step] else { continue }
      reached.isThere[step] = true
      switch steps[step] {
      case .either(let one, let other): open += [other, one]
      case .jump(let target): open.append(target)
      case .start: if place == 0 { open.append(step + 1) }
      case .end: if place == count { open.append(step + 1) }
      case .character, .match: reached.list.append(step)
      }
    }
  }
}

/// Why a text is no pattern, as the end of a sentence.
struct PatternError: Error {
  let message: String
}

// MARK: - Parts of a pattern

private indirect enum Expression {
  case character(CharacterSet)
  case sequence([Expression])
  case choice([Expression])
  case repeated(Expression, least: Int, most: Int?)
  case start
  case end
}

private struct CharacterSet {
  var ranges: [ClosedRange<Unicode.Scalar>]
  var isNegated = false

  func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar) } != isNegated }

  static let digits = CharacterSet(ranges: ["0"..."9"])
  static let word = CharacterSet(ranges: ["0"..."9", "A"..."Z", "_"..."_", "a"..."z"])
  static let space = CharacterSet(ranges: ["\t"..."\r", " "..." "])
  static let any = CharacterSet(ranges: ["\n"..."\n"], isNegated: true)

  /// The set that a letter after a backslash stands for; nil where there is none.
  static func named(_ letter: Unicode.Scalar) -> CharacterSet? {
    switch letter {
    case "d": digits
    case "w": word
    case "s": space
    case "D": CharacterSet(ranges: digits.ranges, isNegated: true)
    case "W": CharacterSet(ranges: word.ranges, isNegated: true)
    case "S": CharacterSet(ranges: space.ranges, isNegated: true)
    default: nil
    }
  }
}

// MARK: - Steps

private struct StepWriter {
  var steps: [ModulePattern.Step] = []

  mutating func append(_ step: ModulePattern.Step) throws(PatternError) {
    guard steps.count < ModulePattern.mostSteps else { throw PatternError(message: "repeats too much") }
    steps.append(step)
  }

  mutating func write(_ expression: Expression) throws(PatternError) {
    switch expression {
    case .character(let set): try append(.character(set))
    case .start: try append(.start)
    case .end: try append(.end)
    case .sequence(let parts): for part in parts { try write(part) }
    case .choice(let parts): try write(choice: parts[...])
    case .repeated(let part, let least, let most):
      for _ in 0..<least {
        let before = steps.count
        try write(part)
        // An empty part adds no step, so that the limit would not end this.
        if steps.count == before { break }
      }
      guard let most else {
        let fork = steps.count
        try append(.jump(0))
        try write(part)
        try append(.jump(fork))
        steps[fork] = .either(fork + 1, steps.count)
        return
      }
      var forks: [Int] = []
      for _ in least..<max(least, most) {
        forks.append(steps.count)
        try append(.jump(0))
        try write(part)
      }
      for fork in forks { steps[fork] = .either(fork + 1, steps.count) }
    }
  }

  private mutating func write(choice parts: ArraySlice<Expression>) throws(PatternError) {
    var exits: [Int] = []
    for part in parts.dropLast() {
      let fork = steps.count
      try append(.jump(0))
      try write(part)
      exits.append(steps.count)
      try append(.jump(0))
      steps[fork] = .either(fork + 1, steps.count)
    }
    if let last = parts.last { try write(last) }
    for exit in exits { steps[exit] = .jump(steps.count) }
  }
}

// MARK: - Parsing

private struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var place = 0
  private var depth = 0

  private static let mostDepth = 50

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  private var current: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard current == scalar else { return false }
    place += 1
    return true
  }

  mutating func parse() throws(PatternError) -> Expression {
    let expression = try parseChoice()
    guard current == nil else { throw PatternError(message: "has a parenthesis too many") }
    return expression
  }

  private mutating func parseChoice() throws(PatternError) -> Expression {
    var parts = [try parseSequence()]
    while take("|") { parts.append(try parseSequence()) }
    return .choice(parts)
  }

  private mutating func parseSequence() throws(PatternError) -> Expression {
    var parts: [Expression] = []
    while let scalar = current, scalar != "|", scalar != ")" { parts.append(try parseRepeated()) }
    return .sequence(parts)
  }

  private mutating func parseRepeated() throws(PatternError) -> Expression {
    let isAnchor = current == "^" || current == "$"
    let part = try parseAtom()
    guard let (least, most) = try parseCount() else { return part }
    guard !isAnchor else { throw PatternError(message: "repeats an anchor") }
    // As few as possible or as many makes no difference to whether all is matched.
    _ = take("?")
    let hasSecondCount = try parseCount() != nil
    if current == "+" || hasSecondCount { throw PatternError(message: "repeats a repetition") }
    return .repeated(part, least: least, most: most)
  }

  /// How often the part before is repeated; nil where nothing is said.
  private mutating func parseCount() throws(PatternError) -> (least: Int, most: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = place
    guard take("{") else { return nil }
    let least = try parseNumber()
    let hasComma = take(",")
    let most = hasComma ? try parseNumber() : least
    // As in Python, a brace that begins no count is itself.
    guard hasComma || least != nil, take("}") else {
      place = start
      return nil
    }
    if let least, let most, most < least { throw PatternError(message: "has a count that ends before it begins") }
    return (least ?? 0, most)
  }

  private mutating func parseNumber() throws(PatternError) -> Int? {
    var number: Int?
    while let scalar = current, ("0"..."9").contains(scalar) {
      number = (number ?? 0) * 10 + Int(scalar.value - 48)
      guard number ?? 0 <= ModulePattern.mostSteps else { throw PatternError(message: "repeats too much") }
      place += 1
    }
    return number
  }

  private mutating func parseAtom() throws(PatternError) -> Expression {
    guard let scalar = current else { throw PatternError(message: "ends too early") }
    place += 1
    switch scalar {
    case "^": return .start
    case "$": return .end
    case ".": return .character(.any)
    case "(": return try parseGroup()
    case "[": return .character(try parseSet())
    case "\\": return .character(try parseEscape())
    case "*", "+", "?": throw PatternError(message: "repeats nothing")
    default: return .character(CharacterSet(ranges: [scalar...scalar]))
    }
  }

  private mutating func parseGroup() throws(PatternError) -> Expression {
    if take("?"), !take(":") { throw PatternError(message: "has a kind of group that is not supported") }
    depth += 1
    guard depth <= Self.mostDepth else { throw PatternError(message: "nests too deeply") }
    let expression = try parseChoice()
    guard take(")") else { throw PatternError(message: "lacks a closing parenthesis") }
    depth -= 1
    return expression
  }

  /// After a backslash: a set, or a character that is no letter and no digit.
  private mutating func parseEscape() throws(PatternError) -> CharacterSet {
    guard let scalar = current else { throw PatternError(message: "ends with a backslash") }
    place += 1
    if let set = CharacterSet.named(scalar) { return set }
    guard !CharacterSet.word.contains(scalar) || scalar == "_" else {
      throw PatternError(message: "has an escape that is not supported")
    }
    return CharacterSet(ranges: [scalar...scalar])
  }

  /// After an opening bracket.
  private mutating func parseSet() throws(PatternError) -> CharacterSet {
    var set = CharacterSet(ranges: [])
    set.isNegated = take("^")
    var isFirst = true
    while let scalar = current, isFirst || scalar != "]" {
      isFirst = false
      place += 1
      var part = CharacterSet(ranges: [scalar...scalar])
      if scalar == "\\" { part = try parseEscape() }
      guard !part.isNegated else { throw PatternError(message: "has an escape in brackets that is not supported") }
      if let low = part.ranges.first?.lowerBound, part.ranges.count == 1, low == part.ranges[0].upperBound,
        current == "-", place + 1 < scalars.count, scalars[place + 1] != "]"
      {
        place += 1
        guard let high = current, high != "\\", low <= high else {
          throw PatternError(message: "has a range in brackets that is none")
        }
        place += 1
        part.ranges = [low...high]
      }
      set.ranges += part.ranges
    }
    guard take("]") else { throw PatternError(message: "lacks a closing bracket") }
    return set
  }
}
