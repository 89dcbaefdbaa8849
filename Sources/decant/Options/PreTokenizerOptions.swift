internal import ArgumentParser
internal import Tokenizers

/// How text is cut into words before a vocabulary over bytes is asked.
struct PreTokenizerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Cut text as llama.cpp's pre-tokenizer of that name does, whatever the tokenizer says.", valueName: "name"),
    completion: .list(PreTokenizer.knownNames))
  var preTokenizer: String?

  func validate() throws {
    guard let preTokenizer, !PreTokenizer.knownNames.contains(preTokenizer) else { return }
    throw ValidationError(
      "--pre-tokenizer \(preTokenizer) is not known; these are: \(PreTokenizer.knownNames.joined(separator: ", ")).")
  }
}
