/// The code of a blockwise type: what each code means relative to the block's largest magnitude, and which code a
/// value gets.
public struct BlockwiseCode: Hashable, Sendable, CustomStringConvertible {
  /// As on the command line: `nf4`.
  public let name: String
  /// Bits a code takes: 4 or 8.
  public let bits: Int
  /// What code `c` means, as a part of absmax: `quant_map` in files. 16 or 256 values.
  public let values: [Float]
  /// Who defined the way such tensors are spelled in files: `bitsandbytes`, or `decant` for our own.
  public let owner: String
  let rounding: Rounding

  public var description: String { name }

  /// How the code of a value is found.
  enum Rounding: Hashable, Sendable {
    /// The nearest value. `order` are the codes by ascending value, `midpoints` lie between the values of neighbours;
    /// a midpoint itself gets the lower code.
    case nearest(order: [Int], midpoints: [Float])
    /// A whole number from `-levels` to `levels`, half to even, stored with `levels + 1` added.
    case integer(levels: Int)
  }

  /// Every code.
  public static let all: [BlockwiseCode] = [nf4, fp4, int8, int4]

  /// bitsandbytes' 4-bit NormalFloat: quantiles of the normal distribution. Source: `get_4bit_type("nf4")`.
  public static let nf4 = BlockwiseCode(
    nearest: "nf4",
    [
      -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
      -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
      0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ])

  /// bitsandbytes' 4-bit float: a sign bit above three bits that stand for twelfths. It has two zeros; as
  /// bitsandbytes does on a CPU, values just above zero get code 8 and zero itself, or values just below, code 0.
  /// Source: `get_4bit_type("fp4")`.
  public static let fp4: BlockwiseCode = {
    let magnitudes = ([0, 0.0625, 8, 12, 4, 6, 2, 3] as [Float]).map { $0 / 12 }
    return BlockwiseCode(nearest: "fp4", magnitudes + magnitudes.map { 0 - $0 })
  }()

  /// Whole numbers from -127 to 127, stored with 128 added. Code 0, which no encoder writes, means -128/127.
  public static let int8 = BlockwiseCode(integer: "int8", bits: 8)

  /// Whole numbers from -7 to 7, stored with 8 added. Code 0, which no encoder writes, means -8/7.
  public static let int4 = BlockwiseCode(integer: "int4", bits: 4)

  private init(nearest name: String, _ values: [Float]) {
    self.name = name
    self.values = values
    bits = 4
    owner = "bitsandbytes"
    // Stable, so that of the two zeros of FP4 code 0 is the lower.
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    rounding = .nearest(
      order: order, midpoints: zip(order, order.dropFirst()).map { (values[$0] + values[$1]) / 2 })
  }

  private init(integer name: String, bits: Int) {
    self.name = name
    self.bits = bits
    let zero = 1 << (bits - 1)
    values = (0..<1 << bits).map { Float($0 - zero) / Float(zero - 1) }
    owner = "decant"
    rounding = .integer(levels: zero - 1)
  }

  /// Codes that an encoder writes, by ascending value, one for each value.
  var levels: [Int] {
    switch rounding {
    case .nearest(let order, _):
      order.reduce(into: []) { if $0.last.map({ values[$0] }) != values[$1] { $0.append($1) } }
    case .integer: Array(1..<values.count)
    }
  }

  /// The code of zero, which fills the second half of a last byte.
  public var zeroCode: Int { code(of: 0, absmax: 0, isPartialBlock: false) }

  /// The code of `value` in a block whose largest magnitude is `absmax`: the definition.
  func code(of value: Float, absmax: Float, isPartialBlock: Bool) -> Int {
    switch rounding {
    case .nearest(let order, let midpoints):
      // bitsandbytes multiplies by the reciprocal, but divides in a last, partial block.
      let divisor = max(absmax, 1e-38)
      let scaled = max(-1, min(1, isPartialBlock ? value / divisor : value * (1 / divisor)))
      return order[midpoints.firstIndex { scaled <= $0 } ?? midpoints.count]
    case .integer(let levels):
      // The reciprocal stays finite.
      let inverse = Float(levels) / max(absmax, 1e-36)
      return levels + 1 + Int((value * inverse).rounded(.toNearestOrEven))
    }
  }
}
