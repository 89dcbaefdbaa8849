internal import Bytes

/// The ids of the tokens with a role, brought together from all files of a folder.
struct TokenRoles {
  var bosID: Int32?
  var eosID: Int32?
  var unknownID: Int32?
  var paddingID: Int32?
  var separatorID: Int32?
  var maskID: Int32?
  var endOfTurnID: Int32?
  var endOfMessageID: Int32?
  /// Every token that ends a text or a turn.
  var endIDs: [Int32]

  /// Texts that end a turn, in the families that have one.
  private static let endsOfTurn = ["<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|eot|>"]
  /// What begins the next turn, and ends one where nothing else does.
  private static let beginningsOfTurn = ["<|user|>"]
  private static let endsOfMessage = ["<|eom_id|>", "<|eom|>"]

  /// A token's text in `tokenizer_config.json` or `special_tokens_map.json` goes before the ids in `config.json` and
  /// `generation_config.json`. Of end tokens, all count.
  init(_ settings: FolderSettings, _ index: VocabularyIndex) {
    func id(_ role: String) -> Int32? {
      if let text = settings.token(role), let id = index.id(of: text) { return id }
      return ids(role).first
    }
    func ids(_ role: String) -> [Int32] {
      // Configurations are copied from model to model: an id that the vocabulary lacks means nothing.
      settings.ids(role + "_id").compactMap { $0 < index.tokens.count ? Int32($0) : nil }
    }
    bosID = id("bos_token")
    eosID = id("eos_token")
    unknownID = id("unk_token")
    paddingID = id("pad_token")
    separatorID = id("sep_token")
    maskID = id("mask_token")
    var seen: Set<Int32> = []
    endIDs = ([eosID].compactMap(\.self) + ids("eos_token")).filter { seen.insert($0).inserted }
    func end(_ texts: [String]) -> Int32? { endIDs.first { texts.contains(index.tokens[Int($0)]) } }
    endOfTurnID = end(Self.endsOfTurn) ?? end(Self.beginningsOfTurn)
    endOfMessageID = end(Self.endsOfMessage)
  }

  func apply(to vocabulary: inout GGUFVocabulary) {
    vocabulary.bosID = bosID
    vocabulary.eosID = eosID
    vocabulary.unknownID = unknownID
    vocabulary.paddingID = paddingID
    vocabulary.separatorID = separatorID
    vocabulary.maskID = maskID
    vocabulary.eotID = endOfTurnID
    vocabulary.eomID = endOfMessageID
    vocabulary.endIDs = endIDs
  }
}
