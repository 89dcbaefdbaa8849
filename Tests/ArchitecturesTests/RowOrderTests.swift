import Tensors
import Testing

@testable import Architectures

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
  func theInverseBringsEveryRowBack(_ headDimension: Int) throws {
    for direction in [RowOrder.Direction.interleaving, .deinterleaving] {
      let order = RowOrder(direction, headDimension: headDimension)
      let inverse = try #require(order.inverse as? RowOrder)
      #expect(inverse.inverse as? RowOrder == order)
      for row in 0..<3 * headDimension {
        #expect(order.source(of: inverse.source(of: row)) == row)
        #expect(order.source(of: row) / headDimension == row / headDimension)
      }
    }
  }

  @Test func oppositeOrdersCancel() {
    let source = Derivation.source(named: "w")
    let order = RowOrder(.interleaving, headDimension: 8)
    #expect(source.applying(order).applying(order.inverse) == source)
    #expect(source.applying(order).applying(order) == .made(order, of: [.made(order, of: [source])]))
    let other = RowOrder(.deinterleaving, headDimension: 4)
    #expect(source.applying(order).applying(other) != source, "heads of another size do not cancel")
  }

  /// Of a slab of a large head no more than twice what it needs is read.
  @Test(
    arguments: [RowOrder.Direction.interleaving, .deinterleaving], [0..<64, 3..<17, 30..<34, 60..<70, 5..<6, 7..<7])
  func runsHaveTheRowsAndFewOthers(_ direction: RowOrder.Direction, _ rows: Range<Int>) {
    let order = RowOrder(direction, headDimension: 64)
    let inputs = TransformInputs(shape: [128, 3], tensors: [ArrayPart(counting: [128, 3])], memory: TransformMemory())
    let runs = LineRun.runs(of: RowPart(rows: rows, columns: 0..<3), order, inputs)
    let moves = runs.map { run in
      run.isInOrder
        ? run.part.rows.enumerated().map { (source: $1, row: rows.lowerBound + run.targets.lowerBound / 3 + $0) }
        : run.places.map { (source: run.part.rows.lowerBound + $0.from / 3, row: rows.lowerBound + $0.to / 3) }
    }
    #expect(moves.joined().map(\.row).sorted() == Array(rows))
    #expect(moves.joined().allSatisfy { $0.source == order.source(of: $0.row) })
    #expect(zip(runs, moves).allSatisfy { $0.part.rows.count <= 2 * $1.count })
    #expect(runs.count <= 3, "a head that is wanted whole is read at once")
  }
}
