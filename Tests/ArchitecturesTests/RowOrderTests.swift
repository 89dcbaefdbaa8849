import Architectures
import Testing

/// The order of the rows of q and k: half a head apart in Hugging Face's form, side by side in a GGUF.
@Suite struct RowOrderTests {
  @Test func aHeadOfFour() {
    let order = RowOrder(.interleaving, headDimension: 4)
    #expect((0..<4).map(order.source) == [0, 2, 1, 3])
    #expect((4..<8).map(order.source) == [4, 6, 5, 7], "heads stay where they are")
  }

  @Test func aHeadOfEight() {
    #expect((0..<8).map(RowOrder(.interleaving, headDimension: 8).source) == [0, 4, 1, 5, 2, 6, 3, 7])
    #expect((0..<8).map(RowOrder(.deinterleaving, headDimension: 8).source) == [0, 2, 4, 6, 1, 3, 5, 7])
  }

  @Test(arguments: [2, 4, 6, 8, 32, 128])
  func theInverseBringsEveryRowBack(_ headDimension: Int) {
    for direction in [RowOrder.Direction.interleaving, .deinterleaving] {
      let order = RowOrder(direction, headDimension: headDimension)
      #expect(order.inverse.inverse == order)
      for row in 0..<3 * headDimension {
        #expect(order.source(of: order.inverse.source(of: row)) == row)
        #expect(order.source(of: row) / headDimension == row / headDimension)
      }
    }
  }

  @Test func oppositeOrdersCancel() {
    let source = Derivation.source(TensorReference("w"))
    let order = RowOrder(.interleaving, headDimension: 8)
    #expect(source.reordered(order).reordered(order.inverse) == source)
    #expect(source.reordered(order).reordered(order) == .reordered(.reordered(source, order), order))
    let other = RowOrder(.deinterleaving, headDimension: 4)
    #expect(source.reordered(order).reordered(other) != source, "heads of another size do not cancel")
  }

  /// Of a slab of a large head no more than twice what it needs is read.
  @Test(
    arguments: [RowOrder.Direction.interleaving, .deinterleaving], [0..<64, 3..<17, 30..<34, 60..<70, 5..<6, 7..<7])
  func runsHaveTheRowsAndFewOthers(_ direction: RowOrder.Direction, _ rows: Range<Int>) {
    let order = RowOrder(direction, headDimension: 64)
    let runs = order.runs(of: rows)
    #expect(runs.joined().map(\.row).sorted() == Array(rows))
    #expect(runs.joined().allSatisfy { $0.source == order.source(of: $0.row) })
    #expect(runs.allSatisfy { $0.sources.count <= 2 * $0.count })
    #expect(runs.count <= 3, "a head that is wanted whole is read at once")
  }
}
