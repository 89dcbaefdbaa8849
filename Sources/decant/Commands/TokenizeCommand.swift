internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import JSON
internal import Tokenizers

struct TokenizeCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show the tokens that a model reads a text as.",
    discussion: """
      A line for each token: its id and its text, or what the vocabulary calls it
      where it is no whole character. These are the tokens that perplexity, compare
      and imatrix give to a model, with the one for the beginning of a text.

      A text may hold what looks like a control token, as <|im_end|>. It is read as
      the characters that it is made of, and with --special as that token, as in a
      chat.

      With --json: tokens (their number), ids, vocabulary (the number of tokens that
      there are).

      EXAMPLES
        decant tokenize tiny-q8_0.gguf --text text.txt
        decant tokenize TinyLlama/ --text - --special --json
      """)

  @Argument(
    help: "Model whose tokenizer is used: a folder, a GGUF or a tokenizer file.", completion: .file(),
    transform: InputPath.model)
  var model: String

  @Option(
    help: ArgumentHelp("Text to read; - for standard input.", valueName: "file"), completion: .file(),
    transform: InputPath.file)
  var text: String

  @Flag(help: "Read the text of a control token as that token.")
  var special = false

  @OptionGroup var cutting: PreTokenizerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    StatusLine.shared.begin("reading the tokenizer")
    let tokenizer = try ModelTokenizer.load(model, preTokenizer: cutting.preTokenizer)
    StatusLine.shared.begin("reading \(text)")
    let ids = tokenizer.encode(utf8: try TextFile.utf8(of: text), parseSpecial: special)
    if talk.json {
      try Terminal.result(
        JSONText.of([
          "ids": .array(ids.map { .integer(Int($0)) }), "tokens": .integer(ids.count),
          "vocabulary": .integer(tokenizer.vocabularySize),
        ]))
    } else {
      let width = String(max(tokenizer.vocabularySize - 1, 0)).count
      try Terminal.results { line throws(FileError) in
        for id in ids {
          let number = String(id)
          try line(String(repeating: " ", count: width - number.count) + number + "  " + Self.shown(id, tokenizer))
        }
      }
    }
  }

  private static func shown(_ id: Int32, _ tokenizer: Tokenizer) -> String {
    let bytes = tokenizer.bytes(of: id)
    guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else {
      return tokenizer.token(id).map { $0.printable } ?? "?"
    }
    return FileError.quoted(text)
  }
}
