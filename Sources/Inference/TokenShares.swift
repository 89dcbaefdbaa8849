/// How the tokens of a batch are dealt out when there are fewer panels than would keep all workers busy: each share is
/// a run of token blocks, and its panel is decoded once for it. Blocks are the same however they are shared.
struct TokenShares: Sendable {
  private let shares: [[Range<Int>]]

  init(tokens: Int, panels: Int, workers: Int) {
    let blocks = Panel.pieces(tokens, of: Panel.tokens)
    // Four items a worker even out their ends; a single worker has nothing to even out.
    let wanted = workers == 1 || panels == 0 ? 1 : (4 * workers + panels - 1) / panels
    let count = max(1, min(wanted, blocks.count))
    shares = (0..<count).map { share in
      Array(blocks[share * blocks.count / count..<(share + 1) * blocks.count / count])
    }
  }

  var count: Int { shares.count }

  subscript(share: Int) -> [Range<Int>] { shares[share] }
}
