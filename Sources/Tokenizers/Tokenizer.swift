/// Turns text into token ids and back. Made from the vocabulary in a GGUF file, or from a Hugging Face folder by
/// `TokenizerFolder`.
///
/// The result for a text depends on nothing but the text and the options, and the time for it grows no faster than
/// n log n, whatever the text.
public struct Tokenizer: Sendable {
  let index: VocabularyIndex
  let model: any TextModel
  let normalizer: TextNormalizer
  /// Added tokens that are looked for in text as it is.
  let matcher: AddedTokenMatcher
  /// Those that are looked for after the normalizer; nil where there are none.
  let normalizedMatcher: AddedTokenMatcher?
  /// Whether decoded text loses one leading space, which encoding put there.
  let removesLeadingSpace: Bool
  /// Put before and after a text when special tokens are added.
  let prefixIDs: [Int32]
  let suffixIDs: [Int32]

  init(
    index: VocabularyIndex, model: any TextModel, normalizer: TextNormalizer, added: [AddedToken],
    removesLeadingSpace: Bool, prefixIDs: [Int32], suffixIDs: [Int32], bosID: Int32?, eosIDs: [Int32],
    unknownID: Int32?
  ) {
    self.index = index
    self.model = model
    self.normalizer = normalizer
    matcher = AddedTokenMatcher(added.filter { !$0.isNormalized })
    let normalized = added.filter(\.isNormalized).map { token in
      var token = token
      token.content = normalizer.normalized(token.content)
      return token
    }
    normalizedMatcher = normalized.isEmpty ? nil : AddedTokenMatcher(normalized)
    self.removesLeadingSpace = removesLeadingSpace
    self.prefixIDs = prefixIDs
    self.suffixIDs = suffixIDs
    self.bosID = bosID
    self.eosIDs = eosIDs
    self.unknownID = unknownID
  }

  /// The token that begins a text.
  public let bosID: Int32?
  /// Every token that ends a text or a turn; the principal one first.
  public let eosIDs: [Int32]
  /// The token for what the vocabulary does not cover.
  public let unknownID: Int32?

  /// Number of tokens, unused ones included: ids are below it.
  public var vocabularySize: Int { index.tokens.count }

  /// Whether `encode` with `addSpecial` puts the beginning-of-text token in front.
  public var addsBOS: Bool { bosID.map(prefixIDs.contains) ?? false }

  /// The ids of a text.
  /// - Parameters:
  ///   - addSpecial: whether the tokens that this vocabulary wants around a text, such as the one for its beginning,
  ///     are put there.
  ///   - parseSpecial: whether the text of a control token, such as `<|im_end|>`, becomes that token. Tokens that a
  ///     user added to the vocabulary are found in either case.
  public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
    encode(valid: Array(text.utf8), addSpecial: addSpecial, parseSpecial: parseSpecial)
  }

  /// The ids of a text in UTF-8. Bytes that are not UTF-8 count as U+FFFD.
  public func encode(utf8 text: [UInt8], addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
    encode(valid: Array(String(decoding: text, as: UTF8.self).utf8), addSpecial: addSpecial, parseSpecial: parseSpecial)
  }

  private func encode(valid text: [UInt8], addSpecial: Bool, parseSpecial: Bool) -> [Int32] {
    var ids: [Int32] = addSpecial ? prefixIDs : []
    ids.reserveCapacity(text.count / 3)
    var workspace = Workspace()
    matcher.parts(of: text, includingSpecial: parseSpecial) { part in
      switch part {
      case .text(let range): append(text, range, parseSpecial: parseSpecial, &workspace, to: &ids)
      case .token(let id): ids.append(id)
      }
    }
    if addSpecial { ids += suffixIDs }
    return ids
  }

  /// A stretch of text without the tokens that are looked for in it as it is.
  private func append(
    _ text: [UInt8], _ range: Range<Int>, parseSpecial: Bool, _ workspace: inout Workspace, to ids: inout [Int32]
  ) {
    let isFirst = range.lowerBound == 0
    let normalized = normalizer.normalized(text, range)
    guard let normalizedMatcher else {
      if let normalized {
        return model.encode(normalized, 0..<normalized.count, isFirst: isFirst, &workspace, into: &ids)
      }
      return model.encode(text, range, isFirst: isFirst, &workspace, into: &ids)
    }
    // What lies beyond the stretch is not a neighbour of a word in it.
    let stretch = normalized ?? Array(text[range])
    normalizedMatcher.parts(of: stretch, includingSpecial: parseSpecial) { part in
      switch part {
      case .text(let range):
        model.encode(stretch, range, isFirst: isFirst && range.lowerBound == 0, &workspace, into: &ids)
      case .token(let id): ids.append(id)
      }
    }
  }

  /// The text of a sequence of ids. Bytes that make no valid UTF-8, such as half a character, and ids outside the
  /// vocabulary read as U+FFFD.
  /// - Parameter skipSpecial: whether control tokens are left out.
  public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) -> String {
    String(decoding: bytes(of: ids, skipSpecial: skipSpecial), as: UTF8.self)
  }

  /// The bytes of a sequence of ids, which may end inside a character.
  public func bytes(of ids: some Sequence<Int32>, skipSpecial: Bool = true) -> [UInt8] {
    var bytes: [UInt8] = []
    for id in ids { append(id, skipSpecial: skipSpecial, to: &bytes) }
    if removesLeadingSpace, bytes.first == UInt8(ascii: " ") { bytes.removeFirst() }
    return bytes
  }

  /// The bytes of one token where it stands inside of a text, with the space before it; of a control token its name.
  public func bytes(of id: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    append(id, skipSpecial: false, to: &bytes)
    return bytes
  }

  private func append(_ id: Int32, skipSpecial: Bool, to bytes: inout [UInt8]) {
    guard id >= 0, Int(id) < vocabularySize else {
      bytes += "\u{FFFD}".utf8
      return
    }
    let type = index.types[Int(id)]
    if type == .control {
      if !skipSpecial { bytes += index.tokens[Int(id)].utf8 }
    } else if !(skipSpecial && type == .unknown) {
      model.decode(index.tokens[Int(id)], type, into: &bytes)
    }
  }

  /// A token as the vocabulary spells it; nil outside the vocabulary.
  public func token(_ id: Int32) -> String? {
    id >= 0 && Int(id) < vocabularySize ? index.tokens[Int(id)] : nil
  }

  /// What a token is for; nil outside the vocabulary.
  public func type(of id: Int32) -> TokenType? {
    id >= 0 && Int(id) < vocabularySize ? index.types[Int(id)] : nil
  }

  /// The id of a token as the vocabulary spells it.
  public func id(of token: String) -> Int32? { index.id(of: token) }
}
