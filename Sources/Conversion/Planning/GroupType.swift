public import Quantization

/// A type of groups in the spelling of a layout: what codes are, and how far a scale reaches.
public struct GroupType: Hashable, Sendable {
  /// The layout's name on the command line: `mlx`.
  public let layout: String
  /// What codes are: `int4`, `fp8`, `nvfp4`.
  public let name: String
  /// Rows and columns that share a scale; 0 is all.
  public let extent: GroupExtent
  /// Whether 0 is the middle of all codes, so that groups have a scale alone.
  public let isSymmetric: Bool

  init(layout: String, name: String, extent: GroupExtent, isSymmetric: Bool = true) {
    self.layout = layout
    self.name = name
    self.extent = extent
    self.isSymmetric = isSymmetric
  }

  /// Bits of a code.
  var bits: Int { name.hasPrefix("int") ? Int(name.dropFirst(3)) ?? 8 : name.hasSuffix("8") ? 8 : 4 }

  /// As `init(text:)` reads it: `gptq:int4/128`, `gptq:int4/128/zeros`, `fp8:fp8/128x128`.
  var text: String { "\(layout):\(name)/\(extent.text)" + (isSymmetric ? "" : "/zeros") }

  /// nil where no layout writes such a type.
  init?(text: String) {
    let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard halves.count == 2, let layout = WeightLayouts.writing(halves[0]) else { return nil }
    let parts = halves[1].split(separator: "/").map(String.init)
    guard parts.count == 2 || (parts.count == 3 && parts[2] == "zeros"), let extent = GroupExtent(text: parts[1]) else {
      return nil
    }
    self.init(layout: layout.key, name: parts[0], extent: extent, isSymmetric: parts.count == 2)
    guard layout.has(self) else { return nil }
  }
}

extension GroupExtent {
  /// The whole tensor, and a whole row.
  public static let tensor = GroupExtent(rows: 0, columns: 0)
  public static let row = GroupExtent(rows: 1, columns: 0)

  /// `128`, `row`, `tensor`, `128x128`.
  public var text: String {
    switch self {
    case .tensor: "tensor"
    case .row: "row"
    default: rows == 1 ? "\(columns)" : "\(rows)x\(columns)"
    }
  }

  /// nil for anything else.
  public init?(text: String) {
    switch text {
    case "tensor": self = .tensor
    case "row": self = .row
    default:
      let sizes = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
      guard (1...2).contains(sizes.count), sizes.allSatisfy({ (1...1 << 20).contains($0) }) else { return nil }
      self.init(rows: sizes.count == 2 ? sizes[0] : 1, columns: sizes[sizes.count - 1])
    }
  }
}
