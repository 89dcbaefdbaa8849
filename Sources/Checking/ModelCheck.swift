internal import Architectures
public import Bytes
public import Conversion
internal import GGUF
internal import JSON
internal import Tensors
internal import Tokenizers

/// Everything that can be found wrong with a model without running it.
public struct ModelCheck: Sendable {
  public let path: String
  /// What the path holds; nil where it breaks the rules of its container.
  public let inspection: Inspection?
  private var findings = Findings()
  private var vocabulary: GGUFVocabulary?

  /// The worst first.
  public var all: [Finding] {
    Finding.Severity.allCases.flatMap { severity in findings.all.filter { $0.severity == severity } }
  }

  public func count(of severity: Finding.Severity) -> Int { findings.all.count { $0.severity == severity } }

  /// Checks structure, tensors, values, vocabulary and chat template.
  /// - Parameter onProgress: is told how many of how many steps are done.
  /// - Throws: `FileError` when the path cannot be read, or holds nothing that is read here.
  public init(
    of path: String, workers: Workers, onProgress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws(FileError) {
    self.path = path
    guard try FileSystem.exists(path) else { throw FileError(.missing, path: path, "no such file or folder") }
    do throws(FileError) {
      inspection = try Inspection(path: path)
    } catch {
      // What breaks a rule is found; what is not known here cannot be said anything of.
      guard error.code == .malformed || error.code == .truncated || error.code == .mismatch || error.rule != nil else {
        throw error
      }
      inspection = nil
      findings.add(.error, .structure, error)
      return
    }
    guard let inspection else { return }
    for note in inspection.remarks { findings.add(note.rule == nil ? .note : .warning, .structure, note) }
    if let obstacle = inspection.obstacle {
      findings.add(obstacle.code == .unsupported ? .note : .error, .structure, obstacle)
    }
    try checkTensors()
    try await checkValues(workers, onProgress)
    try checkTokenizer()
    try inspection.source.requireUnchanged()
  }

  // MARK: - Tensors

  private mutating func checkTensors() throws(FileError) {
    guard let checkpoint = inspection?.checkpoint else { return }
    _ = try findings.attempt(.error, .tensors) { () throws(FileError) in try checkpoint.checkTensors() }
    guard let model = checkpoint.model else {
      return findings.add(
        .note, .tensors, "the family of the model is not known, so that its tensors are not held against it")
    }
    let path = path
    _ = try findings.attempt(.error, .tensors) { () throws(FileError) in try model.forwardPass(path: path) }
    let strangers = checkpoint.tensors.map(\.name).filter { model.usualName(of: $0) == nil && !model.isForeign($0) }
    if !strangers.isEmpty {
      findings.add(.warning, .tensors, "no tensor of \(model.className), which has no use for it", of: strangers)
    }
  }

  private mutating func checkValues(
    _ workers: Workers, _ onProgress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws(FileError) {
    guard let inspection else { return }
    let weights =
      inspection.checkpoint?.weights ?? inspection.source.tensors.map { PlainTensor($0, in: inspection.source) }
    let scans = try await ValueScan.all(of: weights, workers: workers, onProgress: onProgress)
    var (broken, zeros, unread) = ([String](), [String](), [String]())
    var (nans, infinities) = (0, 0)
    for (weight, scan) in zip(weights, scans) {
      guard let scan else {
        unread.append(weight.name)
        continue
      }
      if scan.nanCount + scan.infiniteCount > 0 {
        broken.append(weight.name)
        nans += scan.nanCount
        infinities += scan.infiniteCount
      } else if scan.isZero, weight.shape.count > 1, weight.elementCount > 0 {
        zeros.append(weight.name)
      }
    }
    if !broken.isEmpty {
      findings.add(
        .error, .values, "holds values that are NaN (\(nans) in all) or infinite (\(infinities)), or a scale that is",
        of: broken)
    }
    if !zeros.isEmpty {
      findings.add(.warning, .values, "every value is zero, as where a file was not written to its end", of: zeros)
    }
    if !unread.isEmpty {
      findings.add(
        .note, .values, "is of a type that is not decoded here, so that its values are not checked", of: unread)
    }
  }

  // MARK: - Tokenizer

  private mutating func checkTokenizer() throws(FileError) {
    guard let checkpoint = inspection?.checkpoint else { return }
    checkConfiguredIDs(checkpoint)
    let found = try findings.attempt(.error, .tokenizer) { () throws(FileError) in
      try ModelTokenizer.vocabulary(of: checkpoint)
    }
    guard let found else { return }
    guard let vocabulary = found else {
      return findings.add(.note, .tokenizer, "the model has no tokenizer")
    }
    self.vocabulary = vocabulary
    let isGGUF = checkpoint.metadata != nil
    VocabularyCheck(vocabulary: vocabulary, rows: checkpoint.model?.vocabularySize, isGGUF: isGGUF).add(to: &findings)
    _ = try findings.attempt(.error, .tokenizer) { () throws(FileError) in try ModelTokenizer.load(of: checkpoint) }
    if let template = vocabulary.chatTemplate {
      TemplateCheck(template: template, vocabulary: vocabulary).add(to: &findings)
    } else {
      findings.add(.note, .template, "there is no chat template; of a model that chats it is missing")
    }
  }

  /// Ids in config.json that the model has no row for.
  private mutating func checkConfiguredIDs(_ checkpoint: Checkpoint) {
    guard let rows = checkpoint.model?.vocabularySize, checkpoint.metadata == nil else { return }
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
      let value = checkpoint.config?[key] ?? .null
      for id in (value.array ?? [value]).compactMap(\.int) where id >= rows {
        findings.add(
          .warning, .tokenizer, "\(key) in config.json is \(id), but the model has \(rows) rows of embedding")
      }
    }
  }

  // MARK: - The original

  /// Checks the model against the one that it was made from.
  /// - Parameters:
  ///   - text: what both tokenizers read, in UTF-8.
  ///   - onProgress: is told how many of how many steps are done.
  /// - Throws: `FileError` when one of both cannot be read.
  public mutating func compare(
    with original: Inspection, reading text: [UInt8], workers: Workers,
    onProgress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws {
    guard let inspection else {
      return findings.add(.note, .original, "not compared with \(original.path), as the structure is broken")
    }
    try compareConfigurations(inspection, original)
    try compareTokenizers(inspection, original, text)
    do {
      let differences = try await ModelDifferences(original, inspection, workers: workers, onProgress: onProgress)
      let isReordered = inspection.checkpoint?.hasReorderedNeurons != original.checkpoint?.hasReorderedNeurons
      let reordered = isReordered ? inspection.checkpoint?.tensorsOfNeurons ?? [] : []
      add(differences.tensors, sameCount: differences.sameTensorCount, reordered: reordered)
    } catch let error as FileError where error.code == .unsupported || error.code == .malformed {
      findings.add(.note, .original, error)
    }
  }

  private mutating func compareConfigurations(_ own: Inspection, _ original: Inspection) throws(FileError) {
    guard let model = own.checkpoint?.model, let before = original.checkpoint?.model else {
      return findings.add(.note, .original, "the configurations are not compared, as the family of one is not known")
    }
    let differences = try findings.attempt(.warning, .original) { () throws(FileError) in
      KeyDifference.all(
        in: "configuration", try before.metadata(path: original.path), try model.metadata(path: own.path))
    }
    for difference in differences ?? [] {
      func shown(_ value: MetadataValue?) -> String { value.map(Self.short) ?? "not said" }
      findings.add(
        .error, .original,
        "\(difference.key) is \(shown(difference.after)), and \(shown(difference.before)) in the original")
    }
  }

  private static func short(_ value: MetadataValue) -> String {
    if let integer = value.integer { return "\(integer)" }
    if let float = value.float { return "\(float)" }
    if let bool = value.bool { return "\(bool)" }
    return value.string.map { FileError.quoted($0) } ?? "another list"
  }

  private mutating func compareTokenizers(
    _ own: Inspection, _ original: Inspection, _ text: [UInt8]
  ) throws(FileError) {
    guard let checkpoint = own.checkpoint, let before = original.checkpoint else { return }
    let read = try findings.attempt(.error, .original) { () throws(FileError) in
      try ModelTokenizer.vocabulary(of: before)
    }
    guard let read, let known = read else { return }
    guard let vocabulary else {
      return findings.add(.error, .original, "the original has a tokenizer, and this has none that can be read")
    }
    let differences = TokenizerDifferences(known, vocabulary)
    if let first = differences.vocabulary.first {
      let shown = differences.vocabulary.dropFirst().first { $0.before != nil } ?? first
      findings.add(
        .error, .original,
        "the vocabularies differ in \(differences.vocabulary.map(\.key).filter { !$0.contains("[") }.joined(separator: ", ")), such as "
          + "\(shown.key): \(shown.after.map(Self.short) ?? "none") here, \(shown.before.map(Self.short) ?? "none") in the original"
      )
    }
    for role in differences.roles {
      findings.add(
        .warning, .original,
        "\(role.key) is \(role.after.map(Self.list) ?? "not said"), and \(role.before.map(Self.list) ?? "not said") in the original"
      )
    }
    let lost = known.allEndIDs.filter { !vocabulary.allEndIDs.contains($0) }
    if !lost.isEmpty {
      findings.add(
        .error, .original,
        "tokens that end a text in the original do not end one here: "
          + lost.map { "\($0) (\(FileError.quoted(known.tokens[Int($0)])))" }.joined(separator: ", "))
    }
    compareTemplates(known, vocabulary)
    try compareTokens(checkpoint, before, text + Array((known.chatTemplate ?? "").utf8))
  }

  private static func list(_ value: MetadataValue) -> String {
    value.integers.map { "\($0)" } ?? short(value)
  }

  private mutating func compareTemplates(_ known: GGUFVocabulary, _ vocabulary: GGUFVocabulary) {
    switch (known.chatTemplate, vocabulary.chatTemplate) {
    case (let before?, let after?):
      if before.utf8.elementsEqual(after.utf8) { return }
      let line = zip(Self.lines(before), Self.lines(after)).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      findings.add(
        .warning, .original,
        "the chat template is another one" + (line.map { ", from line \($0 + 1) on" } ?? " at its end")
          + "; what they make of a chat was not compared, since no template is rendered here")
    case (.some, nil): findings.add(.error, .original, "the original has a chat template, and this has none")
    case (nil, .some): findings.add(.note, .original, "there is a chat template, and the original has none")
    case (nil, nil): break
    }
  }

  private static func lines(_ text: String) -> [[UInt8]] {
    text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
  }

  private mutating func compareTokens(_ own: Checkpoint, _ original: Checkpoint, _ text: [UInt8]) throws(FileError) {
    let tokenizers = try findings.attempt(.error, .original) { () throws(FileError) in
      (try ModelTokenizer.load(of: original), try ModelTokenizer.load(of: own))
    }
    guard let (before, after) = tokenizers else { return }
    for special in [false, true] {
      let one = before.encode(utf8: text, parseSpecial: special)
      let other = after.encode(utf8: text, parseSpecial: special)
      guard one != other else { continue }
      let place =
        zip(one, other).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(one.count, other.count)
      func shown(_ ids: [Int32], _ tokenizer: Tokenizer) -> String {
        guard ids.indices.contains(place) else { return "the end" }
        return "\(ids[place]) (\(tokenizer.token(ids[place]).map { FileError.quoted($0) } ?? "no token"))"
      }
      return findings.add(
        .error, .original,
        "the same text is read as other tokens" + (special ? " where control tokens are looked for" : "")
          + ": number \(place) is \(shown(other, after)) here, \(shown(one, before)) in the original, after "
          + FileError.quoted(before.decode(one[..<place].suffix(8), skipSpecial: false)))
    }
  }

  // MARK: - Tensors of the original

  /// What values may be off by, as a relative RMS, before it is told: more than every encoder of so many bits loses.
  private static func usualError(bits: Double) -> Double {
    switch bits {
    case 16...: 0.01
    case 7...: 0.06
    case 4...: 0.2
    case 3...: 0.35
    default: 0.8
    }
  }

  /// Values that point elsewhere are those of another tensor, or in another order.
  private static let leastCosine = 0.5

  /// - Parameter reordered: tensors whose rows or columns are those of neurons in another order.
  private mutating func add(_ differences: [TensorDifference], sameCount: Int, reordered: Set<String>) {
    func names(_ isMeant: (TensorDifference.Kind) -> Bool) -> [String] {
      differences.filter { isMeant($0.kind) }.map(\.name)
    }
    for (kind, severity, cause) in [
      (TensorDifference.Kind.removed, Finding.Severity.error, "is in the original, and is missing here"),
      (.added, .warning, "is not in the original"), (.shape, .error, "has another shape than in the original"),
      (.undecodable, .note, "has other bytes than in the original, of a type that is not decoded here"),
    ] {
      let meant = names { $0 == kind }
      if !meant.isEmpty { findings.add(severity, .original, cause, of: meant) }
    }
    let bits = bitsByName
    var (others, far, worst) = ([String](), [String](), (name: "", error: 0.0))
    for difference in differences {
      guard case .values(let error) = difference.kind else { continue }
      if !(error.cosine >= Self.leastCosine) {
        others.append(difference.name)
      } else if error.relativeRMS > Self.usualError(bits: bits[difference.name] ?? 0) {
        far.append(difference.name)
      }
      if error.relativeRMS > worst.error, !reordered.contains(difference.name) {
        worst = (difference.name, error.relativeRMS)
      }
    }
    let moved = others.filter(reordered.contains)
    if !moved.isEmpty {
      findings.add(
        .note, .original,
        "cannot be held against the original one by one: the neurons of its network are in another order (act-order was undone)",
        of: moved)
    }
    others.removeAll(where: reordered.contains)
    if !others.isEmpty {
      findings.add(
        .error, .original,
        "has hardly anything of the original's values: another tensor, another order of its rows, or values that are no numbers",
        of: others)
    }
    if !far.isEmpty {
      findings.add(.warning, .original, "is further from the original than its number of bits explains", of: far)
    }
    let compared = differences.count { if case .values = $0.kind { true } else { false } }
    findings.add(
      .note, .original,
      "\(sameCount) tensors are those of the original" + (compared > 0 ? ", \(compared) have other values" : "")
        + (worst.error > 0
          ? "; the most different is \(worst.name), by \(Self.percent(worst.error)) (relative RMS)" : ""))
  }

  private static func percent(_ share: Double) -> String {
    let tenths = Int((min(share, 1000) * 1000).rounded())
    return tenths == 0 ? "less than 0.1 %" : "\(tenths / 10).\(tenths % 10) %"
  }

  /// Bits that a weight of this model is stored in, by its own name and by that of the Hugging Face form.
  private var bitsByName: [String: Double] {
    guard let checkpoint = inspection?.checkpoint else { return [:] }
    func bits(_ weight: any StoredWeight) -> Double {
      Double(weight.byteCount) * 8 / Double(max(weight.elementCount, 1))
    }
    var result = Dictionary(checkpoint.weights.map { ($0.name, bits($0)) }, uniquingKeysWith: { first, _ in first })
    for tensor in checkpoint.tensors {
      guard let source = tensor.derivation.sources.first, let weight = try? checkpoint.inputs.tensor(source) else {
        continue
      }
      result[tensor.name] = bits(weight)
    }
    return result
  }
}
