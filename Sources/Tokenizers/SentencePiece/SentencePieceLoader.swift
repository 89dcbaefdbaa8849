internal import Bytes
internal import SwiftProtobuf

/// Makes a tokenizer and a GGUF vocabulary of a SentencePiece `tokenizer.model` and the settings beside it.
struct SentencePieceLoader {
  let path: String
  let settings: FolderSettings
  let vocabularySize: Int?

  func load(_ bytes: [UInt8]) throws(FileError) -> LoadedTokenizer {
    let file = try Self.parse(bytes, path: path)
    guard file.trainer.algorithm == .bpe else {
      throw FileError(
        .unsupported, path: path, subject: "trainer_spec.model_type",
        "the model is \(Self.name(file.trainer.algorithm)); BPE is supported")
    }
    guard !file.trainer.treatsWhitespaceAsSuffix else {
      throw FileError(
        .unsupported, path: path, subject: "trainer_spec.treat_whitespace_as_suffix",
        "spaces after words are not supported")
    }
    guard file.normalizer.precompiledCharacterMap.isEmpty else {
      throw FileError(
        .unsupported, path: path, subject: "normalizer_spec.precompiled_charsmap",
        "text is normalized by a table of \(file.normalizer.precompiledCharacterMap.count) bytes; only models without "
          + "one are supported")
    }
    guard file.normalizer.escapesWhitespaces else {
      throw FileError(
        .unsupported, path: path, subject: "normalizer_spec.escape_whitespaces",
        "spaces that stay spaces are not supported")
    }

    var table = VocabularyTable(
      count: file.pieces.count + settings.addedTokens.count, vocabularySize: vocabularySize, path: path)
    for (id, piece) in file.pieces.enumerated() {
      let type = Self.type(piece)
      try table.set(
        id, type == .userDefined ? Self.unescaped(piece.piece) : piece.piece, type, subject: "piece \(id)")
    }
    for token in settings.addedTokens {
      // The model file knows its own tokens best.
      if Int(token.id) < file.pieces.count {
        if Self.type(file.pieces[Int(token.id)]) == .normal {
          table.setType(Int(token.id), token.isSpecial ? .control : .userDefined)
        }
      } else {
        try table.set(
          Int(token.id), token.content, token.isSpecial ? .control : .userDefined, subject: "added_tokens_decoder")
      }
    }
    let (tokens, types) = try table.filled(to: vocabularySize)

    var roles = TokenRoles(settings, VocabularyIndex(tokens: tokens, types: types))
    func id(_ id: Int32) -> Int32? { id >= 0 && Int(id) < file.pieces.count ? id : nil }
    roles.bosID = roles.bosID ?? id(file.trainer.beginID)
    roles.eosID = roles.eosID ?? id(file.trainer.endID)
    roles.unknownID = roles.unknownID ?? id(file.trainer.unknownID)
    roles.paddingID = roles.paddingID ?? id(file.trainer.paddingID)
    if roles.endIDs.isEmpty { roles.endIDs = [roles.eosID].compactMap(\.self) }

    var vocabulary = GGUFVocabulary(model: "llama", pre: "default", tokens: tokens)
    vocabulary.tokenTypes = types.map(\.rawValue)
    vocabulary.scores =
      file.pieces.map(\.score) + [Float](repeating: 0, count: tokens.count - file.pieces.count)
    roles.apply(to: &vocabulary)
    vocabulary.addBOS = settings.flag("add_bos_token") ?? true
    vocabulary.addEOS = settings.flag("add_eos_token") ?? false
    let prefix = settings.isOfLlamaClass ? settings.llamaPrefix : nil
    vocabulary.addSpacePrefix = prefix.map { $0.places != .nowhere } ?? file.normalizer.addsDummyPrefix
    if prefix == nil, file.normalizer.removesExtraWhitespaces { vocabulary.removeExtraWhitespaces = true }
    vocabulary.chatTemplate = settings.chatTemplate
    vocabulary.namedTemplates = settings.namedTemplates
    let tokenizer = try Tokenizer(vocabulary, path: path, flags: settings.addedTokens, metaspacePrefix: prefix)
    return LoadedTokenizer(
      tokenizer: tokenizer, vocabulary: vocabulary, kept: settings.kept, losses: losses(prefix), path: path)
  }

  /// What GGUF cannot say of this tokenizer, where it decides the ids of some texts.
  private func losses(_ prefix: SpacePrefix?) -> [String] {
    var losses: [String] = []
    if let first = settings.addedTokens.first(where: { $0.stripsLeft || $0.stripsRight || $0.isSingleWord }) {
      losses.append(
        "added tokens such as \(shown(first.content)) take white space with them or count only as words of their own")
    }
    if prefix?.places == .beginning { losses.append("a space goes before the text and not after special tokens") }
    return losses
  }

  // MARK: - The file

  /// The pieces of a file, whatever its algorithm.
  static func pieces(of path: String) throws(FileError) -> [SPModel.Piece] {
    try parse(try InputFile.document(of: path), path: path).pieces
  }

  private static func parse(_ bytes: [UInt8], path: String) throws(FileError) -> SPModel {
    var cause = "it has no pieces"
    do {
      let file = try SPModel(serializedBytes: bytes)
      if !file.pieces.isEmpty {
        guard file.pieces.allSatisfy({ StreamSafeText.holds($0.piece) }) else {
          throw FileError(
            .malformed, path: path, "a character of a piece has more than \(StreamSafeText.mostMarks) marks")
        }
        return file
      }
    } catch let error as FileError {
      throw error
    } catch {
      cause = "\(error)"
    }
    guard !isRankList(bytes) else {
      throw FileError(
        .unsupported, path: path,
        "is a list of ranks as tiktoken reads it, not a SentencePiece model; a tokenizer.json beside it would be read")
    }
    throw FileError(.malformed, path: path, "is not a SentencePiece model: \(cause)")
  }

  /// Whether the first line is a word in base 64 and a number.
  private static func isRankList(_ bytes: [UInt8]) -> Bool {
    let line = bytes.prefix(256).prefix { $0 != UInt8(ascii: "\n") }
    let parts = line.split(separator: UInt8(ascii: " "))
    return parts.count == 2 && Int(String(decoding: parts[1], as: UTF8.self)) != nil
  }

  private static func name(_ algorithm: SPTrainer.Algorithm) -> String {
    switch algorithm {
    case .unigram: "Unigram"
    case .bpe: "BPE"
    case .word: "of whole words"
    case .char: "of single characters"
    }
  }

  private static func type(_ piece: SPModel.Piece) -> TokenType {
    // A byte token that is not of its form is ordinary text.
    if piece.kind == .byte, ByteToken.byte(of: piece.piece) == nil { return .normal }
    return TokenType(rawValue: Int32(piece.kind.rawValue)) ?? .normal
  }

  /// A user's token with spaces as text has them: it is looked for before spaces become `▁`.
  static func unescaped(_ token: String) -> String {
    var text = String.UnicodeScalarView()
    for scalar in token.unicodeScalars { text.append(scalar == "\u{2581}" ? " " : scalar) }
    return String(text)
  }
}
