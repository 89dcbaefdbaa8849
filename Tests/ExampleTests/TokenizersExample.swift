import Testing
import Tokenizers

@Suite struct TokenizersExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let tokenizer = try TokenizerFolder.load(made("Llama-3.2-1B")).tokenizer
    let ids = tokenizer.encode("The small cat sees a river.")
    print(ids, tokenizer.decode(ids))
    #expect(tokenizer.decode(ids).contains("small cat"))
  }
}
