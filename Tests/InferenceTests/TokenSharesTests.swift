import Testing

@testable import Inference

@Suite struct TokenSharesTests {
  /// Blocks stay the same however tokens are shared, and every block has one share.
  @Test func sharesCoverTheTokens() {
    for tokens in [1, 511, 512, 513, 2048, 5000] {
      for workers in [1, 2, 16, 64] {
        let shares = TokenShares(tokens: tokens, panels: 3, workers: workers)
        let blocks = (0..<shares.count).flatMap { shares[$0] }
        #expect(blocks == Panel.pieces(tokens, of: Panel.tokens))
        #expect((0..<shares.count).allSatisfy { !shares[$0].isEmpty })
      }
    }
  }
}
