import Conversion
import Quantization
import Testing

@testable import Allocation

/// Options are chosen as well as trying all of them would, but for a step.
@Suite struct AllocatorTests {
  /// Tensors whose options have sizes and damages that are drawn by chance.
  private static func tensors(_ seed: UInt64, count: Int = 5, options: Int = 4) -> [TensorOptions] {
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    return (0..<count).map { number in
      TensorOptions(
        name: "tensor.\(number)", elementCount: 256,
        options: (0..<options).map { _ in
          TypeOption(
            type: TargetType(codec: Float32Codec()), byteCount: 1 + next(50), damage: Double(1 + next(1000)) / 1000)
        })
    }
  }

  /// Every choice there is.
  private static func all(_ tensors: [TensorOptions]) -> [Allocation] {
    var choices: [[Int]] = [[]]
    for tensor in tensors { choices = choices.flatMap { known in tensor.options.indices.map { known + [$0] } } }
    return choices.map { Allocation($0, of: tensors) }
  }

  /// The most that one option of a tensor differs from another.
  private static func largestStep(_ tensors: [TensorOptions], _ value: (TypeOption) -> Double) -> Double {
    tensors.map { tensor in
      (tensor.options.map(value).max() ?? 0) - (tensor.options.map(value).min() ?? 0)
    }.max() ?? 0
  }

  @Test(arguments: 0..<40) func leastDamageWithinASize(_ seed: UInt64) throws {
    let tensors = Self.tensors(seed)
    let allocator = Allocator(tensors)
    let all = Self.all(tensors)
    let largest = allocator.best.byteCount
    for budget in stride(from: allocator.smallest.byteCount, through: largest + 5, by: 7) {
      let found = try #require(allocator.allocation(within: budget))
      #expect(found.byteCount <= budget)
      let best = try #require(all.filter { $0.byteCount <= budget }.map(\.damage).min())
      #expect(found.damage - best <= Self.largestStep(tensors, \.damage))
      // No single option is better and fits.
      for (number, tensor) in tensors.enumerated() {
        for option in tensor.options.indices {
          var choices = found.choices
          choices[number] = option
          let other = Allocation(choices, of: tensors)
          #expect(other.byteCount > budget || other.damage >= found.damage - 1e-12)
        }
      }
    }
    #expect(allocator.allocation(within: allocator.smallest.byteCount - 1) == nil)
    #expect(allocator.allocation(within: .max)?.damage == all.map(\.damage).min())
  }

  @Test(arguments: 0..<40) func fewestBytesWithinADamage(_ seed: UInt64) throws {
    let tensors = Self.tensors(seed)
    let allocator = Allocator(tensors)
    let all = Self.all(tensors)
    let (least, most) = (allocator.best.damage, allocator.smallest.damage)
    for share in [0, 0.1, 0.3, 0.6, 1] {
      let limit = least + share * (most - least)
      let found = try #require(allocator.allocation(losing: limit))
      #expect(found.damage <= limit)
      let best = try #require(all.filter { $0.damage <= limit }.map(\.byteCount).min())
      #expect(Double(found.byteCount - best) <= Self.largestStep(tensors) { Double($0.byteCount) })
    }
    #expect(allocator.allocation(losing: least / 2) == nil)
  }

  /// What is smaller and better is all that is ever taken.
  @Test func optionsThatAreWorseInBothAreNeverTaken() throws {
    let type = TargetType(codec: Float32Codec())
    let tensors = [
      TensorOptions(
        name: "a", elementCount: 1,
        options: [
          TypeOption(type: type, byteCount: 10, damage: 1), TypeOption(type: type, byteCount: 12, damage: 2),
          TypeOption(type: type, byteCount: 20, damage: 0.5), TypeOption(type: type, byteCount: 20, damage: 0.5),
        ])
    ]
    let allocator = Allocator(tensors)
    #expect(allocator.smallest.choices == [0] && allocator.best.choices == [2])
    #expect(allocator.allocation(within: 15)?.choices == [0])
    #expect(allocator.allocation(losing: 0.7)?.choices == [2])
  }

  @Test func typesByName() {
    let tensors = Self.tensors(1, count: 3, options: 2)
    let table = Allocation([0, 1, 0], of: tensors).table(of: tensors)
    #expect(Set(table.types.keys) == ["tensor.0", "tensor.1", "tensor.2"])
  }
}
